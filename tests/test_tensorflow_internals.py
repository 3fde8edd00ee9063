"""The names that TensorFlow and Keras promise nobody are there and do what they did; a failure names the one that is not."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling.optimization.lamb import LAMB
from official.modeling.optimization.legacy_adamw import AdamWeightDecay

from bert_tf2.tensorflow_internals import (
    AdjustedCoefficients,
    FormerParts,
    TrackableObjectGraph,
    coefficients,
    create_slots,
    custom_gradients_forgotten,
    free,
    is_decayed,
    outputs_read,
    with_constants,
    write,
    write_method,
)

GONE = "this release has no {} any more; find what replaces it for bert_tf2/tensorflow_internals.py"


@pytest.mark.parametrize("kind", [AdamWeightDecay, LAMB], ids=lambda kind: kind.__name__)
def test_slots_are_created(kind):
    assert hasattr(kind, "_create_all_weights"), GONE.format(f"{kind.__name__}._create_all_weights")
    variable, optimizer = tf.Variable([1.0, 2.0]), kind(learning_rate=0.1)
    create_slots(optimizer, [variable])
    assert [weight.shape.as_list() for weight in optimizer.weights] == [[], [2], [2]], "iterations and two moments"


def test_slots_of_a_scaled_optimizer_are_created():
    scaled = tf_keras.mixed_precision.LossScaleOptimizer
    assert hasattr(scaled(AdamWeightDecay()), "_create_all_weights"), GONE.format("LossScaleOptimizer._create_all_weights")
    optimizer = scaled(AdamWeightDecay(learning_rate=0.1))
    create_slots(optimizer, [tf.Variable([1.0, 2.0])])
    assert [weight.shape.as_list() for weight in optimizer.inner_optimizer.weights] == [[], [2], [2]]


@pytest.mark.parametrize("kind", [AdamWeightDecay, LAMB], ids=lambda kind: kind.__name__)
def test_coefficients_are_adjusted(kind):
    assert hasattr(kind, "_prepare_local"), GONE.format(f"{kind.__name__}._prepare_local")
    seen = []

    class Adjusted(AdjustedCoefficients, kind):
        def adjust(self, coefficients, dtype):
            seen.append((sorted(coefficients), dtype))

    Adjusted(learning_rate=0.1).apply_gradients([(tf.constant([1.0]), tf.Variable([1.0]))])
    (names, dtype), *others = seen
    assert not others
    assert dtype == tf.float32
    assert {"beta_1_power", "beta_2_power", "lr_t"} <= set(names), GONE.format("coefficient beta_1_power, beta_2_power or lr_t")


def test_a_former_part_is_restored_and_not_saved(tmp_path):
    assert hasattr(tf_keras.layers.Layer, "_lookup_dependency"), GONE.format("Layer._lookup_dependency")

    class Holder(FormerParts, tf_keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = tf_keras.layers.Layer()
            self.inner.weight = tf.Variable([0.0])

        def former_part(self, name):
            return self.inner.weight if name == "weight" else None

    former = tf.train.Checkpoint(holder=tf.train.Checkpoint(weight=tf.Variable([5.0]))).write(str(tmp_path / "former"))
    holder = Holder()
    tf.train.Checkpoint(holder=holder).read(former).assert_consumed()
    np.testing.assert_array_equal(holder.inner.weight, [5.0])
    saved = tf.train.Checkpoint(holder=holder).write(str(tmp_path / "ours"))
    assert "holder/weight/.ATTRIBUTES/VARIABLE_VALUE" not in dict(tf.train.list_variables(saved))
    assert "holder/inner/weight/.ATTRIBUTES/VARIABLE_VALUE" in dict(tf.train.list_variables(saved))


def test_the_graph_of_a_checkpoint_is_read(tmp_path):
    path = tf.train.Checkpoint(part=tf.train.Checkpoint(weight=tf.Variable([5.0]))).write(str(tmp_path / "checkpoint"))
    stored = tf.train.load_checkpoint(path)
    assert stored.has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"), GONE.format("entry _CHECKPOINTABLE_OBJECT_GRAPH in a checkpoint")
    graph = TrackableObjectGraph.FromString(stored.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    children = {child.local_name: child.node_id for child in graph.nodes[0].children}
    (weight,) = graph.nodes[children["part"]].children
    assert weight.local_name == "weight"
    (value,) = graph.nodes[weight.node_id].attributes
    assert (value.name, value.checkpoint_key) == ("VARIABLE_VALUE", "part/weight/.ATTRIBUTES/VARIABLE_VALUE")


def test_records_are_written_by_the_base_class(tmp_path):
    base = tf.io.TFRecordWriter.__mro__[1]
    assert hasattr(base, "write"), GONE.format("write of TFRecordWriter's base class")
    path = str(tmp_path / "records")
    with tf.io.TFRecordWriter(path) as writer:
        write = write_method(writer)
        write(b"one")
        write(b"two")
    assert [record.numpy() for record in tf.data.TFRecordDataset(path)] == [b"one", b"two"]


@pytest.mark.parametrize("kind", [AdamWeightDecay, LAMB], ids=lambda kind: kind.__name__)
def test_what_an_update_will_use(kind):
    assert hasattr(kind, "_prepare"), GONE.format(f"{kind.__name__}._prepare")
    assert hasattr(kind, "_do_use_weight_decay"), GONE.format(f"{kind.__name__}._do_use_weight_decay")
    optimizer = kind(learning_rate=0.5, weight_decay_rate=0.25, exclude_from_weight_decay=["bias"])
    variable, bias = tf.Variable([1.0], name="kernel"), tf.Variable([1.0], name="bias")
    create_slots(optimizer, [variable, bias])
    found = {name: float(value) for name, value in coefficients(optimizer, variable).items()}
    assert found["lr_t"] == 0.5
    assert found["weight_decay_rate"] == 0.25
    assert found["one_minus_beta_1_t"] == pytest.approx(0.1)
    assert {"beta_1_power", "beta_2_power", "one_minus_beta_2_t", "epsilon"} <= found.keys()
    assert is_decayed(optimizer, variable)
    assert not is_decayed(optimizer, bias)


def test_memory_of_a_variable_is_given_back():
    variable = tf.Variable([[1.0, 2.0]])
    tf.function(free)(variable)
    assert tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=tf.float32).shape == [0]
    tf.function(write)(variable, tf.constant([[3.0, 4.0]]))
    assert variable.numpy().tolist() == [[3.0, 4.0]]


def test_which_outputs_are_read():
    inputs = tf_keras.Input([2])
    part = tf_keras.Model(inputs, {"a": inputs + 1, "b": inputs * 2, "c": inputs - 1})
    assert hasattr(part, "_nodes_by_depth"), GONE.format("Model._nodes_by_depth")
    given = part(inputs)
    assert outputs_read(tf_keras.Model(inputs, tf_keras.layers.Dense(1)(given["b"])), part) == {1}
    assert outputs_read(tf_keras.Model(inputs, [given["a"], given["c"]]), part) == {0, 2}
    assert outputs_read(part, part) is None


def test_whether_operations_must_be_deterministic():
    """In a process of its own: it cannot be taken back."""
    program = (
        "import tensorflow as tf; from bert_tf2.tensorflow_internals import is_op_determinism_enabled as told; before = told(); "
        "tf.keras.utils.set_random_seed(1); tf.config.experimental.enable_op_determinism(); print(before, told())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_the_graph_of_a_custom_gradient_goes():
    @tf.custom_gradient
    def doubled(x):
        return 2 * x, lambda upstream: 2 * upstream

    def traced():
        function = tf.function(lambda x: doubled(x), autograph=False)
        assert function(tf.constant(3.0)) == 6
        return weakref.ref(function.get_concrete_function(tf.TensorSpec([])).graph)

    kept = traced()
    with custom_gradients_forgotten():
        graph = traced()
        gc.collect()
        assert graph() is not None, "TensorFlow gives it up by itself now: custom_gradients_forgotten is not needed any more"
    gc.collect()
    assert graph() is None, GONE.format("gradient_registry._registry")
    assert kept() is not None


def test_variables_become_constants():
    variable = tf.Variable([1.0, 2.0])
    inner = tf.function(lambda x: x * variable)
    function = tf.function(lambda x: {"outputs": inner(x)}, autograph=False)
    frozen = with_constants(function.get_concrete_function(tf.TensorSpec([2])))
    kinds = {node.op for node in frozen.graph.as_graph_def().node}
    assert "Const" in kinds
    assert not kinds & {"PartitionedCall", "StatefulPartitionedCall", "ReadVariableOp", "VarHandleOp"}
    assert [tensor.shape for tensor in frozen.inputs] == [[2]]
