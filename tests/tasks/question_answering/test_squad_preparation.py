"""From SQuAD's JSON to training records."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from squad_material import question, squad, with_first_answers, write

from bert_tf2.data.records.metadata import SQUAD, read_meta_data
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.preparation import SquadPreparation
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.tasks.record_making import Prepared, RecordOptions, prepare
from bert_tf2.text.wordpiece import WordPieceTokenizer


@pytest.fixture
def run(tmp_path, tiny_vocab_file):
    """Prepares some contents and returns what was written."""

    def run(*contents, windows=None, translated=(), **options):
        paths = [write(tmp_path / f"{i}.json", content) for i, content in enumerate(contents)]
        options["translated_paths"] = [write(tmp_path / f"translated{i}.json", content) for i, content in enumerate(translated)]
        return made(paths, tiny_vocab_file, tmp_path / "out", windows or WindowOptions(64, 32, 16), **options)

    return run


def made(paths, vocab_file, directory, windows, *, padded=False, gzip=False, skip_bad_rows=False, **options) -> Prepared:
    """What was written of SQuAD files."""
    preparation = SquadPreparation(paths, WordPieceTokenizer(str(vocab_file)), windows, padded=padded, **options)
    record_options = RecordOptions(padded, gzip, skip_bad_rows)
    return prepare(preparation, {"train": str(directory / "train.tf_record")}, str(directory / "meta_data.json"), record_options)


def features(prepared, padded=False) -> dict[str, list]:
    """All records, the answers' features among them."""
    records = [record.numpy() for record in tf.data.TFRecordDataset(prepared.splits[0].path)]
    batch = parse_records(tf.constant(records), squad_features(padded=padded))
    return {name: values.numpy().tolist() for name, values in batch.items()}


def answers(prepared, tiny_vocab_file) -> list[str | None]:
    """The tokens that each record marks as the answer."""
    tokenizer, found = WordPieceTokenizer(tiny_vocab_file), features(prepared)
    marked = zip(found["input_word_ids"], found["start_positions"], found["end_positions"])
    return [" ".join(tokenizer.id_to_token(id) for id in ids[start : end + 1]) if start else None for ids, start, end in marked]


def test_records_and_metadata(run):
    prepared = run(squad(question(), question("q2", "was ?", ("very good", 14))))
    found = features(prepared)
    assert found["unique_ids"] == [1_000_000_000, 1_000_000_001]
    assert found["start_positions"] == [9, 7]
    assert found["end_positions"] == [9, 8]
    meta_data = read_meta_data(prepared.meta_data_path)
    assert (meta_data.task_type, meta_data.train_data_size, meta_data.max_seq_length) == (SQUAD, 2, 64)
    assert RecordSet.open(prepared.splits[0].path, squad_features(), meta_data.files["train"])
    written = json.loads(pathlib.Path(prepared.meta_data_path).read_text(encoding="utf-8"))
    expected = {
        "task_type": "bert_squad",
        "train_data_size": 2,
        "max_seq_length": 64,
        "max_query_length": 16,
        "doc_stride": 32,
        "version_2_with_negative": False,
        "paragraphs": 1,
        "questions": 2,
        "truncated_questions": 0,
        "skipped_questions": 0,
        "windows_without_answer_fraction": 0.0,
    }
    assert written.items() >= expected.items()
    assert prepared.warnings == []


@pytest.mark.parametrize(
    ("context", "answer", "expected"),
    [
        ("it was (very good)!", ("very good", 8), "very good"),
        ("it was (very good)!", ("good", 13), "good"),
        ("a nice bad movie", ("ice", 3), "##i ##c ##e"),
        ("good bad good", ("good", 9), "good"),
        ("very\ngood", ("very good", 0), "very good"),
        ("\U0001f600 \U0001f468\u200d\U0001f469 good", ("good", 6), "good"),
        ("cafe\u0301 bad", ("bad", 6), "bad"),
        ("\u202bgood\u202c bad", ("bad", 7), "bad"),
        ("a\u4f60good\u597d", ("good", 2), "good"),
        ("the\u00a0movie was", ("the\u00a0movie", 0), "the movie"),
        (" good", (" good", 0), "good"),
    ],
)
def test_where_answers_lie(run, tiny_vocab_file, context, answer, expected):
    assert answers(run(squad(question(answer=answer), context=context)), tiny_vocab_file) == [expected]


@pytest.mark.parametrize(
    ("context", "answer", "exact", "google"),
    [
        # Of Chinese every character is a token, and the paragraph one word: here [UNK] but for the English ones.
        ("good你好good。", ("good", 6), (3, 3), (0, 0)),
        ("你好你好", ("好", 3), (3, 3), (0, 0)),
        # The answer's tokens are not tokens of the context.
        ("(nice) bad", ("ice", 2), (2, 4), (0, 5)),
        ("a bad-good", ("d-g", 4), (1, 3), (1, 3)),
        # Two tokens of one syllable.
        ("한 good", ("한", 0), (0, 0), (0, 0)),
    ],
)
def test_exact_labels_and_googles(run, context, answer, exact, google):
    for labels, (first, last) in (("exact", exact), ("google", google)):
        prepared = run(squad(question(text="was ?", answer=answer), context=context), answer_labels=labels)
        found = features(prepared)
        # [CLS] was ? [SEP]
        assert (found["start_positions"], found["end_positions"]) == ([4 + first], [4 + last])
        assert read_meta_data(prepared.meta_data_path).extra["answer_labels"] == labels


def test_an_answer_a_little_off_is_the_nearest_occurrence(run):
    context = "你good好good你" + "好" * 40 + "movie"
    off = [question("a", "was ?", ("good", 5)), question("b", "was ?", ("good", 1))]
    prepared = run(squad(*off, context=context))
    assert features(prepared)["start_positions"] == [7, 5]
    assert [line for line in prepared.warnings if "answer_start" in line] == [
        "1 question with an answer_start that is a little off; the words around it were used (id a)"
    ]
    # In a paragraph without white space it is not looked for everywhere.
    with pytest.raises(UserError, match="1 of 1 answers do not stand at their answer_start"):
        run(squad(question(answer=("movie", 1)), context=context))
    prepared = run(squad(question(answer=("movie", 1)), context=context), answer_labels="google")
    assert prepared.splits[0].statistics.moved.count == 1


def test_windows_without_the_answer(run, tiny_vocab_file):
    context = "a b c d e f g h"
    prepared = run(squad(question(text="was good", answer=("f", 10)), context=context), windows=WindowOptions(10, 2, 4))
    assert answers(prepared, tiny_vocab_file) == [None, "f", "f"]
    assert features(prepared)["end_positions"] == [0, 7, 5]
    record = next(iter(tf.data.TFRecordDataset(prepared.splits[0].path))).numpy()
    assert tf.train.Example.FromString(record).features.feature["is_impossible"].int64_list.value == [1]
    assert prepared.splits[0].statistics.windows_without_answer == 1


def test_version_2(run, tiny_vocab_file):
    content = squad(question(), question("q2", answers=[], is_impossible=True))
    with pytest.raises(UserError, match=r"paragraphs\[0\] \(id q2\): .*; pass --version_2_with_negative"):
        run(content)
    prepared = run(content, version_2_with_negative=True)
    assert answers(prepared, tiny_vocab_file) == ["movie", None]
    assert prepared.splits[0].statistics.impossible == 1
    assert prepared.warnings == []
    with pytest.raises(UserError, match="more than 1%"):
        run(squad(question(answer=("nope", 4))), version_2_with_negative=True)


def test_version_2_of_version_1_data(run):
    prepared = run(squad(question()), version_2_with_negative=True)
    assert prepared.warnings == [
        "--version_2_with_negative is set, but no question is marked impossible: all count as answerable"
    ]


def test_impossible_with_answers(run, tiny_vocab_file):
    prepared = run(squad(question(is_impossible=True)), version_2_with_negative=True)
    assert answers(prepared, tiny_vocab_file) == [None]
    assert prepared.warnings == ["1 question marked impossible with answers, which are not used (id q1)"]


def test_answers_that_are_not_there(run, tmp_path):
    wrong = [question(f"w{i}", answer=("good", 0)) for i in range(7)]
    right = [question(f"r{i}") for i in range(800)]
    prepared = run(squad(*wrong, *right))
    assert prepared.splits[0].statistics.questions == 800
    assert prepared.warnings == [
        "7 questions left out, since the answer does not stand at its answer_start (ids w0, w1, w2, w3, w4, …)"
    ]
    assert read_meta_data(prepared.meta_data_path).extra["skipped_questions"] == 7
    with pytest.raises(UserError, match=r"7 of 407 answers do not stand at their answer_start .*\(ids w0, w1.*more than 1%"):
        run(squad(*wrong, *right[:400]))
    prepared = run(squad(*wrong, *right[:400]), skip_bad_rows=True)
    assert prepared.splits[0].statistics.questions == 400
    lines = pathlib.Path(f"{prepared.splits[0].path}.rejects.jsonl").read_text(encoding="utf-8").splitlines()
    rejects = [json.loads(line) for line in lines]
    assert len(rejects) == 7
    assert rejects[0]["example"] == f"{tmp_path}/0.json: data[0].paragraphs[0] (id w0)"
    assert rejects[0]["row"] == {"text": "good", "start": 0}


def test_answers_a_little_off(run, tiny_vocab_file):
    prepared = run(squad(question(answer=("movie", 5))))
    assert answers(prepared, tiny_vocab_file) == ["movie"]
    assert prepared.warnings == ["1 question with an answer_start that is a little off; the words around it were used (id q1)"]


def test_several_answers(run, tiny_vocab_file):
    two = [{"text": "movie", "answer_start": 4}, {"text": "good", "answer_start": 19}]
    prepared = run(squad(question(answers=two)))
    assert answers(prepared, tiny_vocab_file) == ["movie"]
    assert prepared.warnings == ["1 question with several answers; the first that can be used is used for training (id q1)"]


@pytest.mark.parametrize("labels", ["exact", "google"])
def test_the_first_answer_that_can_be_used_decides(run, tiny_vocab_file, labels):
    right = {"text": "good", "answer_start": 19}
    malformed = [{"text": "goood", "answer_start": -1}, {"text": "good", "answer_start": "19"}, "good", {"text": " "}]
    elsewhere = [{"text": "nice", "answer_start": 4}, {"text": "Movie", "answer_start": 4}]
    content = squad(
        question("a", answers=[right, malformed[0]]),
        *(question(f"b{n}", answers=[answer, right]) for n, answer in enumerate(malformed)),
        *(question(f"c{n}", answers=[answer, right]) for n, answer in enumerate(elsewhere)),
        question("d", answers=[right, elsewhere[0]]),
    )
    prepared = run(content, answer_labels=labels)
    assert answers(prepared, tiny_vocab_file) == ["good"] * 8
    assert prepared.warnings == [
        "5 questions with an answer that cannot be used beside one that can; the latter is used (ids a, b0, b1, b2, b3)",
        "3 questions with several answers; the first that can be used is used for training (ids c0, c1, d)",
        "2 questions whose first answer does not stand at its answer_start or has no tokens (ids c0, c1)",
    ]


def test_what_has_no_tokens(run):
    value = squad(question(answer=("\u200b", 4)), question("q2", answer=("good", 6)), context="the \u200b good")
    value["data"] += squad(question("q3", answer=("\u200b", 0)), context="\u200b")["data"]
    prepared = run(value)
    assert prepared.splits[0].statistics.windows == 1
    assert prepared.warnings == ["2 questions left out, since context or answer have no tokens (ids q1, q3)"]


def test_nothing_can_be_used(run, tmp_path):
    with pytest.raises(UserError, match="0 examples"):
        run(squad(question(answer=("\u200b", 0)), context="\u200b"))
    with pytest.raises(UserError, match="holds no question that can be used"):
        run(squad(question(answers=[])), skip_bad_rows=True)
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


def test_an_error_at_the_end_leaves_what_was_there(run, tmp_path):
    run(squad(question()))
    before = {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(tmp_path / "out")}
    for content in (squad(question("a"), question("a")), json.dumps(squad(*(question(f"{i}") for i in range(9))))[:-1]):
        with pytest.raises(UserError):
            run(content)
        assert {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(tmp_path / "out")} == before


def test_translated_files_may_repeat_ids(run):
    prepared = run(squad(question()), translated=[squad(question()), squad(question())])
    assert prepared.splits[0].statistics.windows == 3
    with pytest.raises(UserError, match="the id q1 is also that of"):
        run(squad(question()), squad(question()))


def test_gzip(run):
    prepared = run(squad(question()), gzip=True)
    assert len(list(tf.data.TFRecordDataset(prepared.splits[0].path, "GZIP"))) == 1


def test_padded_records(run):
    prepared = run(squad(question()), padded=True)
    record = tf.train.Example.FromString(next(iter(tf.data.TFRecordDataset(prepared.splits[0].path))).numpy()).features.feature
    lengths = {name: len(value.int64_list.value) for name, value in record.items()}
    per_token = dict.fromkeys(("input_ids", "input_mask", "segment_ids", "paragraph_mask"), 64)
    names = ("unique_ids", "class_index", "start_positions", "end_positions", "is_impossible")
    assert lengths == per_token | dict.fromkeys(names, 1)
    assert len(features(prepared, padded=True)["input_word_ids"][0]) < 64


def test_odd_characters(run, tiny_vocab_file):
    context = "\x00 \u202e good\x07 \ufeffbad \ud83d .".replace("\ud83d", "\ufffd")
    prepared = run(squad(question("\x00", "\x01 ?", ("bad", context.index("bad"))), context=context))
    assert answers(prepared, tiny_vocab_file) == ["bad"]


def test_unknown_words_are_a_warning(run):
    prepared = run(squad(question(answer=("\u4f60", 0)), context="\u4f60\u597d"))
    assert prepared.warnings[-1].startswith("100.0% of the contexts' tokens are [UNK]")


REAL = [
    ("train-v1.1-first-12-articles.json", False, (384, 128, 64), False),
    ("train-v1.1-first-12-articles.json", False, (128, 64, 32), True),
    ("train-v1.1-first-12-articles.json", False, (64, 16, 24), False),
    ("dev-v2.0-half.json", True, (384, 128, 64), True),
]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("file", "version_2", "lengths", "padded"), REAL)
def test_equals_the_garden(real_data, tmp_path, file, version_2, lengths, padded):
    squad_lib = pytest.importorskip("official.nlp.data.squad_lib")
    tokenization = pytest.importorskip("official.nlp.tools.tokenization")
    path, vocab_file = with_first_answers(real_data / "squad" / file, tmp_path / file), str(real_data / "vocab" / "uncased.txt")
    options = {"version_2_with_negative": version_2, "padded": padded, "answer_labels": "google"}
    prepared = made([path], vocab_file, tmp_path, WindowOptions(*lengths), **options)
    examples = squad_lib.read_squad_examples(path, True, version_2)
    assert prepared.splits[0].statistics.questions == len(examples)
    records = iter(tf.data.TFRecordDataset(prepared.splits[0].path).as_numpy_iterator())

    def compare(feature):
        record = tf.train.Example.FromString(next(records)).features.feature
        length = lengths[0] if padded else sum(feature.input_mask)
        expected = {
            "unique_ids": [feature.unique_id],
            "input_ids": feature.input_ids[:length],
            "input_mask": feature.input_mask[:length],
            "segment_ids": feature.segment_ids[:length],
            "start_positions": [feature.start_position],
            "end_positions": [feature.end_position],
            "is_impossible": [int(feature.is_impossible)],
        }
        if padded:
            expected |= {"paragraph_mask": feature.paragraph_mask, "class_index": [feature.class_index]}
        assert {name: list(value.int64_list.value) for name, value in record.items()} == expected

    tokenizer = tokenization.FullTokenizer(vocab_file, True)
    size = squad_lib.convert_examples_to_features(examples, tokenizer, *lengths, True, compare)
    assert next(records, None) is None
    assert prepared.meta_data.train_data_size == size


@pytest.mark.slow
@pytest.mark.real_data
def test_the_gardens_reader_trains_on_padded_records(real_data, tmp_path):
    input_pipeline = pytest.importorskip("official.legacy.bert.input_pipeline")
    bert_models = pytest.importorskip("official.legacy.bert.bert_models")
    configs = pytest.importorskip("official.legacy.bert.configs")
    path = str(real_data / "squad" / "train-v1.1-first-12-articles.json")
    prepared = made([path], real_data / "vocab" / "uncased.txt", tmp_path, WindowOptions(64, 32, 16), padded=True)
    model, _ = bert_models.squad_model(configs.BertConfig(30522, 16, 1, 2, 32, max_position_embeddings=64), 64)
    dataset = input_pipeline.create_squad_dataset(prepared.splits[0].path, 64, 8)
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2)
    batches = dataset.map(lambda inputs, places: (inputs, (places["start_positions"], places["end_positions"])))
    history = model.fit(batches, steps_per_epoch=3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
