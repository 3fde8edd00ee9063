"""SavedModels for serving: batches without rows, and disks without room."""

import resource
import signal

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401

from bert_tf2.errors import JobError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer
from bert_tf2.training import export
from bert_tf2.training.question_answering_export import export_question_answering_model


@pytest.fixture
def config(tiny_config_dict):
    return BertConfig(**tiny_config_dict)


def _exported(config, tmp_path, tokenizer, labels):
    task = ClassificationTask(labels)
    model = task.build_model(build_encoder(config))
    export.export_token_ids_model(model, task.serving_outputs, str(tmp_path / "ids"))
    export.export_text_model(model, InGraphTokenizer(tokenizer, 32), task.readable_outputs, str(tmp_path / "text"))
    return [tf.saved_model.load(str(tmp_path / name)).signatures for name in ("ids", "text")]


@pytest.mark.slow
@pytest.mark.parametrize("labels", [["bad", "good", "so-so"], None], ids=["classes", "regression"])
def test_a_classifier_answers_nothing_with_nothing(config, tmp_path, tiny_vocab_file, labels):
    ids, text = _exported(config, tmp_path, WordPieceTokenizer(tiny_vocab_file), labels)
    none = tf.constant([], tf.string)
    for width in (0, 7):
        inputs = {name: tf.zeros([0, width], tf.int32) for name in export.INPUT_NAMES}
        assert ids["serving_default"](**inputs)["sentence_prediction"].shape == (0, len(labels or ["score"]))
    some = tf.constant(["the movie", ""])
    for signature, inputs in (("serving_default", ["text"]), ("pairs", ["text", "text_b"])):
        empty = text[signature](**dict.fromkeys(inputs, none))
        full = text[signature](**dict.fromkeys(inputs, some))
        assert list(empty) == list(full)
        for name, values in empty.items():
            assert values.dtype == full[name].dtype
            assert (values.shape[0], *values.shape[1:]) == (0, *full[name].shape[1:])
    # Rows without tokens are no empty batch: there is nothing that could be classified.
    with pytest.raises(tf.errors.InvalidArgumentError):
        ids["serving_default"](**{name: tf.zeros([2, 0], tf.int32) for name in export.INPUT_NAMES})


def test_question_answering_answers_nothing_with_nothing(config, tmp_path, tiny_vocab_file):
    model = SpanTask(DecodingOptions()).build_model(build_encoder(config))
    settings = {"max_seq_length": 32, "doc_stride": 8, "max_query_length": 10}
    tokenizer, none = WordPieceTokenizer(tiny_vocab_file), tf.constant([], tf.string)
    export_question_answering_model(model, tokenizer, str(tmp_path / "text"), **settings, version_2=True)
    found = tf.saved_model.load(str(tmp_path / "text")).signatures["serving_default"](question=none, context=none)
    assert sorted(found) == ["answer", "end", "null_score_difference", "score", "start"]
    assert all(values.shape == (0,) for values in found.values())


def test_a_full_disk_is_one_line_and_leaves_nothing(config, tmp_path):
    """A limit on the size of files stands for a full disk."""
    task = ClassificationTask(["bad", "good"])
    model = task.build_model(build_encoder(config))
    size = sum(int(np.prod(variable.shape)) * 4 for variable in model.variables)
    former, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, former[1]))
        with pytest.raises(JobError, match=r"cannot write .*/model: .*; make room there, or name another") as error:
            export.export_token_ids_model(model, task.serving_outputs, str(tmp_path / "model"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
