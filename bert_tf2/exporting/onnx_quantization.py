"""Smaller weights for an ONNX model: halves, and bytes by ONNX Runtime's quantization."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime import quantization

from bert_tf2.tasks.portable import Rows

# Of smaller ones nothing is gained.
_SMALLEST = 256
PRODUCTS = ("MatMul", "Gemm")
"""What a model spends its time in."""
OPERATIONS = (*PRODUCTS, "Gather")
"""And where its weights are."""


def halve(model: Any) -> None:
    """Stores the weights as float16; they become float32 when a runtime loads the model, and all is computed in float32.

    So the file is half as large, and every runtime is as fast as before. Weights that float16 cannot hold stay as they are.
    """
    kept, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor) if tensor.data_type == onnx.TensorProto.FLOAT else None
        if values is None or values.size < _SMALLEST or np.abs(values).max() > np.finfo(np.float16).max:
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}/half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}/half"], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)


def to_int8(
    whole: str,
    path: str,
    calibration: Callable[[], Iterator[Rows]] | None,
    operations: Sequence[str] = OPERATIONS,
    leaves_bit: bool = True,
) -> None:
    """Writes a model with weights of 8 bits, a scale for each output of a product.

    One bit is left free unless `leaves_bit` says otherwise: sums of two products are kept in 16 bits by processors without VNNI,
    and would be cut there.
    Without calibration the ranges of activations are found for each input anew, when the model runs; with it they are those
    that the calibration's rows had.

    Args:
      whole: the model in float32, in a directory of its own.
      path: where it goes.
      calibration: see `bert_tf2.exporting.target.Conversion`.
      operations: whose weights have 8 bits, of `OPERATIONS`.
      leaves_bit: the model may run anywhere.
    """
    logging.getLogger().disabled, former = True, logging.getLogger().disabled
    try:
        prepared = os.path.join(os.path.dirname(whole), "prepared.onnx")
        quantization.shape_inference.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        excluded = _of_other_ranks(prepared)
        if calibration is None:
            quantization.quantize_dynamic(
                prepared,
                path,
                op_types_to_quantize=list(operations),
                per_channel=True,
                reduce_range=leaves_bit,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=excluded,
            )
            return
        quantization.quantize_static(
            prepared,
            path,
            _Reader(calibration()),
            op_types_to_quantize=list(operations),
            per_channel=True,
            reduce_range=leaves_bit,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=excluded,
            extra_options={"MatMulConstBOnly": True},
        )
    finally:
        logging.getLogger().disabled = former


def _of_other_ranks(path: str) -> list[str]:
    """The products with a constant that is no matrix, which ONNX Runtime cannot have as bytes with a scale for each output."""
    graph = onnx.load(path).graph
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "MatMul" and ranks.get(node.input[1], 2) != 2]


class _Reader(quantization.CalibrationDataReader):
    def __init__(self, rows: Iterator[Rows]):
        self._rows = rows

    def get_next(self) -> Rows | None:
        """The next rows, None behind the last."""
        return next(self._rows, None)
