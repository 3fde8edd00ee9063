"""A trained model as runtimes without TensorFlow have it: rows of token ids in, an array for each output out."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES

Rows = dict[str, np.ndarray]
"""int32 [R, L] by `INPUT_NAMES`."""


@dataclasses.dataclass(frozen=True)
class Portable:
    """What is converted, and how it stands for the model.

    Attributes:
      outputs: from a dict of int32 [R, L] by `INPUT_NAMES` to a dict of float32, whose first axis is R.
      rows: the rows of a batch, which for kinds with several inputs to an example are more than its examples.
      joined: what the model gives for the batch, from the outputs of its rows.
      of_tokens: the outputs with something for each token, [R, L, …].
      facts: what a program needs to know to use the outputs, as JSON values.
      why_not_converted: why no other runtime gets it, with the cure; empty where they do.
    """

    outputs: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]
    rows: Callable[[Mapping[str, Any]], Rows]
    joined: Callable[[Rows, Mapping[str, Any]], Any]
    of_tokens: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    why_not_converted: str = ""


def of_rows(model: tf_keras.Model, name: str = "outputs", facts: Mapping[str, Any] | None = None) -> Portable:
    """Of a model whose examples are one input each.

    Args:
      model: maps the encoder's inputs [B, L] to a tensor, or to a dict of tensors.
      name: what a single tensor is called.
      facts: see `Portable`.
    """
    has_names = isinstance(model.output, dict)

    def outputs(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found = model(inputs, training=False)
        return dict(found) if has_names else {name: found}

    def joined(found: Rows, batch: Mapping[str, Any]) -> Any:
        del batch
        tensors = {key: tf.constant(value) for key, value in found.items()}
        return tensors if has_names else tensors[name]

    def rows(batch: Mapping[str, Any]) -> Rows:
        return {key: np.asarray(batch[key], np.int32) for key in INPUT_NAMES}

    named = model.output if has_names else {name: model.output}
    # The number of tokens is free, as is that of rows; widths are not.
    of_tokens = frozenset(key for key, value in named.items() if value.shape.rank > 1 and value.shape[1] is None)
    return Portable(outputs, rows, joined, of_tokens, facts or {})


def there(batch: Mapping[str, Any]) -> np.ndarray:
    """Which inputs there are of examples with several: bool [B, C]; every input begins with a token."""
    return np.asarray(batch["input_mask"])[:, :, 0] > 0


def rows_there(batch: Mapping[str, Any]) -> Rows:
    """The inputs that there are, as rows: int32 [B, C, L] -> int32 [R, L]."""
    chosen = there(batch)
    return {key: np.asarray(batch[key], np.int32)[chosen] for key in INPUT_NAMES}


def placed(values: np.ndarray, batch: Mapping[str, Any], missing: float) -> np.ndarray:
    """What was computed of `rows_there`, [R, …], where its inputs stand, [B, C, …]; `missing` where there are none."""
    chosen = there(batch)
    found = np.full((*chosen.shape, *values.shape[1:]), missing, values.dtype)
    found[chosen] = values
    return found
