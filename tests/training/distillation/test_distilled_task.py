"""A task with a teacher: what its loss is made of, and that shares of it sum up whatever a batch is divided into."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask
from bert_tf2.training.distillation.layer_losses import attention_loss, hidden_loss, minilm_loss
from bert_tf2.training.distillation.task import DistilledTask, Losses
from bert_tf2.training.distillation.teachers import KeptTeacher, TeacherInStep
from bert_tf2.training.gradients import model_inputs

LENGTHS, WEIGHTS = (5, 3, 4, 1), np.array([1.0, 0.5, 2.0, 0.0], np.float32)


def model_of(task, layers: int) -> tf_keras.Model:
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=8,
        initializer_range=0.5,
        max_position_embeddings=8,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
    )
    return task.build_model(build_encoder(config))


def batch_of(labels: int) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(1)
    mask = np.array([[1] * length + [0] * (5 - length) for length in LENGTHS], np.int32)
    ids = random.integers(1, 20, mask.shape).astype(np.int32) * mask
    known = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": np.zeros_like(mask)}
    known |= {"label_ids": random.integers(0, labels, 4).astype(np.int32), "example_weight": WEIGHTS}
    return {name: tf.constant(value) for name, value in known.items()}


def loss_of(task, model, batch, denominators=None):
    outputs = task.training_outputs(model, model_inputs(model, batch), batch)
    return outputs, task.loss(outputs, batch, denominators or task.loss_denominators(batch))


def in_halves(batch):
    return [{name: value[half] for name, value in batch.items()} for half in (slice(2), slice(2, 4))]


@pytest.fixture(scope="module")
def taught():
    tf_keras.utils.set_random_seed(3)
    task = ClassificationTask(["a", "b", "c"], dropout_rate=0.0)
    return task, model_of(task, 2), model_of(task, 3)


def test_the_loss_is_the_sum_that_its_weights_say(taught):
    task, student, teacher = taught
    losses = Losses(alpha=0.3, temperature=2.0, hidden=0.5, attention=0.7, minilm=1.5, layers=((0, 1), (1, 2)))
    distilled, batch = DistilledTask(task, losses, TeacherInStep(teacher, observes=True)), batch_of(3)
    outputs, found = loss_of(distilled, student, batch)
    mask = tf.cast(batch["input_mask"], tf.float32) * WEIGHTS[:, np.newaxis]
    mine, other = outputs.states, outputs.lesson.states
    denominators = task.loss_denominators(batch)
    expected = 0.7 * task.loss(outputs.given, batch, denominators)
    expected += 0.3 * task.soft_loss(outputs.given, teacher(model_inputs(teacher, batch)), batch, denominators, 2.0)
    tokens = sum(weight * length for weight, length in zip(WEIGHTS, LENGTHS))
    pairs = sum(weight * length**2 for weight, length in zip(WEIGHTS, LENGTHS))
    expected += 0.5 * hidden_loss(mine, other, losses.layers, mask, None) / tokens
    expected += 0.7 * attention_loss(mine, other, losses.layers, mask) / pairs
    expected += 1.5 * minilm_loss(mine.heads[-1], other.heads[-1], mask) / tokens
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    halves = in_halves(batch)
    sums = tf.nest.map_structure(lambda *parts: tf.add_n(parts), *map(distilled.loss_denominators, halves))
    assert sum(float(loss_of(distilled, student, half, sums)[1]) for half in halves) == pytest.approx(float(found), rel=1e-5)


def test_no_gradient_goes_to_the_teacher(taught):
    task, student, teacher = taught
    distilled = DistilledTask(task, Losses(alpha=0.5, hidden=1.0, layers=((1, 2),)), TeacherInStep(teacher, observes=True))
    with tf.GradientTape() as tape:
        tape.watch(teacher.variables)
        _, loss = loss_of(distilled, student, batch_of(3))
    of_head, *of_teacher = tape.gradient(loss, [student.trainable_variables[-1], *teacher.variables[-2:]])
    assert of_head is not None
    assert of_teacher == [None, None]


def test_kept_outputs_are_those_of_the_step(taught):
    task, student, teacher = taught
    batch, losses = batch_of(3), Losses(alpha=1.0, temperature=3.0)
    kept = batch | {"kept": teacher(model_inputs(teacher, batch))}
    _, in_step = loss_of(DistilledTask(task, losses, TeacherInStep(teacher, observes=False)), student, batch)
    _, from_batch = loss_of(DistilledTask(task, losses, KeptTeacher("kept")), student, kept)
    assert float(from_batch) == pytest.approx(float(in_step), rel=1e-6)


@pytest.mark.parametrize("fixed", [False, True], ids=["rows_that_are_there", "all_rows"])
def test_choices_that_are_not_there_have_no_layers_to_compare(fixed):
    """A question of two choices beside one of three counts as alone."""
    tf_keras.utils.set_random_seed(4)
    task = MultipleChoiceTask(dropout_rate=0.0)
    student, teacher = model_of(task, 1), model_of(task, 2)
    losses = Losses(hidden=1.0, attention=1.0, minilm=1.0, layers=((0, 1),))
    distilled = DistilledTask(task, losses, TeacherInStep(teacher, observes=True))
    random = np.random.default_rng(5)
    mask = np.ones([2, 3, 4], np.int32)
    mask[0, 1, 2:], mask[0, 2] = 0, 0
    batch = {"input_word_ids": random.integers(1, 20, mask.shape).astype(np.int32) * mask, "input_mask": mask}
    batch |= {"input_type_ids": np.zeros_like(mask), "label_ids": np.array([1, 2], np.int32)}
    batch |= {"example_weight": np.array([1.0, 2.0], np.float32)}

    def loss(rows: int, choices: int) -> float:
        part = {name: value[:rows, :choices] if value.ndim == 3 else value[:rows] for name, value in batch.items()}
        specs = {
            name: tf.TensorSpec([rows if fixed else None, *[None] * (value.ndim - 1)], value.dtype)
            for name, value in part.items()
        }

        @tf.function(input_signature=[specs])
        def found(part):
            hard = task.loss(student(model_inputs(student, part)), part, task.loss_denominators(part))
            return loss_of(distilled, student, part)[1] - hard

        return float(found({name: tf.constant(value) for name, value in part.items()}))

    assert loss(1, 2) > 0.01
    assert loss(1, 3) == pytest.approx(loss(1, 2), rel=1e-4)
