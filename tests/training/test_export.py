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
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask
from bert_tf2.tasks.exports import text_export, token_ids_export
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.in_graph import answering_export
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer
from bert_tf2.training import export

LABELS = ["bad", "good", "so-so"]


@pytest.fixture
def config(tiny_config_dict):
    return BertConfig(**tiny_config_dict)


def _exported(config, tmp_path, tokenizer, task):
    model = task.build_model(build_encoder(config))
    text = text_export(model, InGraphTokenizer(tokenizer, 32), task.readable_outputs)
    for name, made in {"ids": token_ids_export(model, task.serving_outputs), "text": text}.items():
        export.save_module(made.module, str(tmp_path / name), made.signatures)
    return [tf.saved_model.load(str(tmp_path / name)).signatures for name in ("ids", "text")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "task", [ClassificationTask(LABELS), RegressionTask(), MultiLabelTask(LABELS)], ids=lambda task: type(task).__name__
)
def test_a_classifier_answers_nothing_with_nothing(config, tmp_path, tiny_vocab_file, task):
    ids, text = _exported(config, tmp_path, WordPieceTokenizer(tiny_vocab_file), task)
    none = tf.constant([], tf.string)
    for width in (0, 7):
        inputs = {name: tf.zeros([0, width], tf.int32) for name in INPUT_NAMES}
        assert ids["serving_default"](**inputs)["sentence_prediction"].shape == (0, task.num_labels)
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
        ids["serving_default"](**{name: tf.zeros([2, 0], tf.int32) for name in INPUT_NAMES})


def test_question_answering_answers_nothing_with_nothing(config, tmp_path, tiny_vocab_file):
    model = SpanTask(DecodingOptions()).build_model(build_encoder(config))
    tokenizer, none = WordPieceTokenizer(tiny_vocab_file), tf.constant([], tf.string)
    made = answering_export(model, tokenizer, WindowOptions(32, 8, 10), DecodingOptions(version_2=True))
    export.save_module(made.module, str(tmp_path / "text"), made.signatures)
    found = tf.saved_model.load(str(tmp_path / "text")).signatures["serving_default"](question=none, context=none)
    assert sorted(found) == ["answer", "end", "null_score_difference", "score", "start"]
    assert all(values.shape == (0,) for values in found.values())


def test_a_full_disk_is_one_line_and_leaves_nothing(config, tmp_path):
    """A limit on the size of files stands for a full disk."""
    task = ClassificationTask(["bad", "good"])
    model = task.build_model(build_encoder(config))
    made = token_ids_export(model, task.serving_outputs)
    size = sum(int(np.prod(variable.shape)) * 4 for variable in model.variables)
    former, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, former[1]))
        with pytest.raises(JobError, match=r"cannot write .*/model: .*; make room there, or name another") as error:
            export.save_module(made.module, str(tmp_path / "model"), made.signatures)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
