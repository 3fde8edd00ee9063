"""Optimizer steps against the same steps computed with NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.training.optimization import clip_by_global_norm, create_optimizer, dense, is_dynamically_scaled

LEARNING_RATE, DECAY, BETA_1, BETA_2, EPSILON = 0.01, 0.1, 0.9, 0.99, 1e-6


def variables():
    random = np.random.default_rng(0)
    shapes = {
        "encoder/dense/kernel": (3, 4),
        "encoder/dense/bias": (4,),
        "encoder/LayerNorm/gamma": (4,),
        "a/layer_norm/beta": (4,),
    }
    return {name: random.normal(size=shape) for name, shape in shapes.items()}


def gradients(step):
    random = np.random.default_rng(100 + step)
    return {name: random.normal(size=value.shape) for name, value in variables().items()}


def is_decayed(name):
    return name == "encoder/dense/kernel"


# Of the learning rate, where it is not the whole.
SHARES = {"encoder/dense/kernel": 0.25, "encoder/LayerNorm/gamma": 2.0}


def by_numpy(optimizer_type, bias_correction, shares=None, steps=5):
    """Adam's moments with decoupled decay (Devlin et al. 2018) and LAMB (You et al. 2020, algorithm 2)."""
    values = variables()
    first = {name: np.zeros_like(value) for name, value in values.items()}
    second = {name: np.zeros_like(value) for name, value in values.items()}
    for step in range(1, steps + 1):
        for name, gradient in gradients(step).items():
            first[name] = BETA_1 * first[name] + (1 - BETA_1) * gradient
            second[name] = BETA_2 * second[name] + (1 - BETA_2) * gradient**2
            m, v, epsilon = first[name], second[name], EPSILON
            if bias_correction:
                m, v = m / (1 - BETA_1**step), v / (1 - BETA_2**step)
                # TensorFlow's fused Adam adds epsilon to the root before it is corrected (Kingma & Ba 2015, end of section 2).
                epsilon = EPSILON / np.sqrt(1 - BETA_2**step) if optimizer_type == "adamw" else EPSILON
            update = m / (np.sqrt(v) + epsilon) + (DECAY * values[name] if is_decayed(name) else 0)
            ratio = 1.0
            if optimizer_type == "lamb" and is_decayed(name):
                ratio = np.linalg.norm(values[name]) / np.linalg.norm(update)
            values[name] = values[name] - LEARNING_RATE * (shares or {}).get(name, 1.0) * ratio * update
    return values


@pytest.mark.parametrize("optimizer_type", ["adamw", "lamb"])
@pytest.mark.parametrize("bias_correction", [True, False])
@pytest.mark.parametrize("shares", [{}, SHARES], ids=["one_rate", "shares"])
def test_steps_equal_an_independent_computation(optimizer_type, bias_correction, shares):
    ours = {name: tf.Variable(value, dtype=tf.float32, name=name) for name, value in variables().items()}
    optimizer = create_optimizer(
        LEARNING_RATE,
        optimizer_type,
        weight_decay_rate=DECAY,
        beta_1=BETA_1,
        beta_2=BETA_2,
        epsilon=EPSILON,
        bias_correction=bias_correction,
        rate_factors=[(ours[name], share) for name, share in shares.items()],
    )
    for step in range(1, 6):
        pairs = [(tf.constant(gradient, tf.float32), ours[name]) for name, gradient in gradients(step).items()]
        optimizer.apply_gradients(pairs, experimental_aggregate_gradients=False)
    for name, expected in by_numpy(optimizer_type, bias_correction, shares).items():
        np.testing.assert_allclose(ours[name].numpy(), expected, rtol=2e-5, atol=1e-6, err_msg=name)


def test_sparse_gradients_without_bias_correction():
    optimizer = create_optimizer(LEARNING_RATE, weight_decay_rate=0.0, bias_correction=False, epsilon=EPSILON)
    table = tf.Variable(tf.ones([3, 2]), name="embeddings")
    optimizer.apply_gradients([(tf.IndexedSlices(tf.ones([1, 2]), tf.constant([1]), tf.constant([3, 2])), table)])
    expected = 1 - LEARNING_RATE * 0.1 / (np.sqrt(0.001) + EPSILON)
    np.testing.assert_allclose(table.numpy(), [[1, 1], [expected, expected], [1, 1]], rtol=1e-5)


def test_adamw_takes_the_fused_kernel():
    optimizer = create_optimizer(LEARNING_RATE, bias_correction=False)
    variable = tf.Variable([1.0, 2.0], name="kernel")

    @tf.function
    def step():
        optimizer.apply_gradients([(tf.constant([0.1, 0.2]), variable)], experimental_aggregate_gradients=False)

    operations = step.get_concrete_function().graph.as_graph_def()
    names = {node.op for function in operations.library.function for node in function.node_def} | {n.op for n in operations.node}
    assert "ResourceApplyAdam" in names


def test_gradients_of_repeated_rows_are_summed():
    slices = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tf.constant([2, 0, 2]), tf.constant([4, 2]))
    np.testing.assert_allclose(dense(slices), [[3, 4], [0, 0], [6, 8], [0, 0]])
    assert dense(None) is None
    _, norm = clip_by_global_norm([dense(slices)], 1.0)
    assert float(norm) == pytest.approx(np.sqrt(9 + 16 + 36 + 64))


def test_clipping_by_global_norm():
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]
    clipped, norm = clip_by_global_norm(gradients, 1.0)
    assert float(norm) == 5
    np.testing.assert_allclose(clipped[0], [0.6, 0])
    np.testing.assert_allclose(clipped[1], [[0.8]])
    for clip_norm in (0.0, 10.0):
        unclipped, _ = clip_by_global_norm(gradients, clip_norm)
        np.testing.assert_allclose(unclipped[0], gradients[0])


def test_loss_scales():
    assert create_optimizer(0.1, loss_scale="dynamic").dynamic
    fixed = create_optimizer(0.1, loss_scale="128")
    assert not is_dynamically_scaled(fixed)
    assert float(fixed.get_scaled_loss(tf.constant(2.0))) == 256
    for wrong in ("dynmic", "-1", "nan", 0):
        with pytest.raises(UserError, match="--loss_scale must be 'dynamic' or a positive number"):
            create_optimizer(0.1, loss_scale=wrong)


def test_unknown_optimizer():
    with pytest.raises(UserError, match=r"unknown optimizer 'adam'. Did you mean 'adamw'\? Known: adamw, lamb"):
        create_optimizer(0.1, "adam")
