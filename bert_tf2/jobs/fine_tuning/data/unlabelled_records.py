"""Records of `--unlabelled_data_path`, whose labels nobody reads: whether they are such as those that are trained on."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, read_meta_data
from bert_tf2.data.records.mixed_records import MixedRecords
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import model_facts
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.training.run_directory import shown

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task

FLAG = "unlabelled_data_path"
_WEIGHT = "weight"
# What metadata of single kinds say that decides what an input is.
_OF_KINDS = ("max_qa_length", "fills_blank", "label_all_tokens")
_CURE = (
    "make them as the training's, with create_finetuning_data.py --test_file, in one command with these or with the "
    "--input_meta_data_path of the teacher"
)


def with_unlabelled(labelled: RecordSet, pattern: str, meta: MetaData, task: "Task", config: "BertConfig") -> MixedRecords:
    """Labelled records and those of `--unlabelled_data_path` as one set.

    Args:
      labelled: what is trained on, checked.
      pattern: the flag's.
      meta: of the labelled ones.
      task: of both.
      config: of the model.

    Raises:
      UserError: they were made otherwise than the labelled ones, nothing says how, or they are these.
    """
    there = _checked_metadata(files.matching_files(pattern, FLAG), pattern, labelled, meta)
    lacks_weight = meta.has_sample_weights and not all(one.has_sample_weights for one in there)
    specs = [spec for spec in task.features if not (lacks_weight and spec.name == _WEIGHT)]
    records = RecordSet.open(pattern, specs, None, FLAG)
    records.check_longest(meta.max_seq_length)
    records.check_token_ids(config.vocab_size)
    sizes = records.sizes_of(np.arange(len(records)))
    for axis, most in task.most.items():
        if axis in sizes and sizes[axis].max() > most:
            row = int(sizes[axis].argmax())
            raise UserError(
                f"{records.location(row)} has {sizes[axis][row]} {axis}, more than the {most} of the training's metadata, which "
                f"decide the shape of a batch; leave it out of --{FLAG}"
            )
    return MixedRecords(labelled, records, {_WEIGHT: 1.0} if lacks_weight else {})


def _checked_metadata(paths: Sequence[str], pattern: str, labelled: RecordSet, meta: MetaData) -> list[MetaData]:
    """The metadata of each file."""
    trained_on = {os.path.realpath(path) for path in labelled.paths}
    found = []
    for path in paths:
        if os.path.realpath(path) in trained_on:
            raise UserError(f"--{FLAG}={pattern}: {path} is trained on with its labels already; leave it out")
        there = meta if _tells_of(meta, path) else _metadata_beside(path)
        if there is None:
            raise UserError(f"--{FLAG}={pattern}: no {META_DATA} beside it tells how {path} was made; {_CURE}")
        if differing := _differing(meta, there):
            raise UserError(f"--{FLAG}={pattern}: {path} was made otherwise than what is trained on ({differing}); {_CURE}")
        found.append(there)
    return found


def _tells_of(meta: MetaData, path: str) -> bool:
    split = meta.split_of(path)
    return split is not None and meta.files[split].bytes == files.size_of(path)


def _metadata_beside(path: str) -> MetaData | None:
    """Those of the metadata in a file's folder (meta_data.json, unlabelled_meta_data.json, …) that tell of it."""
    import tensorflow as tf

    folder = os.path.dirname(path) or "."
    names = sorted(name for name in tf.io.gfile.listdir(folder) if name.endswith(META_DATA))
    found = (read_meta_data(os.path.join(folder, name)) for name in names)
    return next((meta for meta in found if _tells_of(meta, path)), None)


def _differing(meta: MetaData, there: MetaData) -> str:
    """In what two preparations differ that decides what an input is; empty for nothing."""
    mine, its = _facts(meta), _facts(there)
    return "; ".join(
        f"{name}: {shown(its[name])} there, {shown(value)} here"
        for name, value in mine.items()
        if None not in (value, its.get(name)) and its[name] != value
    )


def _facts(meta: MetaData) -> dict[str, Any]:
    facts = model_facts(meta) | {"max_seq_length": meta.max_seq_length, "pairs": meta.has_pairs}
    return facts | {"long_text": LongText.of(meta).flags} | {name: meta.extra.get(name) for name in _OF_KINDS}
