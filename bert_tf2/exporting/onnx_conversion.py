"""A traced function as an ONNX model, in a few times the memory of its weights."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tf2onnx
from onnx import numpy_helper

from bert_tf2.tensorflow_internals import with_constants

_OPSET = 17
# What shapes, axes and epsilons stay below: the converter looks into those.
_SMALLEST_WEIGHT = 256


def converted(function: Any) -> Any:
    """The ONNX model of a function.

    tf2onnx rewrites a graph many times, and each time copies all constants in it: BERT-Base took more than 18 GB. Here it gets a
    graph whose weights are inputs, and the model has them as its initializers afterwards. What follows from weights
    alone (another order of axes) is computed when a runtime loads the model.

    Args:
      function: what `bert_tf2.exporting.converting.traced` gave.

    Returns:
      an `onnx.ModelProto`, which may have operations that ONNX does not.
    """
    concrete = function.get_concrete_function()
    frozen = with_constants(concrete)
    graph = frozen.graph.as_graph_def(add_shapes=True)
    inputs = [tensor.name for tensor in frozen.inputs if tensor.dtype != tf.resource]
    outputs = {tensor.name: name for tensor, name in zip(frozen.outputs, sorted(concrete.structured_outputs))}
    del frozen
    weights = _weights_taken_out(graph)
    model, _ = tf2onnx.convert.from_graph_def(
        graph,
        input_names=[*inputs, *(f"{name}:0" for name in weights)],
        output_names=list(outputs),
        opset=_OPSET,
        tensors_to_rename={name: name.removesuffix(":0") for name in inputs} | outputs,
    )
    _put_back(model, weights)
    return model


def _weights_taken_out(graph: tf.compat.v1.GraphDef) -> dict[str, np.ndarray]:
    """The large constants of a graph, by name, which are inputs of it afterwards."""
    taken = {}
    for node in graph.node:
        if node.op != "Const" or node.attr["dtype"].type != tf.float32.as_datatype_enum:
            continue
        value = node.attr["value"].tensor
        if math.prod(axis.size for axis in value.tensor_shape.dim) < _SMALLEST_WEIGHT:
            continue
        taken[node.name] = tf.make_ndarray(value)
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(value.tensor_shape)
        del node.attr["value"]
    return taken


def _put_back(model: Any, weights: dict[str, np.ndarray]) -> None:
    """Makes inputs initializers with the values of `weights`, which become empty; what no operation uses is left out."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    kept = [value for value in graph.input if value.name.removesuffix(":0") not in weights]
    for name in [value.name for value in graph.input if value.name in used]:
        if (values := weights.pop(name.removesuffix(":0"), None)) is not None:
            graph.initializer.append(numpy_helper.from_array(values, name))
    weights.clear()
    del graph.input[:]
    graph.input.extend(kept)
