"""A step that is compiled as a whole: the same losses, weights and moments as operation by operation."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.block_loop import loops_of
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.encoder_layers import depths, freeze
from bert_tf2.models.parameter_efficient.adapters import adapt
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep

CONFIG = BertConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16
)
ROWS, LENGTH = 4, 8


def batches():
    random = np.random.default_rng(3)
    while True:
        mask = (np.arange(LENGTH) < random.integers(3, LENGTH + 1, (ROWS, 1))).astype(np.int32)
        yield {
            "input_word_ids": tf.constant(random.integers(1, 50, (ROWS, LENGTH)) * mask, tf.int32),
            "input_mask": tf.constant(mask),
            "input_type_ids": tf.zeros([ROWS, LENGTH], tf.int32),
            "label_ids": tf.constant(random.integers(0, 2, ROWS), tf.int32),
            "example_weight": tf.constant([1.0, 1.0, 1.0, 0.0]),
        }


class Trained:
    """Some steps of a small BERT, and what they left."""

    def __init__(
        self,
        steps=3,
        strategy=None,
        untouched=False,
        frozen_layers=None,
        adapted=(),
        shares=False,
        optimizer=None,
        policy="float32",
        recompute=False,
        **options,
    ):
        strategy = strategy or tf.distribute.get_strategy()
        tf_keras.utils.set_random_seed(1)
        with strategy.scope():
            task = ClassificationTask(["no", "yes"])
            encoder = build_encoder(CONFIG, policy, output_range=1, recompute=recompute)
            model = task.build_model(encoder)
            factors = [(variable, 0.5 ** (4 - depth)) for variable, depth in depths(encoder)] if shares else []
            made = create_optimizer(WarmUpThenDecay(0.01, 20, warmup_steps=2), rate_factors=factors, **(optimizer or {}))
            if frozen_layers is not None:
                freeze(encoder, frozen_layers)
            if adapted:
                adapt(encoder, adapted, 2, 0.5)
            self.loops = loops_of(model)
            if untouched:
                # Of the blocks only the first is read.
                first = encoder.output["encoder_outputs"][0]
                model = tf_keras.Model(encoder.input, {"logits": first[:, 0, :2], "all": encoder.output["sequence_output"]})
                task.loss = lambda outputs, batch, denominators: tf.reduce_mean(tf.square(outputs["logits"]))
            create_slots(made, model.trainable_variables)
        self.step = TrainStep(task, model, made, strategy, seed=5, **options)
        one = next(batches())
        specs = {name: tf.TensorSpec(value.shape, value.dtype) for name, value in one.items()}
        data = tf.data.Dataset.from_generator(batches, output_signature=specs)
        iterator = iter(data if strategy.num_replicas_in_sync == 1 else strategy.experimental_distribute_dataset(data))
        self._iterator = iterator
        results = [self.step.run(iterator, number, 1) for number in range(steps)]
        self.losses = [float(result.loss_sum) for result in results]
        self.norms = [float(result.gradient_norm) for result in results]
        self.step.give(moments=True)
        self.weights = {variable.name: variable.numpy() for variable in model.trainable_variables}
        self.moments = {
            (name, variable.name): made.get_slot(variable, name).numpy()
            for variable in model.trainable_variables
            for name in ("m", "v", *(["average"] if made.averages else []))
        }
        self.iterations = int(made.iterations.numpy())

    def graph(self):
        """That of a step, as it was traced."""
        return self.step._loop.get_concrete_function(self._iterator, tf.constant(0, tf.int64), tf.constant(1, tf.int64)).graph


def require_equal(one, other, tolerance=2e-6):
    np.testing.assert_allclose(one.losses, other.losses, rtol=tolerance * 10)
    np.testing.assert_allclose(one.norms, other.norms, rtol=tolerance * 100)
    assert one.iterations == other.iterations
    for found, expected in ((one.weights, other.weights), (one.moments, other.moments)):
        assert found.keys() == expected.keys()
        for name in expected:
            assert found[name].shape == expected[name].shape, name
            np.testing.assert_allclose(found[name], expected[name], atol=tolerance * 20, err_msg=str(name))


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ({}, {}),
        ({"bias_correction": False}, {"clip_norm": 0.0, "single_steps": False}),
        ({"optimizer_type": "lamb"}, {"clip_norm": 0.1}),
        ({"average_decay": 0.15}, {"single_steps": False}),
        ({"optimizer_type": "lamb", "bias_correction": False, "weight_decay_rate": 0.0}, {"accumulation_steps": 2}),
    ],
)
def test_compiled_equals_plain(optimizer, options):
    plain = Trained(optimizer=optimizer, **options)
    compiled = Trained(optimizer=optimizer, enable_xla=True, **options)
    require_equal(compiled, plain)


def test_blocks_that_the_gradient_makes_again():
    plain = Trained(accumulation_steps=2)
    again = Trained(recompute=True, accumulation_steps=2)
    require_equal(again, plain, tolerance=1e-7)
    require_equal(Trained(recompute=True, enable_xla=True, accumulation_steps=2), plain)


def test_the_loop_keeps_what_goes_into_a_block_and_no_more():
    """What the blocks' loop hands on to the gradient's: lists with a tensor for each block."""
    kept = []
    for again in (False, True):
        trained = Trained(steps=1, enable_xla=True, recompute=again)
        functions = trained.graph().as_graph_def().library.function
        bodies = [one for one in functions if "while_body" in one.signature.name and "grad" not in one.signature.name]
        pushes = [sum(node.op == "TensorListPushBack" for node in body.node_def) for body in bodies]
        kept.append(max(pushes))
    of_a_block = len(build_encoder(CONFIG)._transformer_layers[0].variables)
    assert kept[0] > of_a_block + 3
    # Its weights, its number, its input and the seed.
    assert kept[1] <= of_a_block + 3


def test_variables_that_the_loss_does_not_touch_stay_as_they_are():
    plain, compiled = (Trained(untouched=True, enable_xla=compiles) for compiles in (False, True))
    require_equal(compiled, plain)
    fresh = Trained(steps=0)
    same = [name for name in compiled.weights if np.array_equal(fresh.weights[name], compiled.weights[name])]
    assert any("layer_2" in name for name in same)
    assert not any("layer_0" in name for name in same)


def test_the_average_of_what_never_changes_stays():
    trained = Trained(untouched=True, enable_xla=True, optimizer={"average_decay": 0.9})
    still = [name for name in trained.weights if "layer_2" in name]
    for name in still:
        np.testing.assert_array_equal(trained.moments["average", name], trained.weights[name])
    assert still


def test_shares_of_the_learning_rate():
    optimizer = "lamb"
    plain, compiled = (
        Trained(shares=True, optimizer={"optimizer_type": optimizer}, enable_xla=compiles) for compiles in (False, True)
    )
    require_equal(compiled, plain)
    fresh, whole = Trained(steps=0), Trained(steps=1, optimizer={"optimizer_type": optimizer, "weight_decay_rate": 0.0})
    shared = Trained(steps=1, shares=True, optimizer={"optimizer_type": optimizer, "weight_decay_rate": 0.0})
    for name, start in fresh.weights.items():
        depth = 1 + int(name.split("layer_")[1][0]) if name.startswith("transformer") else 0
        share = 0.5 ** (4 - depth) if "embedding" in name or depth else 1.0
        moved = (whole.weights[name] - start) * share
        np.testing.assert_allclose(shared.weights[name] - start, moved, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("layers", [0, 1])
def test_the_first_layers_frozen(layers):
    plain, compiled = (Trained(frozen_layers=layers, enable_xla=compiles) for compiles in (False, True))
    require_equal(compiled, plain)
    fresh = Trained(steps=0)
    kept = {name for name in fresh.weights if name not in plain.weights}
    expected = ("word_", "position_", "type_", "embeddings/", *(f"transformer/layer_{layer}/" for layer in range(layers)))
    assert kept == {name for name in fresh.weights if name.startswith(expected)}
    # The blocks that are trained are one loop as ever; the last computes another number of tokens, and one alone is none.
    assert [len(loop.blocks) for loop in plain.loops] == ([2] if layers == 0 else [])


def test_adapters():
    plain, compiled = (Trained(adapted=("query", "value", "output"), enable_xla=compiles) for compiles in (False, True))
    require_equal(compiled, plain)
    assert {part for name in plain.weights for part in ("lora_a", "lora_b", "pooler", "logits") if part in name} == {
        "lora_a", "lora_b", "pooler", "logits",
    }  # fmt: skip
    assert len(plain.weights) == 3 * 3 * 2 + 4
    require_equal(Trained(adapted=("query", "value", "output"), recompute=True), plain, tolerance=1e-6)


def test_sixteen_bits():
    plain, compiled = (Trained(policy="mixed_bfloat16", enable_xla=compiles) for compiles in (False, True))
    np.testing.assert_allclose(compiled.losses, plain.losses, rtol=2e-3)


def test_the_blocks_are_one_loop_and_the_step_one_operation():
    trained = Trained(steps=1, enable_xla=True)
    graph = trained.graph()
    outside = [operation for operation in graph.get_operations() if operation.type not in ("Const", "Placeholder", "NoOp")]
    assert len(outside) < 60, sorted(operation.type for operation in outside)
    assert not any(operation.type in ("MatMul", "AssignVariableOp", "ResourceApplyAdam") for operation in outside)
