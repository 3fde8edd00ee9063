"""`check_task`: a kind of task is run from files to predictions on tiny data, and what has to hold of every kind is looked at."""

import os
import pathlib
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, without_training
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Weights large enough that what the model answers differs from row to row: a correlation of answers that are all but equal
# would tell of the last bit of their rounding, which the size of a batch may change.
_CONFIG = {
    "initializer_range": 0.3,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
_MOST_EXAMPLES = 500
_TRAINING = {
    "learning_rate": 1e-3,
    "train_batch_size": 4,
    "num_train_epochs": 2,
    "seed": 1,
    "save_checkpoints_steps": 1,
    "keep_checkpoint_max": 0,
}


class CheckFailed(AssertionError):
    """Something that holds of every kind of task does not hold of this one."""


def check_task(
    kind: str,
    train_file: str,
    eval_file: str | None = None,
    test_file: str | None = None,
    *,
    data_options: Mapping[str, Any] | None = None,
    run_options: Mapping[str, Any] | None = None,
    encoder: Mapping[str, Any] | None = None,
) -> dict[str, float]:
    """Runs a registered kind of task from raw files to predictions with a tiny model that knows nothing, in about half a minute.

    It makes records, trains two epochs, evaluates, predicts and exports, and looks at what has to hold:

    - records of fixed length and unpadded ones give the same predictions and scores, so nothing depends on padding;
    - so do all batch sizes, so no row depends on the others;
    - a training that is interrupted and goes on gives the weights of one that was not;
    - a run's directory is all that a later evaluation needs, and its scores are those of the training;
    - every SavedModel that the task promises is there and can be loaded.

    Args:
      kind: its name, as `--fine_tuning_task_type` takes it; the module that registers it has been imported.
      train_file, eval_file, test_file: tiny files of its data, of not more than a few hundred examples; `eval_file` is
        `train_file` where it is not given.
      data_options: further options of `create_finetuning_data.py`; with `sp_model_file` text becomes pieces of that model.
      run_options: further options of `run_classifier.py`.
      encoder: what the encoder's configuration file holds but for `vocab_size`, of any family; None for a tiny BERT.

    Returns:
      The scores of the evaluation.

    Raises:
      UserError, JobError: as the two commands.
      CheckFailed: one of these things does not hold; the message says which.
    """
    with tempfile.TemporaryDirectory() as directory:
        split_files = {"train": train_file, "eval": eval_file or train_file} | ({"test": test_file} if test_file else {})
        return _Run(directory, kind, split_files, data_options or {}, run_options or {}, encoder or _CONFIG).check()


class _Run:
    def __init__(
        self,
        directory: str,
        kind: str,
        split_files: Mapping[str, str],
        data_options: Mapping[str, Any],
        run_options: Mapping[str, Any],
        encoder: Mapping[str, Any],
    ):
        self._directory, self._kind, self._run_options = directory, kind, dict(run_options)
        self._files = split_files
        self._vocabulary, size = _vocabulary(data_options, os.path.join(directory, "vocab.txt"), self._files.values())
        tokenization = "SentencePiece" if "sp_model_file" in self._vocabulary else "WordPiece"
        self._data_options = {**self._vocabulary, "tokenization": tokenization, "max_seq_length": 48, **data_options}
        self._config_file = os.path.join(directory, "bert_config.json")
        files.write_json(self._config_file, {**encoder, "vocab_size": size})

    def check(self) -> dict[str, float]:
        plain, padded = self._prepare("plain"), self._prepare("padded", pad_to_max_length=True)
        done = self._trained(plain, "model", model_export_path=self._path("export"))
        scores = done["evaluation"]["eval"]
        if not scores:
            raise CheckFailed(f"{self._kind}: the evaluation gives no scores")
        self._same(done, self._evaluated(plain, "model"), "an evaluation of the trained directory")
        self._same(done, self._evaluated(padded, "model"), "an evaluation on records of fixed length (--pad_to_max_length)")
        self._same(done, self._evaluated(plain, "model", eval_batch_size=1), "an evaluation with --eval_batch_size=1")
        self._predict(plain)
        self._check_exports()
        self._check_resumption(plain)
        return scores

    def _path(self, *names: str) -> str:
        return os.path.join(self._directory, *names)

    def _prepare(self, name: str, **options: Any) -> dict[str, str]:
        outputs = {f"{split}_data_path": self._path(name, f"{split}.tf_record") for split in self._files}
        paths: dict[str, Any] = {f"{split}_file": path for split, path in self._files.items()}
        paths |= {f"{split}_data_output_path": outputs[f"{split}_data_path"] for split in self._files}
        create_finetuning_data(
            FinetuningDataOptions(
                fine_tuning_task_type=self._kind,
                meta_data_file_path=self._path(name, "meta_data.json"),
                **paths,
                **self._data_options,
                **options,
            )
        )
        meta = read_meta_data(self._path(name, "meta_data.json"))
        if not 0 < meta.train_data_size <= _MOST_EXAMPLES:
            raise UserError(f"check_task takes a few examples to train on; {self._files['train']} gives {meta.train_data_size}")
        return outputs

    def _options(self, records: Mapping[str, str], model: str, **options: Any) -> ClassifierOptions:
        given = {
            "bert_config_file": self._config_file,
            "model_dir": self._path(model),
            "input_meta_data_path": os.path.join(os.path.dirname(records["train_data_path"]), "meta_data.json"),
        }
        run_options = self._run_options if options["mode"] == "train_and_eval" else without_training(self._run_options)
        return ClassifierOptions(**given | self._vocabulary | {**records, **run_options} | options)

    def _trained(self, records: Mapping[str, str], model: str, **options: Any) -> dict[str, Any]:
        return run_classifier(self._options(records, model, mode="train_and_eval", **{**_TRAINING, **options}))

    def _evaluated(self, records: Mapping[str, str], model: str, **options: Any) -> dict[str, Any]:
        return run_classifier(self._options(records, model, mode="eval", **options))

    def _same(self, one: Mapping[str, Any], other: Mapping[str, Any], what: str) -> None:
        scores, others = one["evaluation"]["eval"], other["evaluation"]["eval"]
        outcome, again = one["outcomes"]["eval"], other["outcomes"]["eval"]
        found = dict(scores) | (outcome if isinstance(outcome, dict) else {})
        found_again = dict(others) | (again if isinstance(again, dict) else {})
        for name, value in found.items():
            if not _alike(value, found_again.get(name)):
                raise CheckFailed(f"{self._kind}: {what} gives another {name}: {found_again.get(name)}, not {value}")

    def _predict(self, records: Mapping[str, str]) -> None:
        before = set(os.listdir(self._path("model")))
        run_classifier(self._options(records, "model", mode="predict"))
        if not set(os.listdir(self._path("model"))) - before:
            raise CheckFailed(f"{self._kind}: a prediction writes no file (Task.prediction_files)")

    def _check_exports(self) -> None:
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 (registers the operations of tokenizers)

        exported = [name for name in os.listdir(self._directory) if name.startswith("export")]
        if not exported:
            raise CheckFailed(f"{self._kind}: nothing is exported (Task.exports)")
        for name in exported:
            if "serving_default" not in tf.saved_model.load(self._path(name)).signatures:
                raise CheckFailed(f"{self._kind}: the SavedModel {name} has no signature serving_default")

    def _check_resumption(self, records: Mapping[str, str]) -> None:
        """Takes the second half of the training back and goes on from there."""
        from bert_tf2.training import checkpointing

        directory = self._path("model")
        whole = _weights(directory)
        middle = (checkpointing.latest_step(directory) or 0) // 2
        for name in os.listdir(directory):
            step = name.partition("ckpt-")[2].partition(".")[0]
            if name == "best_checkpoint.json" or (step.isdecimal() and int(step) > middle):
                os.remove(os.path.join(directory, name))
        self._trained(records, "model")
        for name, value in _weights(directory).items():
            if not np.array_equal(value, whole[name]):
                raise CheckFailed(
                    f"{self._kind}: a training that went on from a checkpoint ends with another {name} than one that was never "
                    "interrupted; is something drawn at random, or remembered from step to step?"
                )


def _alike(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind not in "fiub" or other.dtype.kind not in "fiub":
        return True
    if one.ndim > 1 and one.shape != other.shape:
        # What has a value for each token is filled up to the longest row, which fixed lengths make longer.
        least = tuple(slice(min(sizes)) for sizes in zip(one.shape, other.shape))
        one, other = one[least], other[least]
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True))


def _vocabulary(data_options: Mapping[str, Any], path: str, texts: Iterable[str]) -> tuple[dict[str, str], int]:
    """The vocabulary by the option that names it, and its size: a SentencePiece model that is given, or at `path` every letter of
    the files alone and as the rest of a word, so that no word is unknown."""
    if model := data_options.get("sp_model_file"):
        from bert_tf2.text.tokenizer import load_tokenizer

        return {"sp_model_file": model}, load_tokenizer(sp_model_file=model, tokenization="SentencePiece").vocab_size
    written = "".join(pathlib.Path(text).read_text(encoding="utf-8") for text in texts).lower()
    signs = sorted(sign for sign in set(written) if sign.isprintable() and not sign.isspace())
    tokens = [*_SPECIAL, *signs, *(f"##{sign}" for sign in signs)]
    files.write_text(path, "\n".join(tokens) + "\n")
    return {"vocab_file": path}, len(tokens)


def _weights(directory: str) -> dict[str, np.ndarray]:
    import tensorflow as tf

    from bert_tf2.training import checkpointing

    reader = tf.train.load_checkpoint(
        checkpointing.CheckpointDirectory(directory).prefix(checkpointing.latest_step(directory) or 0)
    )
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("model/")}
