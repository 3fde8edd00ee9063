"""How often each class occurs, and whether the sets have the same ones."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong
from bert_tf2.model_directory.model_files import META_DATA

_FEW, _UNEQUAL, _SHOWN = 10, 10.0, 8


def examine(facts: Facts) -> Iterator[Finding]:
    """Balance, classes that lack, and metadata that number the classes otherwise."""
    names, inputs = list(facts.task.class_names), facts.inputs
    yield from _other_orders(facts)
    train = inputs.get("train")
    if train is None or train.classes is None:
        return
    counts = np.bincount(train.classes, minlength=len(names))
    shares = counts / counts.sum()
    order = np.argsort(-counts, kind="stable")
    shown = ", ".join(f"{names[one]} {counts[one]:,} ({shares[one]:.1%})" for one in order[:_SHOWN])
    more = f", … ({len(names)} classes)" if len(names) > _SHOWN else ""
    yield ok(f"train: {shown}{more}; always guessing the most frequent one is right in {shares.max():.1%}")
    absent = [names[one] for one in range(len(names)) if not counts[one]]
    if absent:
        yield advice(
            f"no training row has the label '{absent[0]}'{_more(absent)}: it cannot be learned",
            "training rows of that label, or data without it",
        )
    present = counts[counts > 0]
    if len(present) == 1:
        yield wrong("all training rows have one label: there is nothing to learn", "training rows of the other labels")
    elif present.max() > _UNEQUAL * present.min() and not _treats_rare_ones(facts.options):
        rarest = names[int(np.where(counts > 0, counts, counts.max() + 1).argmin())]
        yield advice(
            f"the most frequent label is {present.max() / present.min():.0f} times as frequent as '{rarest}' "
            f"({present.min():,} rows)",
            "--class_weights=balanced, and --best_metric=macro_f1: accuracy hides rare labels",
        )
    few = [names[one] for one in range(len(names)) if 0 < counts[one] < _FEW]
    if few and len(present) > 1:
        yield advice(f"fewer than {_FEW} training rows have the label '{few[0]}'{_more(few)}", "more rows of that label")
    for name, one in inputs.items():
        if one is train or one.classes is None:
            continue
        unseen = [names[label] for label in np.unique(one.classes) if not counts[label]]
        if unseen:
            yield wrong(
                f"{name}: the label '{unseen[0]}'{_more(unseen)} never occurs in train", "a split whose sets have the same labels"
            )


def _treats_rare_ones(options: Any) -> bool:
    return any(getattr(options, name, None) for name in ("class_weights", "oversample"))


def _other_orders(facts: Facts) -> Iterator[Finding]:
    """Label lists in the metadata beside other sets' records, which number the same classes otherwise."""
    meta = facts.run.meta
    if meta is None or not meta.label_list:
        return
    for examples in facts.data.sets:
        path = os.path.join(os.path.dirname(files.expand(examples.origin.split(",")[0])), META_DATA)
        try:
            there = read_meta_data(path).label_list if examples.origin and files.exists(path) else ()
        except UserError:
            continue
        if there and tuple(there) != tuple(meta.label_list):
            yield wrong(
                f"{examples.name}: its records number the labels as {_listed(there)} ({path}), the training's as "
                f"{_listed(meta.label_list)}: a number means one label there and another here",
                "make the records of all sets in one run of create_finetuning_data.py, or give it the same --labels",
            )


def _listed(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:_SHOWN]) + (", …" if len(labels) > _SHOWN else "")


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
