"""What holds of every kind of task holds of multiple choice: padding, batch sizes, resumption, exports."""

import json

import pytest

from bert_tf2.api import check_task

ROWS = [
    {"context": "the movie was good", "question": "was it", "choices": ["good", "very bad"], "answer": 0},
    {"question": "was the movie", "choices": ["good", "bad", "so so", "neither"], "answer": 2},
    {"context": "it was very very long and bad", "choices": ["a bore", "a delight", "short"], "answer": "A"},
]


@pytest.mark.slow
def test_multiple_choice_holds_what_every_kind_must(tmp_path):
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in ROWS * 4))
    test.write_text("".join(json.dumps({**row, "answer": None}) + "\n" for row in ROWS[:2]))
    scores = check_task("multiple_choice", str(train), test_file=str(test))
    assert 0 <= scores["accuracy"] <= 1
