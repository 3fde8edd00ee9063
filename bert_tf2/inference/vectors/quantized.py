"""Hidden states of an encoder whose products have weights of 8 bits, by ONNX Runtime."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

# Lower than what any hidden state holds.
_LOWEST = -3e38

Pooled = Callable[["np.ndarray", "np.ndarray", "np.ndarray", "np.ndarray"], "np.ndarray"]
"""From ids, mask and segments int32 [B, L], and which tokens are pooled, bool [B, L], to float32 [B, parts * D]."""


def quantized(encoder: Any, layers: Sequence[int], averages: bool, parts: Sequence[str]) -> Pooled:
    """Converts an encoder, which takes some seconds, and pools what it gives; see `TextEncoder`.

    Args:
      encoder: with its weights.
      layers: whose hidden states are taken, from 0.
      averages: they are averaged; else put side by side.
      parts: what is made of the tokens: `first`, `sum`, `max`.

    Raises:
      UserError: a package is missing, or the format lacks an operation of the encoder.
    """
    import numpy as np
    import tensorflow as tf

    from bert_tf2.exporting.quantized_here import quantized_run
    from bert_tf2.models.encoder_parts import INPUT_NAMES

    def outputs(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        states = encoder(inputs, training=False)["encoder_outputs"]
        chosen = [states[layer] for layer in layers]
        return {"hidden": tf.add_n(chosen) / len(chosen) if averages else tf.concat(chosen, axis=-1)}

    run = quantized_run(outputs)

    def pooled_states(ids: np.ndarray, mask: np.ndarray, types: np.ndarray, pooled: np.ndarray) -> np.ndarray:
        hidden = run(dict(zip(INPUT_NAMES, (ids, mask, types))))["hidden"]
        made = {
            "first": lambda: hidden[:, 0],
            "sum": lambda: (pooled[:, np.newaxis].astype(np.float32) @ hidden)[:, 0],
            "max": lambda: np.where(pooled[..., np.newaxis], hidden, np.float32(_LOWEST)).max(1),
        }
        return np.concatenate([made[part]() for part in parts], axis=-1)

    return pooled_states
