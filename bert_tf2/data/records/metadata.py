"""`meta_data.json`: what a trainer knows about its records, in the model garden's keys and a few more.

With the record files it is the only thing that passes from data preparation to training. It is written last, so that
records without metadata are known to be unfinished.
"""

import dataclasses
import os
from typing import Any

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.text.normalization import Normalization

FORMAT_VERSION = 1
CLASSIFICATION = "bert_classification"
REGRESSION = "bert_regression"
MULTI_LABEL = "bert_multi_label"
PROMPT_CLASSIFICATION = "bert_prompt_classification"
SQUAD = "bert_squad"
PRETRAINING = "bert_pretraining"
_SIZE = "_data_size"


@dataclasses.dataclass(frozen=True)
class RecordFile:
    """A record file as it was written: base name, number of records, size in bytes, SHA-256 in hexadecimal."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class MetaData:
    """What `meta_data.json` holds.

    Attributes:
      task_type: `bert_classification`, `bert_regression`, `bert_multi_label`, `bert_squad`, `bert_pretraining`, …
      max_seq_length: the length at which texts were cut.
      sizes: number of records by split (`train`, `eval`, `test`, further ones such as `eval_mismatched`); written as
        `train_data_size` and so on. `train` is always there, 0 without training data.
      processor_type: the name of the task or of the processor.
      num_labels: number of classes; None for regression.
      label_type: `float` for regression, None otherwise.
      has_sample_weights: records hold a `weight`.
      has_pairs: whether each of the training's texts (without training data, all texts) is a pair; None where some are and
        where nothing is said of it.
      label_list: label names in the order of their ids; empty where another writer did not store them.
      metrics: the task's metrics, as `accuracy`.
      best_metric: the metric that names the best checkpoint; None leaves it to the trainer.
      tokenization: `wordpiece`, `sentencepiece` or `bytelevelbpe`.
      do_lower_case, strip_accents, tokenize_chinese_chars, never_split, vocab_size, vocab_fingerprint: of the tokenizer that
        made the ids; see `normalization` and `facts_of_tokenizer`.
      truncated_fraction: share of examples that were cut, by split.
      files: the record files by split.
      shards: the record files of training data that are divided into several, in order.
      padded: the records have Google's fixed length.
      format_version: None for metadata written by the model garden.
      extra: all other keys, kept as they are.
    """

    task_type: str
    max_seq_length: int
    sizes: dict[str, int]
    processor_type: str = ""
    num_labels: int | None = None
    label_type: str | None = None
    has_sample_weights: bool = False
    has_pairs: bool | None = None
    label_list: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    best_metric: str | None = None
    tokenization: str | None = None
    do_lower_case: bool | None = None
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool | None = None
    never_split: tuple[str, ...] = ()
    vocab_size: int | None = None
    vocab_fingerprint: str | None = None
    truncated_fraction: dict[str, float] = dataclasses.field(default_factory=dict)
    files: dict[str, RecordFile] = dataclasses.field(default_factory=dict)
    shards: tuple[RecordFile, ...] = ()
    padded: bool | None = None
    format_version: int | None = FORMAT_VERSION
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def train_data_size(self) -> int:
        """Number of training records; 0 without training data."""
        return self.sizes.get("train", 0)

    @property
    def is_regression(self) -> bool:
        """Whether labels are numbers."""
        return self.task_type == REGRESSION

    @property
    def normalization(self) -> Normalization | None:
        """How text was prepared for the tokenizer; None where nothing is said of it.

        What only later versions say is as it always was before them: Google's.
        """
        if self.do_lower_case is None:
            return None
        return Normalization(
            self.do_lower_case, self.strip_accents, self.tokenize_chinese_chars is not False, tuple(self.never_split)
        )

    def split_of(self, path: str, wanted: str | None = None) -> str | None:
        """The split whose record file has the base name of `path`; None when the metadata lists no such file.

        Files in different folders may have one name (`train/data.tf_record`, `eval/data.tf_record`): then it is the one of
        the size of `path`, first of all the `wanted` split.
        """
        name = os.path.basename(path)
        named = sorted((split for split, file in self.files.items() if file.name == name), key=lambda split: split != wanted)
        if len(named) > 1 and files.exists(path):
            size = files.size_of(path)
            named.sort(key=lambda split: self.files[split].bytes != size)
        return next(iter(named), None)


# Optional keys and the type a value must have; `label_list` and the like are checked apart.
_SIMPLE = {
    "processor_type": str,
    "num_labels": int,
    "label_type": str,
    "has_sample_weights": bool,
    "has_pairs": bool,
    "best_metric": str,
    "tokenization": str,
    "do_lower_case": bool,
    "strip_accents": bool,
    "tokenize_chinese_chars": bool,
    "vocab_size": int,
    "vocab_fingerprint": str,
    "padded": bool,
}
_REQUIRED = {"task_type": str, "max_seq_length": int, "train_data_size": int}


def facts_of_tokenizer(tokenizer: Any) -> dict[str, Any]:
    """What metadata say of a `bert_tf2.text.tokenizer.Tokenizer`, as arguments of `MetaData`.

    The ways of preparing text that hardly any vocabulary asks for are noted only where they are taken.
    """
    normalization = tokenizer.normalization
    return {
        "tokenization": tokenizer.kind,
        "do_lower_case": normalization.do_lower_case,
        "strip_accents": normalization.strip_accents,
        "tokenize_chinese_chars": None if normalization.tokenize_chinese_chars else False,
        "never_split": normalization.never_split,
        "vocab_size": tokenizer.vocab_size,
        "vocab_fingerprint": tokenizer.fingerprint,
    }


def to_json(meta_data: MetaData) -> dict[str, Any]:
    """The dictionary that is written: the garden's keys first, absent values left out."""
    out: dict[str, Any] = {
        "processor_type": meta_data.processor_type,
        "train_data_size": meta_data.train_data_size,
        "max_seq_length": meta_data.max_seq_length,
        "task_type": meta_data.task_type,
    }
    out.update({f"{split}{_SIZE}": size for split, size in meta_data.sizes.items()})
    out.update({key: getattr(meta_data, key) for key in _SIMPLE if getattr(meta_data, key) is not None})
    if not meta_data.has_sample_weights:
        del out["has_sample_weights"]
    out["format_version"] = meta_data.format_version
    out |= {key: list(getattr(meta_data, key)) for key in ("never_split", "label_list") if getattr(meta_data, key)}
    out["metrics"] = list(meta_data.metrics)
    out["truncated_fraction"] = meta_data.truncated_fraction
    out["files"] = {split: dataclasses.asdict(file) for split, file in meta_data.files.items()}
    if meta_data.shards:
        out["shards"] = [dataclasses.asdict(shard) for shard in meta_data.shards]
    return out | meta_data.extra


def write_meta_data(path: str, meta_data: MetaData) -> None:
    """Writes `meta_data.json`, whole or not at all; the last act of a job that prepares data.

    Raises:
      UserError: the directory is not writable.
      JobError: the disk is full or fails.
    """
    files.write_json(files.expand(path), to_json(meta_data))


def read_meta_data(path: str) -> MetaData:
    """Reads `meta_data.json`, ours or the model garden's.

    Raises:
      UserError: it does not exist, is not JSON, lacks a key, or a key has a value of the wrong kind.
    """
    path = files.require_file(path, "input_meta_data_path")
    wanted, cure = "metadata of records", "give the meta_data.json beside them"
    value = files.read_json(path, wanted, cure)
    if not isinstance(value, dict):
        raise UserError(f"{path}: not metadata: expected a JSON object, found {type(value).__name__}")
    for key, kind in _REQUIRED.items():
        if key not in value:
            other = file_kinds.json_kind(value)
            if other is not None and "meta_data" not in other:
                raise UserError(f"{path} is {other}, not {wanted}; {cure}")
            # The garden's metadata for tagging and retrieval lack some; those records are of no use here either.
            raise UserError(f"{path}: the key '{key}' is missing; prepare the data again with create_finetuning_data.py")
        _check(path, key, value[key], kind)
    version = value.get("format_version")
    if version is not None and (not _is(version, int) or version > FORMAT_VERSION):
        raise UserError(f"{path}: format_version {version} is not known to this version (it writes {FORMAT_VERSION}); upgrade")
    simple = {key: value[key] for key in _SIMPLE if value.get(key) is not None}
    for key, entry in simple.items():
        _check(path, key, entry, _SIMPLE[key])
    known = {
        *_REQUIRED,
        *_SIMPLE,
        "never_split",
        "format_version",
        "label_list",
        "metrics",
        "truncated_fraction",
        "files",
        "shards",
    }
    sizes = {}
    for key in value:
        # The garden's tagging metadata holds a dictionary under `test_data_size`; only numbers are sizes.
        if key.endswith(_SIZE) and _is(value[key], int):
            sizes[key.removesuffix(_SIZE)] = _check(path, key, value[key], int)
            known.add(key)
    meta_data = MetaData(
        task_type=value["task_type"],
        max_seq_length=value["max_seq_length"],
        sizes=sizes,
        label_list=_names(path, value, "label_list"),
        never_split=_names(path, value, "never_split"),
        metrics=_names(path, value, "metrics"),
        truncated_fraction=_check(path, "truncated_fraction", value.get("truncated_fraction", {}), dict),
        files=_record_files(path, value.get("files", {})),
        shards=_shards(path, value.get("shards", [])),
        format_version=version,
        extra={key: entry for key, entry in value.items() if key not in known},
        **simple,
    )
    return _consistent(path, meta_data)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check(path: str, key: str, value: Any, kind: type) -> Any:
    if not _is(value, kind):
        raise UserError(f"{path}: '{key}' must be of type {kind.__name__}; got {value!r}")
    if kind is int and value < 0:
        raise UserError(f"{path}: '{key}' must be 0 or greater; got {value}")
    return value


def _names(path: str, value: dict, key: str) -> tuple[str, ...]:
    names = _check(path, key, value.get(key, []), list)
    return tuple(_check(path, key, name, str) for name in names)


def _record_files(path: str, value: Any) -> dict[str, RecordFile]:
    entries = _check(path, "files", value, dict)
    return {split: _record_file(path, f"files.{split}", entry) for split, entry in entries.items()}


def _shards(path: str, value: Any) -> tuple[RecordFile, ...]:
    entries = _check(path, "shards", value, list)
    return tuple(_record_file(path, f"shards[{index}]", entry) for index, entry in enumerate(entries))


def _record_file(path: str, where: str, entry: Any) -> RecordFile:
    _check(path, where, entry, dict)
    kinds = {"name": str, "records": int, "bytes": int, "sha256": str}
    for key, kind in kinds.items():
        _check(path, f"{where}.{key}", entry.get(key), kind)
    return RecordFile(**{key: entry[key] for key in kinds})


def _consistent(path: str, meta_data: MetaData) -> MetaData:
    """Checks what holds between the keys."""
    if meta_data.max_seq_length < 1:
        raise UserError(f"{path}: 'max_seq_length' must be at least 1; got {meta_data.max_seq_length}")
    names = meta_data.label_list
    if names and meta_data.num_labels != len(names):
        raise UserError(f"{path}: 'num_labels' is {meta_data.num_labels} but 'label_list' names {len(names)} labels")
    for split, file in meta_data.files.items():
        if meta_data.sizes.get(split) != file.records:
            raise UserError(
                f"{path}: '{split}{_SIZE}' is {meta_data.sizes.get(split)} but 'files' counts {file.records} records; "
                "prepare the data again"
            )
    in_shards = sum(shard.records for shard in meta_data.shards)
    if meta_data.shards and meta_data.train_data_size != in_shards:
        raise UserError(
            f"{path}: 'train_data_size' is {meta_data.train_data_size} but 'shards' count {in_shards} records; "
            "prepare the data again"
        )
    return meta_data
