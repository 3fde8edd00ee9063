"""What is known of a checkpoint besides its weights, from the files beside it: the run it is of, the names of its labels."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.model_directory.model_files import HUGGING_FACE_CONFIG, META_DATA
from bert_tf2.models.checkpoints.hugging_face import labels_in
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.training.run_directory import RUN_CONFIG


def facts_beside(path: str) -> dict[str, Any]:
    """What the training of a checkpoint noted of its data (task, vocabulary, labels); empty for one of another program.

    Args:
      path: `Source.path`.
    """
    run = _read(path, RUN_CONFIG).get("run")
    data = run.get("data") if isinstance(run, dict) else None
    return data if isinstance(data, dict) else {}


def labels_beside(path: str) -> tuple[str, ...] | None:
    """The names of a classification head's classes in the order of its outputs; None where nothing names them.

    They come from our run_config.json or meta_data.json, or from the config.json of `transformers`.

    Args:
      path: `Source.path`.
    """
    named = facts_beside(path).get("labels") or _read(path, META_DATA).get("label_list")
    if not named:
        named = labels_in(_read(path, HUGGING_FACE_CONFIG))
    return tuple(named) if named and all(isinstance(name, str) for name in named) else None


def _read(path: str, name: str) -> dict[str, Any]:
    return files.read_object(os.path.dirname(path), name)


def fit_classes(
    source: Source, labels: Sequence[str] | None, num_labels: int, may_change: bool = False
) -> tuple[Source, str | None]:
    """Makes a checkpoint's classification head that of the given labels, or takes it out where it is of others.

    Args:
      source: the checkpoint.
      labels: names in id order; None where they are not known, or for regression.
      num_labels: how many outputs the model has; 1 for regression.
      may_change: the head will be trained, so that it may be that of fewer labels or of more.

    Returns:
      The checkpoint, its classes in the order of `labels`, and why the head cannot be used (None where it can), as the
      predicate of a sentence about the checkpoint. Where one side has no names, equal numbers are taken for equal labels.
    """
    head = source.head("classifier")
    if not head:
        return source, None
    there = labels_beside(source.path)
    size = head["output_bias"].shape[0]
    if may_change and there and labels and len(there) == size and num_labels > 1:
        some = _rows_of_some(there, labels)
        if some is not None and (None in some or len(some) != size):
            return dataclasses.replace(source.with_classes(some), notes=[*source.notes, _changed(there, labels, some)]), None
    if size != num_labels:
        return source.without_head("classifier"), (
            f"has a classification head of {_outputs(size, there)}, where the data have {_outputs(num_labels, labels)}"
        )
    if num_labels == 1 or there == tuple(labels or ()):
        return source, None
    if there is None or labels is None or len(there) != size:
        order = f"in the data's order ({_listed(labels)})" if labels else "in the order of the data's ids"
        return dataclasses.replace(source, notes=[*source.notes, f"nothing names its labels: they are taken {order}"]), None
    rows = _rows(there, labels)
    if rows is None:
        shown = f"has a classification head of the labels {_listed(there)}, where the data have {_listed(labels)}"
        return source.without_head("classifier"), shown
    return source.with_classes(rows), None


def _rows(there: Sequence[str], labels: Sequence[str]) -> list[int] | None:
    """The place of each label in `there`; letter case counts only where names would not differ without it."""
    for form in (str, str.casefold):
        places = {form(name): index for index, name in enumerate(there)}
        wanted = [form(label) for label in labels]
        if len(places) == len(there) and set(wanted) == set(places) and len(set(wanted)) == len(wanted):
            return [places[label] for label in wanted]
    return None


def _rows_of_some(there: Sequence[str], labels: Sequence[str]) -> list[int | None] | None:
    """As `_rows`, None for a label that is not there; where all of one side are on the other, and two or more are on both."""
    rows: list[int | None] = [there.index(label) if label in there else None for label in labels]
    kept = sum(row is not None for row in rows)
    is_part = kept in (len(there), len(labels))
    return rows if is_part and kept > 1 and len(set(there)) == len(there) else None


def _changed(there: Sequence[str], labels: Sequence[str], rows: Sequence[int | None]) -> str:
    new = [label for label, row in zip(labels, rows) if row is None]
    gone = [label for label in there if label not in labels]
    parts = [f"{_listed(new)} (new) from zero"] if new else []
    parts += [f"without {_listed(gone)}, which the data have not"] if gone else []
    return f"its classification head goes on with the labels that the data have too; {' and '.join(parts)}"


def _outputs(number: int, labels: Sequence[str] | None) -> str:
    if number == 1:
        return "1 output (a number)"
    return f"{number} classes" + (f" ({_listed(labels)})" if labels else "")


def _listed(labels: Sequence[str], most: int = 6) -> str:
    return ", ".join(labels[:most]) + (", …" if len(labels) > most else "")
