"""What holds of every kind of task holds of tagging: padding, batch sizes, resumption, exports."""

import pytest

from bert_tf2.api import check_task

ROWS = "Ann B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n\nit O\nrains O\n, O\nBob B-PER\n\nBerlin B-LOC\n! O\n\n"


@pytest.mark.slow
@pytest.mark.parametrize("use_crf", [False, True])
def test_tagging_holds_what_every_kind_must(tmp_path, use_crf):
    path = tmp_path / "rows.conll"
    path.write_text(ROWS * 5 + "far O\n" * 100 + "\n")
    scores = check_task("tagging", str(path), run_options={"use_crf": use_crf})
    assert 0 <= scores["entity_f1"] <= scores["token_accuracy"] <= 1
