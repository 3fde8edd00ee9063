"""Hidden states of an encoder whose products have weights of 8 bits, by ONNX Runtime."""

import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# Lower than what any hidden state holds.
_LOWEST = -3e38

Pooled = Callable[["np.ndarray", "np.ndarray", "np.ndarray", "np.ndarray"], "np.ndarray"]
"""From ids, mask and segments int32 [B, L], and which tokens are pooled, bool [B, L], to float32 [B, parts * D]."""


def require_packages() -> None:
    """Checks that what this needs is installed, without importing it.

    Raises:
      UserError: something is missing.
    """
    from bert_tf2.exporting.target import target_of

    for module, package in target_of("onnx").packages.items():
        if importlib.util.find_spec(module) is None:
            raise UserError(f"--quantize=int8 needs the package {package}: pip install 'bert_tf2[onnx]'")


def _sums_whole() -> bool:
    """Whether this processor sums products of bytes in 32 bits (VNNI), as far as Linux tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return any("vnni" in line for line in file if line.startswith("flags"))
    except OSError:
        return False


def quantized(encoder: Any, layers: Sequence[int], averages: bool, parts: Sequence[str]) -> Pooled:
    """Converts an encoder, which takes some seconds, and pools what it gives; see `TextEncoder`.

    The ranges of activations are found for each batch when it runs; see `bert_tf2.exporting.onnx_quantization`.

    Args:
      encoder: with its weights.
      layers: whose hidden states are taken, from 0.
      averages: they are averaged; else put side by side.
      parts: what is made of the tokens: `first`, `sum`, `max`.

    Raises:
      UserError: a package is missing, or the format lacks an operation of the encoder.
    """
    require_packages()
    import numpy as np
    import onnxruntime
    import tensorflow as tf

    from bert_tf2.exporting import onnx_quantization
    from bert_tf2.exporting.target import Conversion, target_of
    from bert_tf2.models.encoder_parts import INPUT_NAMES

    def outputs(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        states = encoder(inputs, training=False)["encoder_outputs"]
        chosen = [states[layer] for layer in layers]
        return {"hidden": tf.add_n(chosen) / len(chosen) if averages else tf.concat(chosen, axis=-1)}

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        whole, path = (os.path.join(folder, name) for name in ("whole.onnx", "model.onnx"))
        target_of("onnx").write(Conversion(outputs, None), whole)
        # It runs here, where memory is not what is short: embeddings stay whole, and so does the bit that others need.
        onnx_quantization.to_int8(whole, path, None, onnx_quantization.PRODUCTS, leaves_bit=not _sums_whole())
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken = [one.name for one in session.get_inputs()]

    def pooled_states(ids: np.ndarray, mask: np.ndarray, types: np.ndarray, pooled: np.ndarray) -> np.ndarray:
        given = dict(zip(INPUT_NAMES, (ids, mask, types)))
        (hidden,) = session.run(["hidden"], {name: given[name] for name in taken})
        made = {
            "first": lambda: hidden[:, 0],
            "sum": lambda: (pooled[:, np.newaxis].astype(np.float32) @ hidden)[:, 0],
            "max": lambda: np.where(pooled[..., np.newaxis], hidden, np.float32(_LOWEST)).max(1),
        }
        return np.concatenate([made[part]() for part in parts], axis=-1)

    return pooled_states
