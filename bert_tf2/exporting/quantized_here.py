"""A model with weights of 8 bits that is made and used in one process, by ONNX Runtime."""

import importlib.util
import os
import tempfile
from typing import TYPE_CHECKING

from bert_tf2.errors import UserError
from bert_tf2.exporting.target import Conversion, target_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import tensorflow as tf

    from bert_tf2.exporting.exported_model import Run


def require_packages() -> None:
    """Checks that what this needs is installed, without importing it.

    Raises:
      UserError: something is missing.
    """
    for module, package in target_of("onnx").packages.items():
        if importlib.util.find_spec(module) is None:
            raise UserError(f"--quantize=int8 needs the package {package}: pip install 'bert_tf2[onnx]'")


def quantized_run(outputs: "Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]") -> "Run":
    """Converts a model, which takes some seconds, a minute for a large one.

    Products have weights of 8 bits, and activations whose ranges are found for each batch when it runs; embeddings stay whole.

    Args:
      outputs: see `bert_tf2.tasks.portable.Portable`.

    Returns:
      A function from int32 [R, L] by name to arrays by name.

    Raises:
      UserError: a package is missing, or the format lacks an operation of the model.
    """
    require_packages()
    from bert_tf2.exporting import onnx_quantization
    from bert_tf2.exporting.exported_model import open_session

    with tempfile.TemporaryDirectory() as folder:
        whole, path = (os.path.join(folder, name) for name in ("whole.onnx", "model.onnx"))
        target_of("onnx").write(Conversion(outputs, None), whole)
        # It runs here, where memory is not what is short: embeddings stay whole, and so does the bit that others need.
        onnx_quantization.to_int8(whole, path, None, onnx_quantization.PRODUCTS, leaves_bit=not sums_whole())
        return open_session("onnx", path, None)


def sums_whole() -> bool:
    """Whether this processor sums products of bytes in 32 bits (VNNI), as far as Linux tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return any("vnni" in line for line in file if line.startswith("flags"))
    except OSError:
        return False
