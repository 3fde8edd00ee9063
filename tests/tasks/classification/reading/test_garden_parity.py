"""The same records as the model garden makes, and records that the model garden reads and trains on."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.tasks.classification.preparation import ClassificationPreparation
from bert_tf2.tasks.classification.reading.glue import create_processor
from bert_tf2.tasks.record_making import RecordOptions, prepare
from bert_tf2.text.tokenizer import load_tokenizer

pytestmark = [pytest.mark.slow, pytest.mark.real_data]
LENGTH = 64


@pytest.fixture
def vocab_file(real_data):
    return str(real_data / "vocab" / "uncased.txt")


def prepared(task, real_data, vocab_file, directory):
    """Our padded training records of a task."""
    path = str(directory / "train.tf_record")
    outputs = {"train": path, "eval": str(directory / "eval.tf_record")}
    tokenizer = load_tokenizer(vocab_file=vocab_file)
    preparation = ClassificationPreparation(create_processor(task), str(real_data / "glue" / task), tokenizer, LENGTH)
    prepare(preparation, outputs, str(directory / "meta_data.json"), RecordOptions(pad_to_max_length=True))
    return path


@pytest.mark.parametrize("task", ["MRPC", "CoLA", "STS-B"])
def test_features_equal_the_gardens(real_data, vocab_file, tmp_path, task):
    library = pytest.importorskip("official.nlp.data.classifier_data_lib")
    tokenization = pytest.importorskip("official.nlp.tools.tokenization")
    processor = create_processor(task)
    examples = list(processor.get_train_examples(str(real_data / "glue" / task)))
    label_type = float if processor.is_regression else None
    for example in examples:
        example.label = float(example.label) if processor.is_regression else example.label
    garden = str(tmp_path / "garden.tf_record")
    tokenizer = tokenization.FullTokenizer(vocab_file=vocab_file, do_lower_case=True)
    library.file_based_convert_examples_to_features(examples, processor.get_labels(), LENGTH, tokenizer, garden, label_type)
    ours = prepared(task, real_data, vocab_file, tmp_path)
    count = 0
    for our_record, garden_record in zip(tf.data.TFRecordDataset(ours), tf.data.TFRecordDataset(garden), strict=True):
        # Protocol buffers compare their maps by content.
        assert tf.train.Example.FromString(our_record.numpy()) == tf.train.Example.FromString(garden_record.numpy())
        count += 1
    assert count == len(examples)


def test_the_gardens_reader_trains_on_padded_records(real_data, vocab_file, tmp_path):
    input_pipeline = pytest.importorskip("official.legacy.bert.input_pipeline")
    bert_models = pytest.importorskip("official.legacy.bert.bert_models")
    configs = pytest.importorskip("official.legacy.bert.configs")
    path = prepared("MRPC", real_data, vocab_file, tmp_path)
    meta_data = json.loads((tmp_path / "meta_data.json").read_text())
    config = configs.BertConfig(30522, 16, 1, 2, 32, max_position_embeddings=LENGTH)
    model, _ = bert_models.classifier_model(config, meta_data["num_labels"])
    dataset = input_pipeline.create_classifier_dataset(path, meta_data["max_seq_length"], 8)
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(dataset, steps_per_epoch=3, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
