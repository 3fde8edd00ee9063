"""Outputs of a teacher in a file: computed once, gone on with after an interruption, refused where it is damaged."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.records.feature_spec import CHOICES, LABELS
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import JobError
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.multiple_choice.features import choice_features
from bert_tf2.training.distillation import kept_outputs
from bert_tf2.training.distillation.kept_outputs import FEATURE, TaughtRecords

ROWS, WIDTH = 21, 3
OUTPUTS = np.random.default_rng(2).normal(size=(ROWS, WIDTH)).astype(np.float32)


class Teacher:
    """Gives rows, until it is interrupted; notes what it was asked for."""

    def __init__(self, most=99):
        self.asked, self._most = [], most

    def __call__(self, first, end):
        if len(self.asked) == self._most:
            raise KeyboardInterrupt
        self.asked.append((first, end))
        return OUTPUTS[first:end]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_outputs, "_AT_ONCE", 8)
    return str(tmp_path / "teacher_outputs" / "key.npy")


def test_computed_once_and_mapped(path):
    teacher = Teacher()
    for _ in range(2):
        kept = kept_outputs.kept_outputs(path, ROWS, WIDTH, teacher)
        assert isinstance(kept, np.memmap)
        np.testing.assert_array_equal(kept, OUTPUTS)
    assert teacher.asked == [(0, 8), (8, 16), (16, 21)]
    np.testing.assert_array_equal(np.load(path), OUTPUTS)


@pytest.mark.parametrize("torn", [0, 5])
def test_an_interrupted_computation_goes_on(path, tmp_path, torn):
    with pytest.raises(KeyboardInterrupt):
        kept_outputs.kept_outputs(path, ROWS, WIDTH, Teacher(most=2))
    (partial,) = (tmp_path / "teacher_outputs").iterdir()
    assert partial.name != "key.npy"
    if torn:
        partial.write_bytes(partial.read_bytes()[:-torn])
    teacher = Teacher()
    np.testing.assert_array_equal(kept_outputs.kept_outputs(path, ROWS, WIDTH, teacher), OUTPUTS)
    assert teacher.asked == ([(8, 16), (16, 21)] if torn else [(16, 21)])
    assert [file.name for file in (tmp_path / "teacher_outputs").iterdir()] == ["key.npy"]


@pytest.mark.parametrize("content", [b"", b"nothing", "cut", "other"])
def test_a_damaged_file_is_named(path, tmp_path, content):
    (tmp_path / "teacher_outputs").mkdir()
    if content == "other":
        np.save(path, OUTPUTS[:3])
    else:
        np.save(path, OUTPUTS)
        file = pathlib.Path(path)
        file.write_bytes(file.read_bytes()[:-4] if content == "cut" else content)
    with pytest.raises(JobError, match=r"key\.npy is damaged: it must hold float32 \[21, 3\]; remove it"):
        kept_outputs.kept_outputs(path, ROWS, WIDTH, Teacher())


def test_records_carry_their_rows():
    specs = classification_features()
    encoder = ExampleEncoder(specs)
    made = [
        encoder.encode(
            {"input_ids": [1] * n, "input_mask": [1] * n, "segment_ids": [0] * n, "label_ids": n, "is_real_example": 1}
        )
        for n in (1, 2, 3)
    ]
    records = TaughtRecords(RecordSet.in_memory(made, specs, "made"), OUTPUTS[:3], (LABELS,))
    batch = parse_records(tf.constant([records.read(row) for row in (2, 0)]), records.specs)
    np.testing.assert_array_equal(batch[FEATURE], OUTPUTS[[2, 0]])
    np.testing.assert_array_equal(batch["label_ids"], [3, 1])


def test_questions_carry_as_many_as_they_have_choices():
    specs = choice_features()
    encoder = ExampleEncoder(specs)
    made = []
    for choices in (2, 3):
        values = {name: [[1] * (1 + place) for place in range(choices)] for name in ("input_ids", "input_mask", "segment_ids")}
        made.append(encoder.encode(values | {"label_ids": 0}))
    records = RecordSet.in_memory(made, specs, "made")
    assert kept_outputs.width_of(records, (CHOICES,), 1) == 3
    taught = TaughtRecords(records, OUTPUTS[:2], (CHOICES,))
    batch = parse_records(tf.constant([taught.read(row) for row in (0, 1)]), taught.specs)
    np.testing.assert_array_equal(batch[FEATURE], [[*OUTPUTS[0, :2], 0], OUTPUTS[1]])


def test_a_part_of_records_is_numbered_from_0():
    specs = classification_features()
    records = RecordSet(["a", "b"], specs, [b"0123", b"4567"], [np.array([[0, 2], [2, 4]]), np.array([[0, 2], [2, 4]])])
    part = records.part(1, 3)
    assert [part.read(row) for row in range(len(part))] == [b"23", b"45"]
    assert part.location(1).startswith("b, record 0")
