"""R-Drop: the divergence of every kind of outputs beside SciPy's, and what its loss is made of."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask
from bert_tf2.tasks.multiple_choice.model import NO_CHOICE
from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.tagging.task import TaggingTask
from bert_tf2.training.gradients import model_inputs
from bert_tf2.training.regularisation.rdrop import RDropTask, divergence

RANDOM = np.random.default_rng(5)
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0], np.float32)


def drawn(*shape):
    return RANDOM.normal(0, 2, shape).astype(np.float32)


def of_softmax(one, other):
    p, q = scipy.special.softmax(one), scipy.special.softmax(other)
    return (scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)) / 2


def of_bernoulli(one, other):
    pairs = [(np.array([p, 1 - p]), np.array([q, 1 - q])) for p, q in zip(scipy.special.expit(one), scipy.special.expit(other))]
    return np.mean([(scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)) / 2 for p, q in pairs])


def found_of(task, one, other, **batch):
    """The divergence, which must be the same the other way round, with a gradient for both outputs."""
    batch = {"example_weight": tf.constant(WEIGHTS), **{name: tf.constant(value) for name, value in batch.items()}}
    one, other = (tf.nest.map_structure(tf.constant, some) for some in (one, other))
    with tf.GradientTape() as tape:
        tape.watch([one, other])
        found = divergence(task, one, other, batch, task.loss_denominators(batch))
    for gradient in tf.nest.flatten(tape.gradient(found, [one, other])):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0
    assert float(divergence(task, other, one, batch, task.loss_denominators(batch))) == pytest.approx(float(found), rel=1e-5)
    assert float(divergence(task, one, one, batch, task.loss_denominators(batch))) == pytest.approx(0.0, abs=1e-6)
    return float(found)


def mean(values):
    return pytest.approx(float((np.array(values) * WEIGHTS).sum() / WEIGHTS.sum()), rel=1e-4)


def test_the_divergence_of_texts():
    one, other = drawn(4, 3), drawn(4, 3)
    assert found_of(ClassificationTask(["a", "b", "c"]), one, other) == mean(list(map(of_softmax, one, other)))
    assert found_of(MultiLabelTask(["a", "b", "c"]), one, other) == mean(list(map(of_bernoulli, one, other)))
    assert found_of(RegressionTask(), one[:, :1], other[:, :1]) == mean((one[:, 0] - other[:, 0]) ** 2)


def test_the_divergence_of_tags():
    one, other, labels = drawn(4, 5, 3), drawn(4, 5, 3), np.array([[-1, 0, 1, -1, 2]] * 4, np.int32)
    rows = [np.mean([of_softmax(one[row, place], other[row, place]) for place in (1, 2, 4)]) for row in range(4)]
    task = TaggingTask(["O", "B-A", "I-A"], "iob2")
    assert found_of(task, {"logits": one}, {"logits": other}, label_ids=labels) == mean(rows)


def test_the_divergence_of_starts_and_ends_and_of_choices():
    names, lengths = ("start_positions", "end_positions"), (3, 2, 4, 4)
    one, other = ({name: drawn(4, 4) for name in names} for _ in range(2))
    mask = np.array([[1] * length + [0] * (4 - length) for length in lengths], np.int32)
    rows = [
        np.mean([of_softmax(one[n][row, :length], other[n][row, :length]) for n in names]) for row, length in enumerate(lengths)
    ]
    assert found_of(SpanTask(DecodingOptions()), one, other, input_mask=mask) == mean(rows)
    one, other, there = drawn(4, 3), drawn(4, 3), np.ones([4, 3, 2], np.int32)
    there[1, 2] = 0
    one[1, 2] = other[1, 2] = NO_CHOICE
    rows = [of_softmax(one[row, : 2 if row == 1 else 3], other[row, : 2 if row == 1 else 3]) for row in range(4)]
    assert found_of(MultipleChoiceTask(), one, other, input_mask=there) == mean(rows)


def test_the_loss_is_the_mean_of_two_passes_and_their_divergence():
    tf_keras.utils.set_random_seed(3)
    sizes = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    config = BertConfig(**sizes, max_position_embeddings=8, initializer_range=0.5)
    task = ClassificationTask(["a", "b", "c"])
    model, twice = task.build_model(build_encoder(config, output_range=1)), RDropTask(task, 1.5)
    ids = tf.constant(RANDOM.integers(1, 20, [4, 6]), tf.int32)
    batch = {"input_word_ids": ids, "input_mask": tf.ones_like(ids), "input_type_ids": tf.zeros_like(ids)}
    batch |= {"label_ids": tf.constant([0, 1, 2, 1]), "example_weight": tf.constant(WEIGHTS)}
    denominators = twice.loss_denominators(batch)

    def passed(seed):
        with dropout_seed(tf.constant(seed)):
            return twice.training_outputs(model, model_inputs(model, batch), batch)

    outputs = passed([1, 2])
    # The first pass is the task's own; the second has other dropout; both are what the seed makes them.
    with dropout_seed(tf.constant([1, 2])):
        np.testing.assert_array_equal(outputs.first, task.training_outputs(model, model_inputs(model, batch), batch))
    assert np.abs(outputs.first - outputs.second).max() > 0.01
    np.testing.assert_array_equal(outputs.second, passed([1, 2]).second)
    assert np.abs(outputs.second - passed([2, 1]).second).max() > 0.01

    logits = [outputs.first.numpy(), outputs.second.numpy()]
    losses = [-scipy.special.log_softmax(one, axis=1)[range(4), [0, 1, 2, 1]] for one in logits]
    expected = np.mean(losses, axis=0) + 1.5 * np.array(list(map(of_softmax, *logits)))
    assert float(twice.loss(outputs, batch, denominators)) == mean(expected)
