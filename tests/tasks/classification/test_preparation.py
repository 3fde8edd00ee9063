"""From examples to records and metadata."""

import json
import os

import pytest
import tensorflow as tf

from bert_tf2.data.processors import DataProcessor, InputExample
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.classification.preparation import ClassificationPreparation
from bert_tf2.tasks.classification.reading.glue import create_processor
from bert_tf2.tasks.record_making import RecordOptions, prepare
from bert_tf2.text.wordpiece import WordPieceTokenizer

MNLI = "index\tp\tq\tg\ta\tb\tc\td\tsentence1\tsentence2"


class Processor(DataProcessor):
    """Gives the examples it was made with, by split."""

    def __init__(self, train=(), dev=(), test=(), labels=("no", "yes"), **attributes):
        super().__init__()
        self._splits, self._labels = (train, dev, test), labels
        for name, value in attributes.items():
            setattr(self, name, value)

    def get_train_examples(self, data_dir):
        return self._splits[0]

    def get_dev_examples(self, data_dir):
        return self._splits[1]

    def get_test_examples(self, data_dir):
        return self._splits[2]

    def get_labels(self):
        return self._labels


def example(text, label="no", text_b=None, **other):
    return InputExample("guid", text, text_b, label, **other)


@pytest.fixture
def run(tmp_path, tiny_vocab_file):
    """Prepares the splits of a processor and returns what was written."""

    def run(processor, splits=("train",), data_dir="", max_seq_length=16, outputs=None, **options):
        outputs = outputs or {split: str(tmp_path / "out" / f"{split}.tf_record") for split in splits}
        tokenizer = WordPieceTokenizer(tiny_vocab_file)
        return prepare(
            ClassificationPreparation(processor, str(data_dir), tokenizer, max_seq_length),
            outputs,
            str(tmp_path / "out" / "meta_data.json"),
            RecordOptions(**options),
        )

    return run


def batch_of(path, labels="class", weighted=False, compression=""):
    rows = list(tf.data.TFRecordDataset(path, compression).as_numpy_iterator())
    parsed = parse_records(tf.constant(rows), classification_features(labels, weighted=weighted))
    return {name: value.numpy().tolist() for name, value in parsed.items()}


def test_records_and_metadata(run, tmp_path):
    prepared = run(
        Processor(
            [example("good movie", "yes"), example("bad", "no", "very bad !")], [example("the", "no")], [example("a", None)]
        ),
        ("train", "eval", "test"),
    )
    assert sorted(os.listdir(tmp_path / "out")) == ["eval.tf_record", "meta_data.json", "test.tf_record", "train.tf_record"]
    train = batch_of(tmp_path / "out" / "train.tf_record")
    assert train["input_word_ids"] == [[2, 8, 6, 3, 0, 0, 0], [2, 9, 3, 10, 9, 11, 3]]
    assert train["input_type_ids"] == [[0] * 7, [0, 0, 0, 1, 1, 1, 1]]
    assert train["input_mask"] == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]
    assert (train["label_ids"], train["example_id"]) == ([1, 0], [0, 1])
    meta_data = read_meta_data(prepared.meta_data_path)
    assert meta_data == prepared.meta_data
    assert meta_data.sizes == {"train": 2, "eval": 1, "test": 1}
    assert (meta_data.label_list, meta_data.num_labels, meta_data.processor_type) == (("no", "yes"), 2, "Processor")
    assert meta_data.extra == {"test_has_labels": False}
    assert meta_data.files["train"].bytes == os.path.getsize(tmp_path / "out" / "train.tf_record")


@pytest.mark.parametrize("gzip", [False, True])
def test_padded_and_compressed_records(run, tmp_path, gzip):
    processor = Processor([example("good movie", "yes"), example("bad")])
    run(processor, pad_to_max_length=True, gzip=gzip)
    path = tmp_path / "out" / "train.tf_record"
    (first, second) = tf.data.TFRecordDataset(str(path), "GZIP" if gzip else "").as_numpy_iterator()
    for record in (first, second):
        features = tf.train.Example.FromString(record).features.feature
        assert {len(features[name].int64_list.value) for name in ("input_ids", "input_mask", "segment_ids")} == {16}
    assert batch_of(path, compression="GZIP" if gzip else "")["input_word_ids"] == [[2, 8, 6, 3], [2, 9, 3, 0]]


def test_regression_and_weights(run, tmp_path):
    processor = Processor([example("a", "2.5", weight=0.5), example("b", -1)], is_regression=True, weight_key="w", labels=None)
    prepared = run(processor)
    train = batch_of(tmp_path / "out" / "train.tf_record", "number", weighted=True)
    assert (train["label_ids"], train["weight"]) == ([2.5, -1], [0.5, 1])
    meta_data = prepared.meta_data
    assert (meta_data.task_type, meta_data.label_type, meta_data.num_labels) == ("bert_regression", "float", None)
    assert meta_data.has_sample_weights
    assert meta_data.metrics == ("pearson", "spearman")


@pytest.mark.parametrize("padded", [False, True])
def test_any_number_of_labels(run, tmp_path, padded):
    rows = [example("a", ["yes", "no"]), example("b", [], weight=0.5), example("c", ("so-so ",)), example("a", ["no"])]
    labels = {"labels": ("no", "yes", "so-so"), "is_multi_label": True, "weight_key": "w"}
    hidden = [example("d", None), example("e", None)]
    prepared = run(Processor(rows, test=hidden, **labels), ("train", "test"), pad_to_max_length=padded)
    train = batch_of(tmp_path / "out" / "train.tf_record", "set", weighted=True)
    assert train["label_ids"] == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert train["weight"] == [1, 0.5, 1, 1]
    assert batch_of(tmp_path / "out" / "test.tf_record", "set", weighted=True)["label_ids"] == [[0, 0, 0]] * 2
    meta_data = prepared.meta_data
    assert (meta_data.task_type, meta_data.num_labels, meta_data.extra) == ("bert_multi_label", 3, {"test_has_labels": False})
    assert "train: 1 texts occur with different labels" in prepared.warnings
    counts = prepared.splits[0].statistics
    assert counts.label_counts == [2, 1, 1]
    assert counts.histogram() == "no 2 (50.0%), yes 1 (25.0%), so-so 1 (25.0%); 1.00 in a row, 1 rows without any"
    # The features of google-research/goemotions: as many values as there are labels.
    (first, *_) = tf.data.TFRecordDataset(str(tmp_path / "out" / "train.tf_record")).as_numpy_iterator()
    assert list(tf.train.Example.FromString(first).features.feature["label_ids"].int64_list.value) == [1, 1, 0]


def test_labels_of_a_set_that_are_none_are_bad_rows(run):
    labels = {"labels": ("no", "yes"), "is_multi_label": True}
    for wrong, message in ((["maybe"], "unknown label 'maybe'"), ("yes", "the labels must be a list of names; got 'yes'")):
        rows = [example("a", ["yes"]), example("b", wrong, origin=("t.tsv", 2)), example("c", ["no"])]
        with pytest.raises(UserError, match=rf"t\.tsv:2: {message}"):
            run(Processor(rows, **labels))
        prepared = run(Processor(rows, **labels), skip_bad_rows=True)
        assert prepared.meta_data.sizes["train"] == 2
        assert prepared.splits[0].statistics.label_counts == [1, 1]


def test_labels_that_say_nothing_are_told_of(run):
    rows = [example("a", ["yes"]), example("b", ["yes", "no"])]
    labels = {"labels": ("no", "yes", "maybe"), "is_multi_label": True}
    warnings = run(Processor(rows, [example("c", ["maybe"])], **labels), ("train", "eval")).warnings
    assert "train: no row has the label 'maybe', which cannot be learned" in warnings
    assert "train: every row has the label 'yes', so it says nothing" in warnings
    assert "eval: the label 'maybe' never occurs in train" in warnings


def test_mnli_writes_the_mismatched_sets_beside_the_matched(run, tmp_path):
    row = "\n0\tp\tq\tg\ta\tb\tc\td\tone\ttwo"
    for name in ("train", "dev_matched", "dev_mismatched"):
        (tmp_path / f"{name}.tsv").write_text(
            f"{MNLI}\tlabel1\tgold_label{row}\tneutral\tneutral\n" + row[1:] + "\tx\tentailment\n"
        )
    for name in ("test_matched", "test_mismatched"):
        (tmp_path / f"{name}.tsv").write_text(f"{MNLI}{row}\n")
    prepared = run(create_processor("MNLI"), ("train", "eval", "test"), tmp_path)
    assert prepared.meta_data.sizes == {"train": 2, "eval": 2, "eval_mismatched": 2, "test": 1, "test_mismatched": 1}
    assert prepared.meta_data.files["eval_mismatched"].name == "eval_mismatched.tf_record"
    assert os.path.exists(tmp_path / "out" / "test_mismatched.tf_record")


def test_a_further_set_is_one_to_evaluate_or_to_predict(run):
    processor = Processor([example("a"), example("b", "yes")])
    processor.extra_splits = lambda data_dir: {"dev2": lambda: [example("c")]}
    with pytest.raises(UserError, match="extra_splits gives 'dev2'; the name must begin with eval_ or test_"):
        run(processor)


def test_test_data_by_language(run, tmp_path):
    processor = Processor(
        [example("a"), example("b", "yes")], test={"de": [example("c", "yes")], "zh": [example("d"), example("e", "yes")]}
    )
    outputs = {"train": str(tmp_path / "out" / "train"), "test": str(tmp_path / "out" / "test_{}.tf_record")}
    meta_data = run(processor, outputs=outputs).meta_data
    assert meta_data.sizes == {"train": 2, "test_de": 1, "test_zh": 2}
    assert os.path.exists(tmp_path / "out" / "test_de.tf_record")
    with pytest.raises(UserError, match=r"must hold \{\} where the language goes"):
        run(processor, ("train", "test"))


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([example("a", "yes"), example("a", "yes"), example("b")], "train: 1 row repeats the text of another row"),
        ([example("a", "yes"), example("a", "no")], "train: 1 texts occur with different labels"),
        ([example("a", "yes"), example("b", "yes")], "train: only the label 'yes' occurs"),
        ([example("a", " yes "), example("b", "no")], "train: 1 labels had spaces around them"),
        ([example("é中", "yes"), example("中", "no")], "of the tokens are [UNK] (more than 5%)"),
        ([example("a", "yes", ""), example("b", "no", "c")], "train: 1 pairs have an empty text on one side"),
    ],
)
def test_warnings_about_a_split(run, train, message):
    assert any(message in warning for warning in run(Processor(train)).warnings)


def test_warnings_about_splits_beside_each_other(run):
    train, dev = [example("a"), example("b", "no")], [example("b", "yes"), example("c", "yes")]
    warnings = run(Processor(train, dev), ("train", "eval")).warnings
    assert "eval: 1 of 2 rows have a text that is also in train; scores will look too good" in warnings
    assert "eval: the label 'yes' never occurs in train" in warnings


def test_good_data_gives_no_warnings(run):
    assert run(Processor([example("a"), example("b", "yes")], [example("c")]), ("train", "eval")).warnings == []


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (Processor([example("a"), example("b", "maybe")]), "example 'guid': unknown label 'maybe'. Known labels: no, yes"),
        (Processor([example("a"), example("b", None)]), "example 'guid': the label is missing"),
        (Processor([example("a"), example("b", " ")]), "the label is missing"),
        (Processor([example("a"), example(" ", "no")]), "empty text"),
        (Processor([example("a"), example("", "no", "")]), "empty text"),
        (Processor([]), "train: 0 examples"),
        (Processor([example("a")], labels=["no"]), "at least 2 labels"),
        (Processor([example("a", "nan")], is_regression=True), "label 'nan' is not a finite float32 number"),
        (Processor([example("a", "1e39")], is_regression=True), "not a finite float32"),
        (Processor([example("a", "inf")], is_regression=True), "not a finite float32"),
        (Processor([example("a", "much")], is_regression=True), "label 'much' is not a number"),
        (Processor([example("a", weight=-1)], weight_key="w"), "weight '-1' is not a finite number from 0"),
        (Processor([example("a", ["no"])]), "a label must be a name or a number; got ['no']"),
        (Processor([7]), "expected an InputExample whose texts are str; got 7"),
    ],
)
def test_data_that_cannot_be_used_leaves_what_was_there(run, tmp_path, processor, message):
    run(Processor([example("a"), example("b", "yes")]))
    before = {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(tmp_path / "out")}
    with pytest.raises(UserError) as caught:
        run(processor)
    assert message in str(caught.value)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in os.listdir(tmp_path / "out")} == before


def test_a_bad_second_split_leaves_no_first_one(run, tmp_path):
    with pytest.raises(UserError, match="unknown label"):
        run(Processor([example("a"), example("b", "yes")], [example("c"), example("c", "?")]), ("train", "eval"))
    assert os.listdir(tmp_path / "out") == []


def test_bad_rows_can_be_left_out_and_are_listed(run, tmp_path):
    rows = [example("a"), example("b", "maybe", origin=("x.tsv", 7)), example("c", "yes"), example("", "yes")]
    prepared = run(Processor(rows), skip_bad_rows=True)
    assert prepared.meta_data.train_data_size == 2
    assert batch_of(tmp_path / "out" / "train.tf_record")["example_id"] == [0, 2]
    rejects = (tmp_path / "out" / "train.tf_record.rejects.jsonl").read_text(encoding="utf-8")
    listed = [json.loads(line) for line in rejects.splitlines()]
    assert listed[0]["file"] == "x.tsv"
    assert listed[0]["line"] == 7
    assert listed[0]["row"] == ["b", None, "maybe"]
    assert listed[1]["reason"] == "empty text"
    (told,) = [warning for warning in prepared.warnings if "left out" in warning]
    assert told.startswith("train: 2 rows were left out; the first: x.tsv:7")
    assert told.endswith(f"; all are listed in {tmp_path}/out/train.tf_record.rejects.jsonl")
    run(Processor([example("a"), example("c", "yes")]), skip_bad_rows=True)
    assert not os.path.exists(tmp_path / "out" / "train.tf_record.rejects.jsonl")
    with pytest.raises(UserError, match="0 examples: all 2 rows were skipped, the first"):
        run(Processor([example(""), example("")]), skip_bad_rows=True)


def test_test_labels_are_all_there_or_none(run):
    train = [example("a"), example("b", "yes")]
    real = run(Processor(train, test=[example("c", "yes"), example("d", "no")]), ("train", "test"))
    assert real.meta_data.extra["test_has_labels"]
    placeholder = run(Processor(train, test=[example("c", "no"), example("d", "no")]), ("train", "test"))
    assert not placeholder.meta_data.extra["test_has_labels"]
    with pytest.raises(UserError, match="example 'guid': the label is missing"):
        run(Processor(train, test=[example("c", "no"), example("d", None)]), ("train", "test"))


HIDDEN = {
    "-1 in every row": (["-1", "-1", "-1"], "test: no label is one of the classes; the first is '-1' (example 'guid')"),
    "a number as such": ([-1, -1], "no label is one of the classes; the first is '-1'"),
    "another placeholder": (["0", "0"], "no label is one of the classes; the first is '0'"),
    "several that are none": (["?", "x", None], "no label is one of the classes; the first is '?'"),
    "a class in every row": (["no", "no"], "every row has the label 'no' (example 'guid'), which counts as a placeholder"),
    "blanks": ([None, None], None),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_hidden_test_labels_are_none_and_said_to_be(run, tmp_path, kind):
    labels, warning = HIDDEN[kind]
    test = [example(text, label) for text, label in zip("cde", labels)]
    prepared = run(Processor([example("a"), example("b", "yes")], test=test), ("train", "test"))
    assert prepared.meta_data.extra["test_has_labels"] is False
    assert prepared.meta_data.label_list == ("no", "yes")
    assert batch_of(tmp_path / "out" / "test.tf_record")["label_ids"] == [0] * len(test)
    told = [line for line in prepared.warnings if "taken as unlabelled, to predict" in line]
    assert [warning in line for line in told] == ([True] if warning else [])


@pytest.mark.parametrize("labels", [["yes", "?", "no"], ["?", "?", "yes"], [None, "yes", "no"]])
def test_test_labels_of_which_some_are_none_are_bad_rows(run, labels):
    place = labels.index("?" if "?" in labels else None)
    test = [example(text, label, origin=("t.tsv", row)) for row, (text, label) in enumerate(zip("cde", labels))]
    processor = Processor([example("a"), example("b", "yes")], test=test)
    with pytest.raises(UserError, match=rf"t\.tsv:{place}: (unknown label '\?'|the label is missing)"):
        run(processor, ("train", "test"))
    prepared = run(processor, ("train", "test"), skip_bad_rows=True)
    assert prepared.meta_data.sizes["test"] == sum(label in ("yes", "no") for label in labels)


@pytest.mark.parametrize(
    ("labels", "has_labels"),
    [([-1, "-1.0"], False), (["", None], False), (["n/a", "n/a"], False), ([2.5, "3"], True), (["2.5"], True)],
)
def test_hidden_numbers_of_a_test_set(run, tmp_path, labels, has_labels):
    test = [example(text, label) for text, label in zip("cd", labels)]
    train = [example("a", 1), example("b", 2)]
    prepared = run(Processor(train, test=test, is_regression=True, labels=None), ("train", "test"))
    assert prepared.meta_data.extra["test_has_labels"] is has_labels
    written = batch_of(tmp_path / "out" / "test.tf_record", "number")["label_ids"]
    assert written == ([float(label) for label in labels] if has_labels else [0, 0])
    with pytest.raises(UserError, match="label 'n/a' is not a number"):
        run(Processor(train, test=[example("c", 1), example("d", "n/a")], is_regression=True, labels=None), ("train", "test"))


def test_test_examples_of_a_generator_are_all_written(run):
    train = [example("a"), example("b", "yes")]

    class Generating(Processor):
        def get_test_examples(self, data_dir):
            yield from self._splits[2]

    for kind, test in ((Generating, [example(text) for text in "cde"]), (Processor, iter([example(text) for text in "cde"]))):
        assert run(kind(train, test=test), ("train", "test")).meta_data.sizes["test"] == 3


def test_outputs_with_one_path_are_refused(run, tmp_path):
    path = str(tmp_path / "same")
    with pytest.raises(UserError, match="two outputs have the same path"):
        run(Processor([example("a")], [example("b")]), outputs={"train": path, "eval": path})


def test_pairs_need_room(run):
    with pytest.raises(UserError, match="--max_seq_length=3 is too small for pairs of texts; it must be at least 4"):
        run(Processor([example("a", "no", "b")]), max_seq_length=3)


def test_truncation_is_counted(run):
    prepared = run(Processor([example("a b c d", "yes"), example("a")]), max_seq_length=4)
    assert prepared.meta_data.truncated_fraction == {"train": 0.5}
    statistics = prepared.splits[0].statistics
    assert (statistics.mean_length, statistics.max_length, statistics.length_at(0.5)) == (3.5, 4, 3)


def test_a_generator_is_read_row_by_row(run):
    alive = 0

    class Counted(InputExample):
        def __init__(self, *arguments):
            nonlocal alive
            alive += 1
            super().__init__(*arguments)

        def __del__(self):
            nonlocal alive
            alive -= 1

    def rows():
        for index in range(5000):
            assert alive < 200
            yield Counted(f"g-{index}", f"{index}", None, "no" if index % 2 else "yes")

    assert run(Processor(rows())).meta_data.train_data_size == 5000
