"""Adapters of kernels (LoRA): they compute and learn as the dense kernel W + s A B would, at the cost of thin products."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.layers.lora_options import TARGETS
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.families.base import families
from bert_tf2.models.parameter_efficient.adapters import adapt, without_adapters
from bert_tf2.tasks.classification.task import ClassificationTask

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
INPUTS = {
    "input_word_ids": tf.constant(np.random.default_rng(1).integers(5, 50, (3, 8)), tf.int32),
    "input_mask": tf.constant(np.arange(8) < [[8], [5], [7]], tf.int32),
    "input_type_ids": tf.zeros([3, 8], tf.int32),
}
SCALE = 2.0


def built(family, policy="float32", **options):
    tf_keras.utils.set_random_seed(1)
    encoder = family.build(family.config(**SIZES), policy, **options)
    model = ClassificationTask(["no", "yes"]).build_model(encoder)
    for variable in model.trainable_variables:
        # What is nearly 0 at the beginning would hide what is wrong.
        variable.assign(variable + np.random.default_rng(2).normal(0, 0.3, variable.shape))
    return model, encoder


def logits(model, **options):
    return tf.nest.flatten(model(INPUTS, **options))[0]


@pytest.mark.parametrize("name", [*(family.name for family in families.all()), "recomputed"])
def test_adapters_are_the_dense_kernels(name):
    options = {"recompute": True} if name == "recomputed" else {"output_range": 1}
    model, encoder = built(families.get("bert" if name == "recomputed" else name), **options)
    variables, values, before = model.weights, model.get_weights(), logits(model).numpy()
    adapters = adapt(encoder, TARGETS, 3, SCALE)
    np.testing.assert_array_equal(logits(model), before)
    trained = model.trainable_variables
    assert {part for one in trained for part in ("lora", "pooler", "logits") if part in one.name} == {"lora", "pooler", "logits"}
    assert len(trained) == 2 * len(adapters.adapted) + 4

    for layer in adapters.adapted:
        layer.adapter.second.assign(np.random.default_rng(3).normal(0, 0.3, layer.adapter.second.shape))
    training = {"training": bool(options.get("recompute"))}

    def gradients(weights):
        with tf.GradientTape() as tape:
            with dropout_seed(tf.constant([1, 2])):
                found = logits(model, **training)
            loss = tf.reduce_sum(found**2)
        return found, tape.gradient(loss, weights)

    adapted, of_adapters = gradients(model.trainable_variables)
    assert np.abs(logits(model).numpy() - before).max() > 1e-3
    of_adapters = {variable.ref(): gradient for variable, gradient in zip(trained, of_adapters)}
    of_one = [layer.adapter for layer in adapters.adapted]
    kernels = [layer.kernel for layer in adapters.adapted]
    without_adapters(encoder)
    assert [one.ref() for one in model.weights] == [one.ref() for one in variables]

    for layer in encoder.layers:
        layer.trainable = True
    dense, of_kernels = gradients(kernels)
    np.testing.assert_allclose(adapted, dense, atol=2e-5)
    for adapter, gradient in zip(of_one, of_kernels):
        gradient = np.reshape(gradient, adapter.base.shape)
        first, second = adapter.first.numpy(), adapter.second.numpy()
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(of_adapters[adapter.first.ref()], SCALE * gradient @ second.T, atol=1e-4 * scale)
        np.testing.assert_allclose(of_adapters[adapter.second.ref()], SCALE * first.T @ gradient, atol=1e-4 * scale)
    adapted_kernels = {kernel.ref(): adapter for kernel, adapter in zip(kernels, of_one)}
    for variable, value in zip(variables, values):
        if (adapter := adapted_kernels.get(variable.ref())) is None:
            np.testing.assert_array_equal(variable, value)
        else:
            np.testing.assert_array_equal(np.reshape(adapter.base, value.shape), value)
            product = np.reshape(adapter.first.numpy() @ adapter.second.numpy(), value.shape)
            np.testing.assert_allclose(variable, value + SCALE * product, atol=1e-6)


def test_sixteen_bits():
    model, encoder = built(families.get("bert"), "mixed_bfloat16")
    before = logits(model).numpy()
    adapters = adapt(encoder, ["query", "output"], 3, SCALE)
    np.testing.assert_array_equal(logits(model), before)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(logits(model) ** 2)
    second = adapters.adapted[0].adapter.second
    gradient = tape.gradient(loss, second)
    assert gradient.dtype == tf.float32
    assert np.abs(gradient).max() > 0


def largest_products(model):
    """By how many numbers the largest product of a gradient that is a weight's has, in the graph of a step."""

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(logits(model, training=True) ** 2)
        return [gradient for gradient in tape.gradient(loss, model.trainable_variables) if gradient is not None]

    graph = step.get_concrete_function().graph
    queue, needed = [one.op for one in graph.outputs], set()
    while queue:
        operation = queue.pop()
        if operation not in needed:
            needed.add(operation)
            queue += [one.op for one in operation.inputs]
    found = [one for one in needed if one.type == "MatMul" and one.get_attr("transpose_a")]
    return max(shape.num_elements() for one in found if (shape := one.outputs[0].shape).is_fully_defined())


def test_no_product_of_the_size_of_a_frozen_kernel():
    """Of a weight's gradient the product is inputs^T upstream, with the size of the weight; the pooler's is the largest left."""
    model, encoder = built(families.get("bert"))
    assert largest_products(model) == 3 * 16 * 16
    adapt(encoder, TARGETS, 1, SCALE)
    assert largest_products(model) == 16 * 16


def test_a_first_layer_that_has_some():
    _, encoder = built(families.get("bert"))
    adapters = adapt(encoder, ["value"], 2, 1.0, first_block=1)
    assert ["layer_1" in layer.kernel.name for layer in adapters.adapted] == [True]


def test_a_layer_that_is_not_there():
    _, encoder = built(families.get("bert"))
    with pytest.raises(UserError, match=r"no querry that could have an adapter\. Did you mean 'query'"):
        adapt(encoder, ["querry"], 2, 1.0)
