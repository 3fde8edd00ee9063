"""Records as they are written and parsed."""

import os

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.pretraining.features import pretraining_features


def record(ids, label=1, example_id=0):
    return {
        "input_ids": ids,
        "input_mask": b"\x01" * len(ids),
        "segment_ids": bytes(len(ids)),
        "label_ids": label,
        "is_real_example": 1,
        "example_id": example_id,
    }


def reference(values, dtypes):
    """The same record by TensorFlow's own protocol-buffer classes."""
    features = {}
    for name, value in values.items():
        value = list(value) if hasattr(value, "__len__") else [value]
        if dtypes[name] == "int64":
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=value))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.mark.parametrize("seed", range(20))
def test_wire_bytes_decode_to_the_same_example(seed):
    generator = np.random.default_rng(seed)
    specs, values = [], {}
    for index in range(generator.integers(1, 6)):
        name = "x" * int(generator.integers(1, 200)) + str(index)
        dtype = ["int64", "float32"][generator.integers(2)]
        count = int(generator.integers(0, 5) or generator.integers(0, 40_000))
        if dtype == "int64":
            bound = 2 ** int(generator.integers(1, 63))
            values[name] = generator.integers(-bound, bound, count).tolist()
        else:
            values[name] = generator.normal(size=count).astype(np.float32).tolist()
        specs.append(FeatureSpec(name, dtype, shape=("tokens",)))
    decoded = tf.train.Example.FromString(ExampleEncoder(specs).encode(values))
    assert decoded == reference(values, {spec.name: spec.dtype for spec in specs})


def test_bytes_stand_for_small_integers():
    specs = [FeatureSpec("a", shape=("tokens",))]
    assert ExampleEncoder(specs).encode({"a": bytes([0, 1, 127])}) == ExampleEncoder(specs).encode({"a": [0, 1, 127]})


def test_padding_fills_with_zeros_and_refuses_what_is_longer():
    specs = [FeatureSpec("a", shape=("tokens",)), FeatureSpec("b", "float32", shape=("tokens",))]
    encoder = ExampleEncoder(specs, pad_to={"tokens": 4})
    decoded = tf.train.Example.FromString(encoder.encode({"a": [300, 2], "b": [0.5]}))
    assert list(decoded.features.feature["a"].int64_list.value) == [300, 2, 0, 0]
    assert list(decoded.features.feature["b"].float_list.value) == [0.5, 0, 0, 0]
    with pytest.raises(ValueError, match="5 values"):
        encoder.encode({"a": [1] * 5, "b": []})


def test_a_missing_feature_is_refused():
    with pytest.raises(ValueError, match="lacks the feature label_ids"):
        ExampleEncoder(classification_features()).encode({"input_ids": [1], "input_mask": [1], "segment_ids": [0]})


@pytest.mark.parametrize("pad_to", [None, {"tokens": 6}])
@pytest.mark.parametrize("length", [None, 8])
def test_parsing_pads_to_the_longest_or_to_the_length(pad_to, length):
    specs = classification_features()
    encoder = ExampleEncoder(specs, pad_to)
    serialized = [encoder.encode(record([101, 7, 102], 1, 5)), encoder.encode(record([101, 30000, 8, 102], 0, 2**40))]
    batch = parse_records(tf.constant(serialized), specs, {} if length is None else {"tokens": length})
    width = length or 4
    assert set(batch) == {"input_word_ids", "input_mask", "input_type_ids", "label_ids", "example_id"}
    assert batch["input_word_ids"].numpy()[:, :4].tolist() == [[101, 7, 102, 0], [101, 30000, 8, 102]]
    assert batch["input_mask"].numpy().sum(1).tolist() == [3, 4]
    assert batch["input_word_ids"].shape == batch["input_type_ids"].shape == (2, width)
    assert batch["input_word_ids"].dtype == batch["label_ids"].dtype == tf.int32
    assert batch["label_ids"].numpy().tolist() == [1, 0]
    assert batch["example_id"].numpy().tolist() == [5, 2**40]


def test_parsing_in_a_graph_has_a_static_length():
    specs = classification_features()
    encoder = ExampleEncoder(specs)
    dataset = tf.data.Dataset.from_tensor_slices([encoder.encode(record([1, 2]))] * 4).batch(2)
    fixed = dataset.map(lambda rows: parse_records(rows, specs, {"tokens": 5}))
    assert fixed.element_spec["input_word_ids"].shape[1] == 5
    assert next(iter(fixed))["input_word_ids"].shape == (2, 5)


def test_a_record_longer_than_the_length_is_an_error():
    specs = classification_features()
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than 2 tokens"):
        parse_records(tf.constant([ExampleEncoder(specs).encode(record([1, 2, 3]))]), specs, {"tokens": 2})


def test_records_of_another_kind_are_an_error():
    specs = classification_features()
    other = ExampleEncoder([FeatureSpec("label_ids")]).encode({"label_ids": 1})
    with pytest.raises(tf.errors.InvalidArgumentError, match="no input_mask"):
        parse_records(tf.constant([other]), specs)


def test_the_second_feature_naming_is_read():
    specs = classification_features()
    names = ["input_word_ids", "input_mask", "input_type_ids", "label_ids"]
    encoder = ExampleEncoder([FeatureSpec(name, shape=("tokens",)) for name in names])
    second = encoder.encode(dict(zip(names, ([5, 6, 7], [1, 1, 1], [0, 1, 1], 1))))
    first = ExampleEncoder(specs).encode(record([8, 9]))
    batch = parse_records(tf.constant([second, first]), specs)
    assert batch["input_word_ids"].numpy().tolist() == [[5, 6, 7], [8, 9, 0]]
    assert batch["input_type_ids"].numpy().tolist() == [[0, 1, 1], [0, 0, 0]]
    assert batch["example_id"].numpy().tolist() == [-1, 0]


def test_regression_labels_and_weights():
    specs = classification_features("number", weighted=True)
    values = record([1, 2], 2.5) | {"weight": 0.25}
    batch = parse_records(tf.constant([ExampleEncoder(specs).encode(values)]), specs)
    assert batch["label_ids"].dtype == tf.float32
    assert batch["label_ids"].numpy().tolist() == [2.5]
    assert batch["weight"].numpy().tolist() == [0.25]


@pytest.mark.parametrize("gzip", [False, True])
def test_the_writer_counts_and_digests(tmp_path, gzip):
    import hashlib

    path = tmp_path / "new" / "train.tf_record"
    writer = RecordWriter(str(path), classification_features(), gzip=gzip)
    for index in range(3):
        writer.write(record([1, 2, 3], 0, index))
    finished = writer.finish()
    assert not path.exists()
    assert writer.publish() == finished
    content = path.read_bytes()
    assert (finished.name, finished.records, finished.bytes) == ("train.tf_record", 3, len(content))
    assert finished.sha256 == hashlib.sha256(content).hexdigest()
    assert os.listdir(path.parent) == ["train.tf_record"]
    assert len(list(tf.data.TFRecordDataset(str(path), "GZIP" if gzip else ""))) == 3


def write_and_fail(path):
    with RecordWriter(path, classification_features()) as writer:
        writer.write(record([1]))
        raise KeyError("a failure in between")


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        write_and_fail(str(tmp_path / "train.tf_record"))
    assert os.listdir(tmp_path) == []


def test_a_directory_as_output_is_refused(tmp_path):
    with pytest.raises(UserError, match="it is a directory"):
        RecordWriter(str(tmp_path), classification_features())


def pretraining_record(ids, positions):
    return {
        "input_ids": ids,
        "input_mask": b"\x01" * len(ids),
        "segment_ids": bytes(len(ids)),
        "masked_lm_positions": positions,
        "masked_lm_ids": [100 + position for position in positions],
        "masked_lm_weights": [1.0] * len(positions),
        "next_sentence_labels": 1,
    }


@pytest.mark.parametrize("pad_to", [None, {"tokens": 9, "predictions": 5}])
def test_predictions_have_a_length_of_their_own(pad_to):
    specs = pretraining_features()
    encoder = ExampleEncoder(specs, pad_to)
    records = [pretraining_record([101, 7, 8, 102], [1]), pretraining_record([101, 7, 8, 9, 3, 102], [1, 2, 4])]
    serialized = tf.constant([encoder.encode(values) for values in records])
    batch = parse_records(serialized, specs)
    assert batch["input_word_ids"].shape == (2, 6)
    np.testing.assert_array_equal(batch["masked_lm_positions"], [[1, 0, 0], [1, 2, 4]])
    np.testing.assert_array_equal(batch["masked_lm_ids"], [[101, 0, 0], [101, 102, 104]])
    np.testing.assert_array_equal(batch["masked_lm_weights"], [[1, 0, 0], [1, 1, 1]])
    fixed = parse_records(serialized, specs, {"tokens": 8, "predictions": 4})
    assert (fixed["input_word_ids"].shape, fixed["masked_lm_ids"].shape) == ((2, 8), (2, 4))
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than 2 predictions"):
        parse_records(serialized, specs, {"predictions": 2})
