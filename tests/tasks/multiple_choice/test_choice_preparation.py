"""Questions with choices -> records: what is in them, what metadata say, and what is refused."""

import json
import os

import numpy as np
import pytest

from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.tasks.multiple_choice.features import choice_features

ROWS = [
    {"id": "a", "context": "the movie was very good", "question": "was the movie", "choices": ["good", "bad"], "answer": 0},
    {"id": "b", "context": "", "question": "the movie was", "choices": ["good", "very bad", "bad !"], "answer": "B"},
    {"context": "the movie was", "choices": ["bad", "good", "bad", "very very good ."], "answer": 1},
]


@pytest.fixture
def prepare(tmp_path, tiny_vocab_file):
    """Makes records of rows by split, in `tmp_path`."""

    def prepare(train=None, eval=None, test=None, name="{}.jsonl", **options):
        for split, rows in (("train", train), ("eval", eval), ("test", test)):
            if rows is not None:
                text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
                path = tmp_path / name.format(split)
                path.write_text(text, encoding="utf-8")
                options |= {f"{split}_file": str(path), f"{split}_data_output_path": str(tmp_path / f"{split}.tf_record")}
        options = {"fine_tuning_task_type": "multiple_choice", "vocab_file": tiny_vocab_file, **options}
        return create_finetuning_data(
            FinetuningDataOptions(**options, meta_data_file_path=str(tmp_path / "meta_data.json"), max_seq_length=24)
        )

    return prepare


def test_records_hold_an_input_for_each_choice(prepare, tmp_path, tiny_vocabulary, capsys):
    prepared = prepare(ROWS, ROWS[:2], [{**row, "answer": None} for row in ROWS], on_bad_row="skip")
    for split, texts in (("train", False), ("eval", True), ("test", True)):
        records = RecordSet.open(str(tmp_path / f"{split}.tf_record"), choice_features())
        batch = records.parse(range(len(records)))
        shown = [
            [" ".join(tiny_vocabulary[id] for id in ids[mask > 0]) for ids, mask in zip(*both) if mask.any()]
            for both in zip(batch["input_word_ids"], batch["input_mask"])
        ]
        assert shown[0] == [
            "[CLS] the movie was very good [SEP] was the movie good [SEP]",
            "[CLS] the movie was very good [SEP] was the movie bad [SEP]",
        ]
        assert shown[1][1] == "[CLS] the movie was [SEP] very bad [SEP]"
        np.testing.assert_array_equal(batch["input_type_ids"][0, 0], [0] * 7 + [1] * 5)
        assert batch["label_ids"].tolist() == ([-1] * 3 if split == "test" else [0, 1, 1][: len(records)])
        assert batch["example_id"].tolist() == [0, 1, 2][: len(records)]
        assert records.values("id") == (["a", "b", "2"][: len(records)] if texts else [""] * 3)
        assert records.values("choices")[0] == (["good", "bad"] if texts else [])
        assert records.lengths.tolist() == [12, 8, 10][: len(records)]
    assert [len(choices) for choices in shown] == [2, 3, 4]

    meta = read_meta_data(str(tmp_path / "meta_data.json"))
    assert (meta.task_type, meta.processor_type, meta.num_labels) == ("bert_multiple_choice", "train", None)
    assert (meta.sizes, meta.metrics, meta.best_metric) == ({"train": 3, "eval": 2, "test": 3}, ("accuracy",), "accuracy")
    assert meta.extra == {"fills_blank": False, "most_choices": 4, "test_has_labels": False}
    said = capsys.readouterr().out
    assert "train: 3 questions, 9 choices, " in said
    assert "choices (questions): 2 (1), 3 (1), 4 (1)" in said
    assert "right answers: A 33.3%, B 66.7%" in said
    assert "no answers: to predict" in said
    assert "run_classifier.py --mode=train_and_eval" in said
    assert any("eval: 2 of 2 rows have a text that is also in train" in warning for warning in prepared.warnings)
    # Two choices of the third question are the same.
    assert "train: 1 question has two choices that are the same to the model" in prepared.warnings


def test_social_iqa_is_prepared_whole(prepare, real_data, tmp_path, capsys):
    path = real_data / "multiple_choice/SocialIQA/socialIQa_v1.4_dev.jsonl"
    outputs = {"eval_file": str(path), "eval_data_output_path": str(tmp_path / "eval.tf_record")}
    prepared = create_finetuning_data(
        FinetuningDataOptions(
            fine_tuning_task_type="multiple_choice",
            vocab_file=str(real_data / "vocab" / "uncased.txt"),
            meta_data_file_path=str(tmp_path / "meta_data.json"),
            **outputs,
        )
    )
    assert prepared.meta_data.sizes == {"train": 0, "eval": 1954}
    records = RecordSet.open(outputs["eval_data_output_path"], choice_features())
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert records.parse(range(1954))["label_ids"].tolist() == ["ABC".index(row["correct"]) for row in rows]
    assert records.values("question") == [row["question"] for row in rows]
    assert "eval: 1,954 questions, 5,862 choices" in capsys.readouterr().out


def test_a_context_that_is_cut_is_counted(prepare, tmp_path, capsys):
    long = ROWS[0] | {"context": "the movie was very good " * 9}
    prepare([*ROWS, long])
    assert "cut: the context of 1 questions (25.0%), never question or choice" in capsys.readouterr().out
    assert read_meta_data(str(tmp_path / "meta_data.json")).truncated_fraction == {"train": 0.25}


def test_a_question_that_does_not_fit(prepare, tmp_path, capsys):
    long = ROWS[0] | {"question": "was " * 30}
    with pytest.raises(UserError, match=r"train\.jsonl:4: the question with choice A has 31 tokens, but --max_seq_length=24"):
        prepare([*ROWS, long])
    assert sorted(os.listdir(tmp_path)) == ["train.jsonl", "vocab.txt"]
    prepare([*ROWS, long], on_bad_row="skip")
    rejected = json.loads((tmp_path / "train.tf_record.rejects.jsonl").read_text())
    assert (rejected["line"], rejected["row"][1]) == (4, "was " * 30)
    prepare([*ROWS, long], max_qa_length=21)
    assert "question and choice of 1" in capsys.readouterr().out
    assert read_meta_data(str(tmp_path / "meta_data.json")).extra["max_qa_length"] == 21
    # Rows for the model are cut as its training's.
    (tmp_path / "model").mkdir()
    (tmp_path / "meta_data.json").rename(tmp_path / "model" / "meta_data.json")
    (tmp_path / "vocab.txt").replace(tmp_path / "model" / "vocab.txt")
    named = {"input_meta_data_path": str(tmp_path / "model" / "meta_data.json"), "vocab_file": None}
    with pytest.raises(UserError, match=r"--max_qa_length=20, but the model of --input_meta_data_path=.* was trained with 21"):
        prepare(test=[long], max_qa_length=20, **named)


def test_answers_that_only_some_have(prepare):
    prepared = prepare(test=[ROWS[0], {**ROWS[1], "answer": ""}])
    assert "test: 1 of 2 questions have no answer; all are taken as without" in prepared.warnings
    assert prepared.meta_data.extra["test_has_labels"] is False
    assert prepare(test=ROWS).meta_data.extra["test_has_labels"] is True
    with pytest.raises(UserError, match=r"eval\.jsonl:2: the answer is missing \(--on_bad_row=skip leaves such rows out"):
        prepare(eval=[ROWS[0], {**ROWS[1], "answer": ""}])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"high_only": True, "middle_only": True}, "--high_only and --middle_only exclude each other"),
        ({"high_only": True}, "--high_only belongs to RACE, but .* holds choices in a list; leave the flag out"),
        ({"max_qa_length": 22}, "--max_qa_length must be from 1 to --max_seq_length - 3 = 21; got 22"),
        ({"header": "no"}, "--header=no cannot be used here: columns of questions and choices are found by their names"),
        ({"delimiter": ";"}, "--delimiter can do nothing: no file is a table; leave it out"),
        ({"quotechar": "''"}, "--quotechar must be one character; got ''''"),
        ({"labels": "a,b"}, "--labels belongs to --fine_tuning_task_type=classification"),
        ({"fine_tuning_task_type": "classification", "middle_only": True}, "--middle_only belongs to .*multiple_choice"),
        ({"data_format": "csv"}, "no questions with choices"),
    ],
)
def test_flags_that_cannot_be_used(prepare, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        prepare(ROWS, **options)
    assert sorted(os.listdir(tmp_path)) == ["train.jsonl", "vocab.txt"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "{}.jsonl", "the file is empty"),
        ("sent1,sent2,ending0,ending1,label\n", "{}.csv", "train: 0 examples: the data holds no row that can be used"),
        ("sent1,sent2,ending0,ending1,label\na,b,c,d,7\n", "{}.csv", r"train\.csv:2: the answer '7' is no choice"),
        ("sent1,sent2,ending0,ending1,label\na,b,c,,0\n", "{}.csv", r"train\.csv:2: 1 choice; at least 2 are needed"),
        ("sent1,sent2,ending0,ending1\na,b,c,d\n", "{}.csv", r"train\.csv:2: the answer is missing"),
    ],
)
def test_files_that_cannot_be_used(prepare, tmp_path, content, name, message):
    with pytest.raises(UserError, match=message) as raised:
        prepare(content, name=name)
    assert "\n" not in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == [name.format("train"), "vocab.txt"]
