"""Directories of trainings that never were: records, metadata and a checkpoint of weights as they were drawn."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import tensorflow as tf
import tf_keras
from squad_workplace import write_squad
from xlnet_material import train_xlnet_pieces

from bert_tf2 import cli
from bert_tf2.jobs.export.job import export
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.trained.source import TrainedModel, open_trained
from bert_tf2.training.evaluation import predict_all

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "hidden_act": "gelu",
}
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": {"type_vocab_size": 2, **SIZES},
    "albert": {"model_type": "albert", "embedding_size": 8, "num_hidden_groups": 1, "inner_group_num": 1, **SIZES},
    "electra": {"model_type": "electra", "embedding_size": 8, **SIZES},
    "roberta": {"model_type": "roberta", "type_vocab_size": 1, **SIZES, "max_position_embeddings": 66},
    "distilbert": {
        "model_type": "distilbert",
        "dim": 16,
        "hidden_dim": 32,
        "n_heads": 2,
        "n_layers": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
    },
    "xlnet": {"model_type": "xlnet", "d_model": 16, "d_inner": 32, "n_head": 2, "n_layer": 2, "initializer_range": 0.3},
}
TEXTS = ["The movie was very good", "bad, the movie was bad!", "was it good? very, very good", "a film so poor", "très bad movie"]
LENGTH = 32


class TrainedPlace:
    """A directory with the run of one kind of task and one family of encoders.

    Args:
      directory: empty.
      kind: as `--fine_tuning_task_type` takes it.
      family: one of `ENCODERS`.
      vocabulary: the flag that names it, and its path.
      options: further flags of the preparation.
      run_options: what the run's identity notes of the kind's own flags.
    """

    def __init__(
        self, directory: pathlib.Path, kind: str, family: str, vocabulary: tuple[str, str], *options: str, **run_options: Any
    ):
        self.directory, self.kind, self.model_dir = directory, kind, directory / "model"
        self.model_dir.mkdir()
        self._vocabulary, self._options, self.run_options = vocabulary, options, run_options
        self.records = directory / "eval.tf_record"
        self._prepare()
        self._write_run(ENCODERS[family])

    @property
    def check_flags(self) -> list[str]:
        """The flags that name labelled records."""
        return [f"--predict_file={self.directory / 'dev.json'}"] if self.kind == "squad" else [f"--eval_data_path={self.records}"]

    def _prepare(self) -> None:
        flag, path = self._vocabulary
        meta = self.model_dir / "meta_data.json"
        arguments = [f"--fine_tuning_task_type={self.kind}", f"--{flag}={path}", f"--meta_data_file_path={meta}", *self._options]
        arguments += ["--tokenization=SentencePiece"] if flag == "sp_model_file" else []
        if self.kind == "squad":
            write_squad(self.directory / "dev.json", 9, 1)
            arguments += [f"--squad_data_file={self.directory / 'dev.json'}", f"--train_data_output_path={self.records}"]
            arguments += ["--doc_stride=8", "--max_query_length=8"]
        else:
            file = write_rows(self.directory, self.kind)
            arguments += [f"--eval_file={file}", f"--eval_data_output_path={self.records}"]
            arguments += [f"--prompt_file={self.directory / 'prompts.json'}"] if self.kind == "prompt_classification" else []
        arguments += [f"--max_seq_length={LENGTH}"]
        assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 0

    def _write_run(self, encoder: dict[str, Any]) -> None:
        from bert_tf2.data.records.metadata import read_meta_data
        from bert_tf2.model_directory import model_files
        from bert_tf2.models.families.base import config_of, family_of
        from bert_tf2.text.tokenizer import load_tokenizer

        flag, path = self._vocabulary
        meta = read_meta_data(str(self.model_dir / "meta_data.json"))
        tokenizer = load_tokenizer(
            **{flag: path},
            tokenization="SentencePiece" if flag == "sp_model_file" else "WordPiece",
            normalization=meta.normalization,
        )
        config = config_of(encoder | {"vocab_size": tokenizer.vocab_size})
        (self.model_dir / "run_config.json").write_text(json.dumps({"run": {"data": self.run_options}}))
        for name, content in model_files.planned(str(self.model_dir), config, meta, tokenizer, replaces=True).items():
            pathlib.Path(name).write_bytes(content)
        tf_keras.utils.set_random_seed(1)
        task = task_of(meta, config, self.run_options)
        model = task.build_model(family_of(config).build(config, output_range=task.output_range))
        tf.train.Checkpoint(model=model).write(str(self.model_dir / "ckpt-1"))

    def run(self, name: str, *flags: str) -> int:
        """Exports to a directory of that name, and gives the exit code."""
        arguments = [f"--model_dir={self.model_dir}", f"--output_dir={self.directory / name}", *flags]
        return cli.run(export, ExportOptions, "", ["export", *arguments])

    def opened(self) -> TrainedModel:
        """The original, with the records."""
        flags = dict(flag.removeprefix("--").split("=", 1) for flag in self.check_flags)
        return open_trained(ExportOptions(model_dir=self.model_dir, to="onnx", output_dir="x", **flags))

    def outcome(self) -> tuple[Any, Any]:
        """The task, and what it makes of what the original gives for the records."""
        source = self.opened()
        collected = predict_all(source.task, source.model, tf.distribute.get_strategy(), source.examples.records, 4)
        return source.task, source.task.outcome(collected, source.examples)


def task_of(meta: Any, config: Any, run_options: dict[str, Any]) -> Any:
    """The task that a run's metadata name."""
    from bert_tf2.data.records.metadata import SQUAD
    from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
    from bert_tf2.tasks.kind import kind_of
    from bert_tf2.tasks.question_answering.decoding import DecodingOptions
    from bert_tf2.tasks.question_answering.task import SpanTask

    if meta.task_type == SQUAD:
        return SpanTask(DecodingOptions(), initializer_range=config.initializer_range)
    return kind_of(meta.task_type).task(meta, config, ClassifierOptions(mode="eval", **run_options))


def write_rows(directory: pathlib.Path, kind: str) -> pathlib.Path:
    """A file of a few rows of a kind of task."""
    labels = {"classification": "abab", "multi_label": ["a", "b", "a,c", "c", "b"], "regression": ["0.5", "1", "2.5", "3", "0"]}
    if kind == "prompt_classification":
        prompts = {"patterns": ["[MASK]! {text}", "{text} It was [MASK]."], "verbalizers": {"a": ["good", "very"], "b": "bad"}}
        (directory / "prompts.json").write_text(json.dumps(prompts))
        kind = "classification"
    if kind in labels:
        path = directory / "rows.tsv"
        rows = [f"{text}\t{(list(labels[kind]) * 2)[row]}" for row, text in enumerate(TEXTS)]
        path.write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    elif kind == "tagging":
        path = directory / "rows.conll"
        sentences = [[*text.split(), *["movie"] * 40 * (row == 1)] for row, text in enumerate(TEXTS)]
        path.write_text(
            "\n".join("".join(f"{word} {'B-X' if i % 3 == 0 else 'O'}\n" for i, word in enumerate(words)) for words in sentences)
        )
    elif kind == "multiple_choice":
        path = directory / "rows.jsonl"
        rows = [
            {
                "context": text * (1 + 3 * (row == 1)),
                "question": "good?",
                "choices": ["no", "so so", "yes"][: 2 + row % 2],
                "answer": 0,
            }
            for row, text in enumerate(TEXTS)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path = directory / "rows.tsv"
        rows = [f"{text}\t{TEXTS[row - 1]}\t{row}" for row, text in enumerate(TEXTS)]
        path.write_text("\n".join(["text_a\ttext_b\tscore", *rows]) + "\n", encoding="utf-8")
    return path


def xlnet_pieces(directory: pathlib.Path) -> str:
    """A SentencePiece model of XLNet's that spells `TEXTS`."""
    lines = ["the Movie was good bad very what which so yes no", "abcdefghijklmnopqrstuvwxyz .?"] * 20
    return train_xlnet_pieces(directory / "xlnet.model", lines, 120)


# Runs a program as a machine would on which neither TensorFlow nor this package is.
_ALONE = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "tf_keras", "keras", "tensorflow_text", "bert_tf2", "tf2onnx", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Absent())
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def example_says(folder: pathlib.Path, *arguments: str) -> str:
    """What `example.py` of an export prints where there is no TensorFlow."""
    command = [sys.executable, "-c", _ALONE, str(folder / "example.py"), *arguments]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
