"""Adversarial training: moves of word embeddings beside those of the rows of a table in which each row is looked up once."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.parameter_efficient.adapters import adapt
from bert_tf2.models.word_moves import moved, noted, words_used
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.distillation.task import DistilledTask, Losses
from bert_tf2.training.distillation.teachers import TeacherInStep
from bert_tf2.training.gradients import Gradients, model_inputs
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.regularisation.adversarial import AdversarialGradients, Adversary, direction
from bert_tf2.training.regularisation.rdrop import RDropTask
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep

ROWS, LENGTH = 4, 6
SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
FGM, PGD = Adversary(0.7), Adversary(0.7, 3, 0.4)


def batch():
    """No token occurs twice, but those of padding, which no gradient reaches; the last row only fills the batch up."""
    ids = np.random.default_rng(3).permutation(np.arange(1, 40))[: ROWS * LENGTH].reshape(ROWS, LENGTH).astype(np.int32)
    mask = (np.arange(LENGTH) < np.array([[6], [4], [5], [6]])).astype(np.int32)
    found = {"input_word_ids": ids * mask, "input_mask": mask, "input_type_ids": np.zeros_like(ids)}
    found |= {"label_ids": np.array([0, 1, 1, 0], np.int32), "example_weight": np.array([1, 2, 1, 0], np.float32)}
    return {name: tf.constant(value) for name, value in found.items()}


class Small:
    """A small BERT, and one step on it."""

    def __init__(self, dropout=0.0, policy="float32", adapted=False, rdrop=0.0, loss_scale=None):
        self.strategy = tf.distribute.get_strategy()
        config = BertConfig(
            **SIZES,
            max_position_embeddings=8,
            initializer_range=0.2,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        tf_keras.utils.set_random_seed(1)
        with self.strategy.scope():
            task = ClassificationTask(["no", "yes"], dropout_rate=dropout)
            encoder = build_encoder(config, policy, output_range=1)
            self.model = task.build_model(encoder)
            self.table = encoder._embedding_layer.embeddings
            if adapted:
                adapt(encoder, ("query", "value"), 2, 0.5)
            self.optimizer = create_optimizer(WarmUpThenDecay(0.0, 20, warmup_steps=2), loss_scale=loss_scale)
            create_slots(self.optimizer, self.model.trainable_variables)
        self.task = RDropTask(task, rdrop) if rdrop else task

    def found(self, adversary, accumulation_steps=1):
        """The loss and the gradient's norm, without a graph."""
        is_scaled = isinstance(self.optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        of_model = self.task, self.model, self.optimizer if is_scaled else None, accumulation_steps
        gradients = Gradients(*of_model) if adversary is None else AdversarialGradients(adversary, *of_model)
        rows, seed = batch(), tf.constant([5, 6])
        sums, found = gradients.of(rows, self.task.loss_denominators(rows), seed, self.model.trainable_variables)
        found = [one for one in found if one is not None]
        return float(sums[0]), float(tf.linalg.global_norm(self.optimizer.get_unscaled_gradients(found) if is_scaled else found))

    def step(self, adversary, **options):
        """The same of a step at a rate of 0."""
        step = TrainStep(
            self.task, self.model, self.optimizer, self.strategy, seed=5, clip_norm=0.0, adversary=adversary, **options
        )
        result = step.run(iter(tf.data.Dataset.from_tensors(batch()).repeat()), 0, 1)
        return float(result.loss_sum), float(result.gradient_norm)

    def by_its_table(self, adversary):
        """As `step`, with the rows of the table moved, of which each is one token's."""
        rows, weights = batch(), self.model.trainable_variables
        ids, before = rows["input_word_ids"].numpy(), self.table.numpy()

        def loss_and_gradients():
            with tf.GradientTape() as tape:
                outputs = self.task.training_outputs(self.model, model_inputs(self.model, rows), rows)
                loss = self.task.loss(outputs, rows, self.task.loss_denominators(rows))
            return float(loss), [
                0.0 if one is None else tf.convert_to_tensor(one).numpy() for one in tape.gradient(loss, weights)
            ]

        place = next(place for place, variable in enumerate(weights) if variable is self.table)

        def normed(gradient):
            found = np.zeros_like(gradient)
            for row in ids[:3]:
                of_row = gradient[row[row > 0]]
                found[row[row > 0]] = of_row / np.linalg.norm(of_row)
            return found

        loss, gradients = loss_and_gradients()
        move = min(adversary.epsilon if adversary.steps == 1 else adversary.step_size, adversary.epsilon) * normed(
            gradients[place]
        )
        for _ in range(adversary.steps - 1):
            self.table.assign(before + move)
            move += adversary.step_size * normed(loss_and_gradients()[1][place])
            for row in ids[:3]:
                move[row[row > 0]] *= min(adversary.epsilon / np.linalg.norm(move[row[row > 0]]), 1.0)
        self.table.assign(before + move)
        moved_loss, moved = loss_and_gradients()
        self.table.assign(before)
        norm = np.sqrt(sum(np.sum(np.square(one + other)) for one, other in zip(gradients, moved)))
        return loss, loss + moved_loss, float(norm)


@pytest.fixture(scope="module")
def small():
    return Small()


@pytest.fixture(scope="module")
def expected(small):
    return {adversary: small.by_its_table(adversary) for adversary in (FGM, PGD)}


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("adversary", [FGM, PGD])
def test_loss_and_gradient_are_those_of_a_moved_table(small, expected, adversary, parts):
    plain, loss, norm = expected[adversary]
    assert loss > 2.05 * plain
    assert small.found(adversary, parts) == pytest.approx((loss, norm), rel=1e-4)


def test_in_a_step_of_compiled_code(small, expected):
    assert small.step(FGM, enable_xla=True) == pytest.approx(expected[FGM][1:], rel=1e-4)


def test_in_16_bits_with_a_scaled_loss(expected):
    loss, norm = Small(policy="mixed_float16", loss_scale="dynamic").found(FGM)
    assert loss == pytest.approx(expected[FGM][1], rel=0.02)
    assert norm == pytest.approx(expected[FGM][2], rel=0.05)


def test_a_table_that_is_not_trained_is_moved_all_the_same(expected):
    """Adapters begin at 0, so that the losses are those of the whole model."""
    loss, norm = Small(adapted=True).found(FGM)
    assert loss == pytest.approx(expected[FGM][1], rel=1e-4)
    assert 0 < norm < expected[FGM][2]


def test_both_passes_have_the_same_dropout():
    """So that without a move to speak of the loss is twice the batch's, with R-Drop too."""
    small = Small(dropout=0.1, rdrop=2.0)
    loss, norm = small.found(None)
    assert small.found(Adversary(1e-7)) == pytest.approx((2 * loss, 2 * norm), rel=1e-4)


def test_a_teacher_sees_words_where_they_are(small):
    losses = Losses(alpha=0.5, hidden=1.0, layers=((0, 0),))
    taught, rows, watched = DistilledTask(small.task, losses, TeacherInStep(Small().model, observes=True)), batch(), []

    def loss_of():
        outputs = taught.training_outputs(small.model, model_inputs(small.model, rows), rows)
        return float(taught.loss(outputs, rows, taught.loss_denominators(rows))), outputs.lesson.outputs.numpy()

    with noted(watched.append) as words:
        loss, lesson = loss_of()
    assert len(words) == len(watched) == 1
    with moved([tf.random.stateless_normal(words[0].shape, [1, 2])]):
        loss_when_moved, same = loss_of()
    np.testing.assert_array_equal(same, lesson)
    assert loss_when_moved > loss + 0.1


def test_directions_of_very_small_and_of_broken_gradients():
    gradient = np.random.default_rng(0).normal(size=[4, 3, 2]).astype(np.float32)
    scale = np.array([1.0, 1e-30, 0.0, np.inf], np.float32)[:, np.newaxis, np.newaxis]
    found = direction(tf.constant(gradient * scale)).numpy()
    np.testing.assert_allclose(found[0], gradient[0] / np.linalg.norm(gradient[0]), rtol=1e-5)
    np.testing.assert_allclose(found[1], gradient[1] / np.linalg.norm(gradient[1]), rtol=1e-5)
    assert not found[2:].any()


def test_what_is_off_adds_nothing_to_the_graph():
    vectors = tf.zeros([1, 2, 3])
    assert words_used(vectors) is vectors
