"""A small task that a tiny model learns: the label says which of two words a sentence holds."""

import json
import pathlib
import random

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions


def write_rows(path: pathlib.Path, rows: int, seed: int) -> None:
    """Writes a TSV with a header, labels `negative` and `positive`."""
    chosen = random.Random(seed)
    lines = ["text\tlabel"]
    for _ in range(rows):
        label = chosen.choice(["negative", "positive"])
        words = ["the", "movie", "was"] + ["very"] * chosen.randrange(8) + ["bad" if label == "negative" else "good"]
        chosen.shuffle(words)
        lines.append(f"{' '.join(words)}\t{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Workplace:
    """A directory with records, metadata and a configuration, and the command line that uses them."""

    def __init__(self, directory: pathlib.Path, vocab_file: str, config: dict):
        self.directory, self.vocab_file = directory, vocab_file
        self.config_file = directory / "bert_config.json"
        # A wider start than BERT's lets sixteen units learn in a few dozen steps.
        self.config_file.write_text(json.dumps(config | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0}))
        self.model_dir = directory / "model"

    def prepare(self, *flags: str) -> int:
        """Makes records of the TSV files."""
        arguments = [f"--{split}_file={self.directory / split}.tsv" for split in ("train", "eval", "test")]
        arguments += [f"--{split}_data_output_path={self.directory / split}.tf_record" for split in ("train", "eval", "test")]
        arguments += [f"--meta_data_file_path={self.directory / 'meta_data.json'}", f"--vocab_file={self.vocab_file}"]
        return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments, "--max_seq_length=32", *flags])

    def arguments(self, *flags: str) -> list[str]:
        """The command line of a run on the records; later flags win."""
        return [
            f"--input_meta_data_path={self.directory / 'meta_data.json'}",
            *(f"--{split}_data_path={self.directory / split}.tf_record" for split in ("train", "eval", "test")),
            f"--bert_config_file={self.config_file}",
            f"--model_dir={self.model_dir}",
            "--num_gpus=0",
            "--seed=1",
            "--train_batch_size=16",
            "--learning_rate=0.01",
            *flags,
        ]

    def run(self, *flags: str) -> int:
        """Runs the classifier and returns the exit code."""
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *self.arguments(*flags)])

    def run_alone(self, *flags: str) -> int:
        """Runs the classifier with these flags and no others, and returns the exit code."""
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *flags])

    def write_raw(self, name: str = "raw", train: int = 30, dev: int = 11, test: int = 7) -> pathlib.Path:
        """Writes SST-2's files, with so many rows, to a directory of their own."""
        data_dir = self.directory / name
        data_dir.mkdir()
        for split, rows in (("train", train), ("dev", dev)):
            lines = [f"the movie was {'very ' * (i % 7)}{['bad', 'good'][i % 2]}\t{i % 2}" for i in range(rows)]
            (data_dir / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")
        lines = [f"{i}\tgood {'movie ' * i}" for i in range(test)]
        (data_dir / "test.tsv").write_text("\n".join(["index\tsentence", *lines]) + "\n")
        return data_dir

    def run_tf1(self, data_dir: pathlib.Path, output_dir: pathlib.Path, *flags: str) -> int:
        """Runs the classifier on SST-2's raw files, or on those of another `--task_name`, and returns the exit code."""
        arguments = ["--task_name=SST-2", f"--data_dir={data_dir}", f"--output_dir={output_dir}"]
        arguments += [f"--vocab_file={self.vocab_file}", f"--bert_config_file={self.config_file}"]
        arguments += ["--max_seq_length=32", "--num_train_epochs=1", "--num_gpus=0", "--seed=1"]
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments, *flags])
