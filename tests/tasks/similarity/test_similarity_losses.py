"""The losses are their formulas, in float64 NumPy; and those of two replicas are those of one."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.tasks.similarity import losses


@pytest.fixture
def vectors():
    return np.random.default_rng(1).normal(size=(3, 5, 7)).astype(np.float32)


def cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize("with_third", [False, True])
def test_contrastive(vectors, with_third):
    first, second, third = vectors
    is_real = np.array([1, 1, 0, 1, 1], np.float32)
    found = losses.contrastive_losses(first, second, third if with_third else None, is_real, 0.1).numpy()
    for row in np.flatnonzero(is_real):
        others = [*second[is_real > 0], *(third[is_real > 0] if with_third else [])]
        scores = np.exp([cosine(first[row], other) / 0.1 for other in others])
        assert found[row] == pytest.approx(-np.log(np.exp(cosine(first[row], second[row]) / 0.1) / scores.sum()), rel=1e-4)


def test_a_row_that_fills_a_batch_up_is_nobodys_answer(vectors):
    first, second, _ = vectors
    is_real = np.array([1, 1, 1, 1, 0], np.float32)
    found = losses.contrastive_losses(first, second, None, is_real, 0.05).numpy()[:4]
    np.testing.assert_allclose(found, losses.contrastive_losses(first[:4], second[:4], None, is_real[:4], 0.05), rtol=1e-5)


def test_cosine_and_triplet(vectors):
    first, second, third = vectors
    wanted = np.linspace(0, 1, 5, dtype=np.float32)
    of_cosine = losses.cosine_losses(first, second, wanted).numpy()
    of_triplet = losses.triplet_losses(first, second, third, 0.3).numpy()
    for row in range(5):
        near, far = cosine(first[row], second[row]), cosine(first[row], third[row])
        assert of_cosine[row] == pytest.approx((near - wanted[row]) ** 2, rel=1e-4)
        assert of_triplet[row] == pytest.approx(max(0, far - near + 0.3), abs=1e-6)


def test_nothing_has_no_direction_and_a_finite_gradient():
    nothing = tf.zeros([2, 4])
    with tf.GradientTape() as tape:
        tape.watch(nothing)
        total = tf.reduce_sum(losses.cosines(nothing, tf.ones([2, 4])))
    assert total.numpy() == 0
    assert np.isfinite(tape.gradient(total, nothing)).all()


PROGRAM = """
import numpy as np, tensorflow as tf
from bert_tf2.tasks.similarity.losses import contrastive_losses

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
texts = np.random.default_rng(1).normal(size=(3, 6, 7)).astype(np.float32)
real = np.array([1, 1, 1, 1, 1, 0], np.float32)

def total(texts, real):
    with tf.GradientTape() as tape:
        tape.watch(texts)
        loss = tf.reduce_sum(contrastive_losses(*texts, real, 0.1) * real)
    return loss, tf.stack(tape.gradient(loss, texts))

loss, gradient = total([tf.constant(one) for one in texts], tf.constant(real))

@tf.function
def on_two():
    def on_replica():
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        mine = slice(3 * number, 3 * number + 3)
        return total([tf.constant(one)[mine] for one in texts], tf.constant(real)[mine])
    return strategy.run(on_replica)

losses, gradients = map(strategy.experimental_local_results, on_two())
np.testing.assert_allclose(sum(losses), loss, rtol=1e-5)
np.testing.assert_allclose(np.concatenate(gradients, axis=1), gradient, rtol=1e-4, atol=1e-5)
"""


def test_replicas_compare_with_the_texts_of_all():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
