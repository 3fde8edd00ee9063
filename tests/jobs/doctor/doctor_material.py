"""Small facts for examinations, and what they find."""

import types

import numpy as np

from bert_tf2.jobs.doctor.facts import Inputs
from bert_tf2.jobs.doctor.findings import Severity

OK, ADVICE, WRONG, FAILS = Severity.OK, Severity.ADVICE, Severity.WRONG, Severity.FAILS


def some(**values):
    return types.SimpleNamespace(**values)


def inputs(name, rows, classes=None, answers=True):
    """A set of rows of ids, with their classes."""
    ids = [np.array(row, np.int32) for row in rows]
    given = None if classes is None or not answers else [bytes([one]) for one in classes]
    of_class = None if classes is None else np.array(classes)
    return Inputs(name, ids, [row.tobytes() for row in ids], ids, [len(row) for row in ids], given, of_class)


def facts_of(*sets, names=("bad", "good"), **values):
    """Facts of these sets and these classes."""

    def told_rows(name, records, rows):
        return [(f"/data/{name}.tsv:{row}", f"text {row}") for row in rows]

    run = some(told_rows=told_rows, meta=None, max_seq_length=8)
    known = {"run": run, "task": some(class_names=names), "options": some()}
    return some(**known | {"inputs": {one.name: one for one in sets}} | values)


def found(examine, facts):
    return [(one.severity, one.says, one.cure) for one in examine(facts)]


def worst(examine, facts):
    return max((one for one in examine(facts)), key=lambda one: one.severity)
