"""Features with named axes: written, parsed, padded and counted."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.records.feature_spec import CHOICE_LENGTHS, CHOICES, LABELS, TOKEN_FEATURES, TOKENS, FeatureSpec, counted_axes
from bert_tf2.data.records.parsing import parse_records, row_sizes
from bert_tf2.data.records.wire_format import ExampleEncoder

OF_CHOICES = [
    *(dataclasses.replace(spec, shape=(CHOICES, TOKENS)) for spec in TOKEN_FEATURES),
    FeatureSpec("choice_scores", "float32", shape=(CHOICES,), pad=-1),
    FeatureSpec("label_ids"),
]


def question(*choices, label=0):
    """A record of choices, each given by its ids."""
    return {
        "input_ids": choices,
        "input_mask": [b"\x01" * len(ids) for ids in choices],
        "segment_ids": [[0] + [1] * (len(ids) - 1) for ids in choices],
        "choice_scores": [len(ids) / 2 for ids in choices],
        "label_ids": label,
    }


TWO_QUESTIONS = [question([7, 300, 9], [7, 8], label=1), question([5], [4, 3, 2, 70000], [6, 6])]


def serialized(specs, records, pad_to=None):
    encoder = ExampleEncoder(specs, pad_to)
    return tf.constant([encoder.encode(features) for features in records])


def numbers(batch):
    return {name: value.numpy().tolist() for name, value in batch.items()}


def test_choices_are_flat_in_the_record_with_their_lengths():
    example = tf.train.Example.FromString(ExampleEncoder(OF_CHOICES).encode(TWO_QUESTIONS[1]))
    held = {name: list(feature.int64_list.value) for name, feature in example.features.feature.items()}
    assert held["input_ids"] == [5, 4, 3, 2, 70000, 6, 6]
    assert held["choice_lengths"] == [1, 4, 2]


@pytest.mark.parametrize("pad_to", [None, {"tokens": 6}], ids=["unpadded", "padded"])
def test_choices_are_parsed_with_an_axis_of_their_own(pad_to):
    batch = numbers(parse_records(serialized(OF_CHOICES, TWO_QUESTIONS, pad_to), OF_CHOICES))
    nothing = [0, 0, 0, 0]
    assert batch == {
        "input_word_ids": [[[7, 300, 9, 0], [7, 8, 0, 0], nothing], [[5, 0, 0, 0], [4, 3, 2, 70000], [6, 6, 0, 0]]],
        "input_mask": [[[1, 1, 1, 0], [1, 1, 0, 0], nothing], [[1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]],
        "input_type_ids": [[[0, 1, 1, 0], [0, 1, 0, 0], nothing], [[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 0, 0]]],
        "choice_scores": [[1.5, 1.0, -1.0], [0.5, 2.0, 1.0]],
        "label_ids": [1, 0],
    }


@pytest.mark.parametrize("pad_to", [None, {"tokens": 6}], ids=["unpadded", "padded"])
def test_a_question_is_as_long_as_its_longest_choice(pad_to):
    sizes = row_sizes(serialized(OF_CHOICES, TWO_QUESTIONS, pad_to), OF_CHOICES)
    assert counted_axes(OF_CHOICES) == list(sizes) == ["tokens", "choices"]
    assert numbers(sizes) == {"tokens": [3, 4], "choices": [2, 3]}


def test_without_a_mask_lengths_are_those_of_the_lists():
    specs = [FeatureSpec("ids", shape=(CHOICES, TOKENS)), FeatureSpec("marks", shape=("sentences",))]
    records = [{"ids": [[0, 0], [1]], "marks": []}, {"ids": [[0], [1], []], "marks": [0, 0]}]
    assert numbers(row_sizes(serialized(specs, records), specs)) == {"tokens": [2, 1], "choices": [2, 3], "sentences": [0, 2]}
    assert numbers(row_sizes(tf.constant([b"", b""]), [FeatureSpec("label_ids")])) == {"tokens": [1, 1]}


def test_fixed_sizes_are_known_in_the_graph():
    dataset = tf.data.Dataset.from_tensor_slices(serialized(OF_CHOICES, TWO_QUESTIONS)).batch(2, drop_remainder=True)
    dataset = dataset.map(lambda rows: parse_records(rows, OF_CHOICES, {"tokens": 5, "choices": 4}))
    assert dataset.element_spec["input_word_ids"].shape[1:] == (4, 5)
    assert dataset.element_spec["choice_scores"].shape[1:] == (4,)
    (batch,) = dataset
    assert (
        batch["input_word_ids"].numpy()[:, :3, :4].tolist()
        == parse_records(serialized(OF_CHOICES, TWO_QUESTIONS), OF_CHOICES)["input_word_ids"].numpy().tolist()
    )
    assert batch["input_word_ids"].numpy()[:, :, 4].tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(("sizes", "told"), [({"tokens": 3}, "3 tokens"), ({"choices": 2}, "2 choices")])
def test_more_than_the_fixed_size_is_an_error(sizes, told):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"a record is longer than {told}"):
        parse_records(serialized(OF_CHOICES, TWO_QUESTIONS), OF_CHOICES, sizes)


def flat(lengths, ids, scores=None):
    """A record of choices as another writer would write it."""
    specs = [FeatureSpec(spec.name, spec.dtype, shape=("values",), optional=True) for spec in [*OF_CHOICES, CHOICE_LENGTHS]]
    features = {"input_ids": ids, "input_mask": [1] * len(ids), "segment_ids": [0] * len(ids), "label_ids": 0}
    features["choice_scores"] = [0.5] * len(lengths or []) if scores is None else scores
    return ExampleEncoder(specs).encode(features if lengths is None else features | {"choice_lengths": lengths})


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize(
    ("record", "told"),
    [
        (flat(None, [1, 2]), "choice_lengths do not add up to the number of input_"),
        (flat([1, 2], [1, 2]), "choice_lengths do not add up to the number of input_"),
        (flat([3, -1], [1, 2]), "choice_lengths must not be negative"),
        (flat([1, 1], [1, 2], [0.5]), "as many choice_scores as choice_lengths"),
        (flat([1, 1], []), "choice_lengths do not add up"),
    ],
    ids=["missing", "too many", "negative", "a score missing", "no ids"],
)
def test_lengths_that_do_not_fit_are_an_error(record, told, eager):
    rows = tf.constant([serialized(OF_CHOICES, TWO_QUESTIONS)[0].numpy(), record])
    parse = parse_records if eager else tf.function(parse_records, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        parse(rows, OF_CHOICES)


def test_the_writer_refuses_choices_that_do_not_fit_each_other():
    encoder, good = ExampleEncoder(OF_CHOICES), TWO_QUESTIONS[0]
    with pytest.raises(ValueError, match=r"choices of input_mask have \[3, 1\] values, those of input_ids \[3, 2\]"):
        encoder.encode(good | {"input_mask": [[1, 1, 1], [1]]})
    with pytest.raises(ValueError, match=r"choice_scores has 3 values for 2 choices"):
        encoder.encode(good | {"choice_scores": [1, 2, 3]})
    with pytest.raises(ValueError, match="input_ids has 3 values; the padded length is 2"):
        ExampleEncoder(OF_CHOICES, {"tokens": 2}).encode(good)


TAGS = [*TOKEN_FEATURES, FeatureSpec("tag_ids", shape=(TOKENS,), pad=-1), FeatureSpec("words", "string", shape=("words",))]


@pytest.mark.parametrize("pad_to", [None, {"tokens": 6}], ids=["unpadded", "padded"])
def test_values_that_pad(pad_to):
    def record(*tags):
        there = {"input_ids": [9] * len(tags), "input_mask": [1] * len(tags), "segment_ids": [0] * len(tags)}
        return there | {"tag_ids": tags, "words": ["ein", "Wörtchen"]}

    rows = serialized(TAGS, [record(0, -1, 3), record(2)], pad_to)
    batch = parse_records(rows, TAGS)
    assert "words" not in batch
    assert batch["tag_ids"].numpy().tolist() == [[0, -1, 3], [2, -1, -1]]
    assert parse_records(rows, TAGS, {"tokens": 4})["tag_ids"].numpy().tolist() == [[0, -1, 3, -1], [2, -1, -1, -1]]
    example = tf.train.Example.FromString(rows[1].numpy()).features.feature
    assert list(example["tag_ids"].int64_list.value) == ([2] if pad_to is None else [2, -1, -1, -1, -1, -1])
    assert list(example["words"].bytes_list.value) == [b"ein", "Wörtchen".encode()]


def test_other_names_of_features_that_pad_with_another_value():
    spec = FeatureSpec("ids", shape=(TOKENS,), pad=5, aliases=("input_ids",))
    rows = [
        serialized([FeatureSpec(name, shape=(TOKENS,))], [{name: ids}])[0]
        for name, ids in (("ids", [1, 5, 0]), ("input_ids", [2]))
    ]
    assert parse_records(tf.stack(rows), [spec])["ids"].numpy().tolist() == [[1, 5, 0], [2, 5, 5]]


LABELLED = [FeatureSpec("label_ids", "float32", shape=(LABELS,))]


def test_labels_are_as_many_in_every_record():
    rows = serialized(LABELLED, [{"label_ids": [0, 1, 0]}, {"label_ids": [1, 1, 0]}])
    assert parse_records(rows, LABELLED, {"labels": 3})["label_ids"].numpy().tolist() == [[0, 1, 0], [1, 1, 0]]
    assert parse_records(rows, LABELLED)["label_ids"].dtype == tf.float32
    with pytest.raises(tf.errors.InvalidArgumentError, match="the number of labels must be 28"):
        parse_records(rows, LABELLED, {"labels": 28})
    rows = serialized(LABELLED, [{"label_ids": [0, 1, 0]}, {"label_ids": [1, 1]}])
    with pytest.raises(tf.errors.InvalidArgumentError, match="all records must have the same number of labels"):
        parse_records(rows, LABELLED)


def test_strings_are_written_as_tensorflow_writes_them():
    specs = [
        FeatureSpec("text", "string"),
        FeatureSpec("words", "string", shape=("words",)),
        FeatureSpec("none", "string", shape=("words",)),
    ]
    values = {"text": "x" * 300, "words": ["", "é", "\ud800", b"\xff"], "none": []}
    expected = {"text": [b"x" * 300], "words": [b"", "é".encode(), b"\xed\xa0\x80", b"\xff"], "none": []}
    features = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=value)) for name, value in expected.items()}
    decoded = tf.train.Example.FromString(ExampleEncoder(specs, {"words": 9}).encode(values))
    assert decoded == tf.train.Example(features=tf.train.Features(feature=features))


def test_an_own_axis_is_as_long_as_the_longest():
    specs = [FeatureSpec("starts", shape=("sentences",), pad=-1)]
    rows = serialized(specs, [{"starts": [0, 4]}, {"starts": []}])
    assert parse_records(rows, specs)["starts"].numpy().tolist() == [[0, 4], [-1, -1]]
    assert parse_records(rows, specs, {"sentences": 3})["starts"].shape == (2, 3)


def test_random_choices_come_back():
    random = np.random.default_rng(0)
    specs = OF_CHOICES[:1]
    records = [
        [random.integers(1, 1 << 30, random.integers(0, 9)).tolist() for _ in range(random.integers(0, 6))] for _ in range(40)
    ]
    batch = parse_records(serialized(specs, [{"input_ids": choices} for choices in records]), specs)["input_word_ids"].numpy()
    for row, choices in zip(batch, records, strict=True):
        assert [ids[: len(expected)].tolist() for ids, expected in zip(row, choices)] == choices
        assert np.count_nonzero(row) == sum(map(len, choices))
