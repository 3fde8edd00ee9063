"""Files of texts that are compared: every form, and what is wrong with a file in one line."""

import json

import pytest

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.tasks.similarity.reading import open_all


def opened(tmp_path, content, name="rows.tsv", split="train", **options):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    made = FinetuningDataOptions(fine_tuning_task_type="similarity", **{f"{split}_file": str(path)}, **options)
    return open_all(made)[split]


def rows(file, **options):
    return [(example.texts, example.score, example.label) for example in file.examples(BadRows(), **options)]


def test_lines_are_texts_and_blank_ones_are_none(tmp_path):
    file = opened(tmp_path, "a b\n\n c d \n   \ne\n", "rows.txt")
    assert (file.form, rows(file)) == ("texts", [(("a b",), None, None), ((" c d ",), None, None), (("e",), None, None)])
    file = opened(tmp_path, "text\na b\n", "rows.txt")
    assert rows(file) == [(("a b",), None, None)]


@pytest.mark.parametrize(
    ("header", "row", "form", "found"),
    [
        ("sentence1\tsentence2", "a\tb", "pairs", (("a", "b"), None, None)),
        ("index\tsource1\tsentence1\tsentence2\tscore", "7\tnone\ta\tb\t2.5", "scores", (("a", "b"), 2.5, None)),
        ("pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment", "1\ta\tb\t4\tNEUTRAL", "scores",
         (("a", "b"), 4.0, None)),
        ("anchor\tpositive\tnegative", "a\tb\tc", "triplets", (("a", "b", "c"), None, None)),
        ("premise\thypothesis\tgold_label", "a\tb\tneutral", "labels", (("a", "b"), None, "neutral")),
    ],
)  # fmt: skip
def test_usual_names(tmp_path, header, row, form, found):
    file = opened(tmp_path, f"{header}\n{row}\n")
    assert (file.form, rows(file)) == (form, [found])


def test_a_label_may_be_called_none(tmp_path):
    file = opened(tmp_path, "premise\thypothesis\tlabel\na\tb\tnone\n")
    assert rows(file) == [(("a", "b"), None, "none")]
    with pytest.raises(UserError, match=r"rows.tsv:2: no label"):
        rows(opened(tmp_path, "premise\thypothesis\tlabel\na\tb\t-\n"))


def test_what_a_flag_names_comes_before_usual_names(tmp_path):
    content = "sentence1\tsentence2\tscore\tverdict\na\tb\t3\tyes\n"
    assert rows(opened(tmp_path, content, label_column="verdict")) == [(("a", "b"), None, "yes")]


def test_objects_and_places(tmp_path):
    content = json.dumps({"text": "a", "text_b": "b", "score": 1}) + "\n"
    assert rows(opened(tmp_path, content, "rows.jsonl")) == [(("a", "b"), 1.0, None)]
    places = {"text_column": 1, "text_b_column": 0, "score_column": 2}
    assert rows(opened(tmp_path, "a,b,0.5\n", "rows.csv", **places)) == [(("b", "a"), 0.5, None)]


def test_scores_are_needed_but_for_prediction(tmp_path):
    content = "sentence1\tsentence2\tscore\na\tb\t\n"
    with pytest.raises(UserError, match=r"rows.tsv:2: no score"):
        rows(opened(tmp_path, content))
    assert rows(opened(tmp_path, content, split="test"), score_needed=False) == [(("a", "b"), None, None)]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "the file is empty"),
        ("sentence1\tsentence2\tscore\na\tb\thigh\n", {}, "rows.tsv:2: the score must be a number; got 'high'"),
        ("sentence1\tsentence2\tscore\na\tb\tinf\n", {}, "rows.tsv:2: the score must be a finite number"),
        ("sentence1\tsentence2\na\t \n", {}, "rows.tsv:2: the text of '1' is empty"),
        ("sentence1\tsentence2\na\n", {}, "rows.tsv:2: 1 columns, expected 2"),
        ("one\ttwo\na\tb\n", {}, "rows.tsv:1: which column holds the text"),
        ("sentence1\tsentence2\na\tb\n", {"score_column": "points"}, "--score_column=points: no such column in .*rows.tsv"),
        ("text\na b\n", {"text_column": "review"}, "no column 'review'"),
        ("sentence1\tsentence2\na\tb\n", {"labels": "yes,no"}, "--labels=yes,no: no file has a column of labels"),
        ("sentence1\tsentence2\na\tb\n", {"text_column": "sentence1", "text_b_column": "sentence1"}, "are the same column"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path, content, options, message):
    with pytest.raises(UserError, match=message) as error:
        rows(opened(tmp_path, content, **options))
    assert "\n" not in str(error.value)


def test_a_key_that_only_later_objects_have_is_not_passed_over(tmp_path):
    lines = [{"text": "a", "text_b": "b"}, {"text": "c", "text_b": "d", "score": 2}]
    (tmp_path / "scored.jsonl").write_text(json.dumps(lines[1]) + "\n")
    content = "".join(json.dumps(line) + "\n" for line in lines)
    file = opened(tmp_path, content, "rows.jsonl", score_column="score", eval_file=str(tmp_path / "scored.jsonl"))
    with pytest.raises(UserError, match=r"rows.jsonl:2: has 'score', which the first object lacks"):
        rows(file)
