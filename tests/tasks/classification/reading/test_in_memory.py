"""Data in memory become examples; what is wrong with an element is said with its index."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.in_memory import InMemoryProcessor

TEXTS, LABELS = ["good", "bad", "very good"], ["pos", "neg", "pos"]


def examples(data, **options):
    """Texts, labels and weights as training gets them, and the label names."""
    processor = InMemoryProcessor({"train": data}, **options)
    rows = [(one.text_a, one.text_b, one.label, one.weight) for one in processor.get_train_examples()]
    return rows, processor.get_labels()


def test_lists():
    expected = [("good", None, "pos", None), ("bad", None, "neg", None), ("very good", None, "pos", None)]
    for texts, labels in ((TEXTS, LABELS), (tuple(TEXTS), np.array(LABELS)), (np.array(TEXTS, object), iter(LABELS))):
        assert examples((texts, labels)) == (expected, ["neg", "pos"])
    processor = InMemoryProcessor({"train": (TEXTS, LABELS), "eval": (["odd"], [" neg "])})
    (odd,) = processor.get_dev_examples()
    assert (odd.label, odd.where(), odd.example_id) == ("neg", "example 'eval[0]'", 0)


def test_pairs_and_weights():
    pairs = [("a", "b"), ["c", "d"]]
    rows, names = examples((pairs, [10, 9], [1, 0.5]))
    assert rows == [("a", "b", "10", 1), ("c", "d", "9", 0.5)]
    # Numbers are sorted as such.
    assert names == ["9", "10"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [([True, False, True], ["false", "true"]), (np.array([1, 0, 1]), ["0", "1"]), ([np.int64(-1), 3, 20], ["-1", "3", "20"])],
)
def test_labels_that_are_no_names(labels, names):
    assert examples((TEXTS, labels))[1] == names


def test_numbers_for_regression():
    rows, names = examples((TEXTS, [1, np.float32(0.5), -2.0]), is_regression=True)
    assert [row[2] for row in rows] == [1.0, 0.5, -2.0]
    assert names == []


def slices(*data):
    return tf.data.Dataset.from_tensor_slices(*data)


@pytest.mark.parametrize(
    "dataset",
    [
        lambda: slices((TEXTS, LABELS)),
        lambda: slices((TEXTS, LABELS)).batch(2),
        lambda: slices({"text": TEXTS, "label": LABELS}),
        lambda: slices({"id": [1, 2, 3], "sentence": TEXTS, "label": LABELS}).batch(3),
        lambda: slices(({"review": TEXTS}, LABELS)),
        lambda: tf.data.Dataset.from_generator(
            lambda: iter(zip(TEXTS, LABELS)), output_signature=(tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string))
        ),
    ],
)
def test_data_sets(dataset):
    assert examples(dataset()) == examples((TEXTS, LABELS))


def test_data_sets_of_pairs_with_weights_and_keys_of_their_own():
    expected = [("a", "é", "1", 1.0), ("c", "d", "0", 0.5)]
    columns = {"text_column": "q", "text_b_column": "r", "label_column": "y", "weight_column": "w"}
    values = {"y": [1, 0], "r": ["é", "d"], "q": ["a", "c"], "w": [1.0, 0.5]}
    assert examples(slices(values), columns=columns)[0] == expected
    assert examples(slices(((["a", "c"], ["é", "d"]), [1, 0], [1.0, 0.5])))[0] == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((TEXTS, LABELS[:2]), "train: 3 texts but 2 labels; every text needs one"),
        ((TEXTS, LABELS, [1.0]), "train: 3 texts but 1 weights; every text needs one"),
        ((["good", None, "bad"], LABELS), "train: texts[1] must be a string, or a pair of strings; got None"),
        ((["good", float("nan"), "bad"], LABELS), "train: texts[1] must be a string, or a pair of strings; got nan"),
        ((["good", b"bad", "bad"], LABELS), "train: texts[1] must be a string, or a pair of strings; got b'bad'"),
        ((["good", ("a", "b"), "bad"], LABELS), "train: texts[0] is one text, but texts[1] a pair; all must be alike"),
        (([("a", "b"), "good"], ["x", "y"]), "train: texts[0] is a pair, but texts[1] one text; all must be alike"),
        (([("a", "b", "c")], ["x"]), "train: texts[0] must be a string, or a pair of strings; got tuple of 3"),
        (("one text", LABELS), "train: texts must be a list of strings, or of pairs of strings; got 'one text'"),
        (([], []), "train: texts: the list is empty"),
        ((TEXTS, None), "train: labels must be a list of labels; got None"),
        ((TEXTS, "pos"), "train: labels must be a list of labels; got 'pos'"),
        ((TEXTS, ["pos", None, "neg"]), "train: labels[1] must be a name or a whole number; got None"),
        ((TEXTS, ["pos", "  ", "neg"]), "train: labels[1] is empty"),
        (
            (TEXTS, [0, 1.5, 1]),
            "labels[1] must be a name or a whole number; got 1.5; to learn numbers, pass fine_tuning_",
        ),
        ((TEXTS, ["pos"] * 3), "classification needs at least 2 labels; the data holds 'pos' only"),
        (TEXTS, "train must be a tuple (texts, labels) of two lists, a tf.data.Dataset, or the path of a"),
        ((TEXTS,), "train must be a tuple (texts, labels)"),
        (None, "train must be a tuple (texts, labels)"),
        (slices((TEXTS, LABELS)).repeat(), "train: the data set never ends; leave out repeat()"),
        (slices(TEXTS), "an element of the data set must be (text, label), ((text, second text), label) or a dict"),
        (
            slices({"words": TEXTS, "label": LABELS}),
            "which key holds the text? Pass text_column; the keys are: words, label",
        ),
        (slices(([b"\xff"], [1])), "train[0]: byte 0 of the text is not UTF-8"),
        (slices(([1, 2], [1, 2])), "train: texts[0] must be a string, or a pair of strings; got 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_index(data, message):
    with pytest.raises(UserError) as caught:
        examples(data)
    assert message in str(caught.value)


@pytest.mark.parametrize("label", [None, "1.0", float("nan"), True])
def test_a_label_that_is_no_number(label):
    with pytest.raises(UserError, match=r"train: labels\[2\] must be a finite number"):
        examples((TEXTS, [1, 2, label]), is_regression=True)


def test_labels_given_by_name():
    names = ["pos", "neutral", "neg"]
    assert examples((TEXTS, LABELS), label_names=names)[1] == names
    with pytest.raises(UserError) as caught:
        examples((TEXTS, ["pos", "neg", "nuetral"]), label_names=names)
    assert str(caught.value) == (
        "train: labels[2] is 'nuetral', which is none of the labels: pos, neutral, neg. Did you mean 'neutral'?"
    )


def test_a_key_that_is_not_there():
    with pytest.raises(UserError, match=r"train: no key 'lable' \(--label_column\). Did you mean 'label'\? Keys: text, label"):
        examples(slices({"text": TEXTS, "label": LABELS}), columns={"label_column": "lable"})


def test_a_key_has_one_role_and_labels_more_than_one_row():
    rows = {"text": TEXTS, "label": LABELS}
    for columns in ({"text_column": "text", "label_column": "text"}, {"text_column": "label", "text_b_column": "label"}):
        with pytest.raises(UserError, match=r"train: --\w+=\w+ and --\w+=\w+ are the same column"):
            examples(slices(rows), columns=columns)
    names = [f"row {number}" for number in range(20)]
    with pytest.raises(UserError, match="train: 20 different labels in 20 rows, such as 'row 0'"):
        examples((["a"] * 20, names))
    assert examples((["a"] * 20, names), label_names=names)[1] == names


SETS = [["joy", "love"], (), {"joy"}]


def test_any_number_of_labels():
    processor = InMemoryProcessor({"train": (TEXTS, SETS), "eval": (["odd"], [[" love ", "love"]])})
    assert processor.is_multi_label
    assert processor.get_labels() == ["joy", "love"]
    assert [one.label for one in processor.get_train_examples()] == [("joy", "love"), (), ("joy",)]
    assert [one.label for one in processor.get_dev_examples()] == [("love",)]
    assert not InMemoryProcessor({"train": (TEXTS, LABELS)}).is_multi_label
    assert InMemoryProcessor({"train": (TEXTS, [[3], [10, 3], []])}).get_labels() == ["3", "10"]
    ragged = tf.data.Dataset.from_generator(
        lambda: zip(TEXTS, map(list, SETS)), output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((None,), tf.string))
    )
    assert examples(ragged)[0][0][2] == ("joy", "love")


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (["joy", ["joy"], []], [], "train: labels[1] is one list; where texts have any number of labels, each has a list of"),
        (np.eye(3), [], "train: labels[0] is one array; where texts"),
        ([["joy"], [""], ["love"]], [], "train: labels[1][0] is empty"),
        ([["joy"], [0.5], ["love"]], [], "train: labels[1][0] must be a name or a whole number; got 0.5"),
        ([["joy"], [["joy"]], []], [], "train: labels[1][0] is one list"),
        ([["joy"], [], []], [], "classification needs at least 2 labels; the data holds 'joy' only"),
        ([[], [], []], [], "classification needs at least 2 labels"),
        (
            [["joy"], ["lov"], []],
            ["joy", "love"],
            "train: labels[1] holds 'lov', which is none of the labels: joy, love. Did you",
        ),
    ],
)
def test_what_is_wrong_with_a_list_of_labels_is_said_with_its_index(labels, names, message):
    with pytest.raises(UserError) as caught:
        InMemoryProcessor({"train": (TEXTS, labels)}, names)
    assert message in str(caught.value)
