"""The model of texts in windows: every window goes through the encoder and the head, and a text's logits are pooled of theirs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families.names import Head, Weight, register_head
from bert_tf2.tasks.classification.long_texts.options import ATTENTION, FIRST, MAX, MEAN
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.pooled_head import classification_head
from bert_tf2.tasks.several_inputs import InputRows, OfInputs, is_there

LOGITS, SCORE = "sentence_prediction", "window_score"
_ATTENTION = "window_attention"
_WEIGHTS = (
    Weight(f"{_ATTENTION}/projection_kernel", ("hidden_size", "hidden_size"), f"{_ATTENTION}.projection_kernel"),
    Weight(f"{_ATTENTION}/projection_bias", ("hidden_size",), f"{_ATTENTION}.projection_bias"),
    Weight(f"{_ATTENTION}/score_kernel", ("hidden_size", "one"), f"{_ATTENTION}.score_kernel"),
)
register_head(Head(_ATTENTION, "attention over windows", _WEIGHTS, {one.name: tuple(one.name.split("/")) for one in _WEIGHTS}))
# Low enough that a softmax gives it nothing.
_NOTHING = -1e9


@dataclasses.dataclass(frozen=True)
class Windowed:
    """What a model makes of texts in windows.

    Attributes:
      rule: how they are cut.
      pooling: `mean`, `max`, `first` or `attention`; see `PooledWindows`.
      most: no text of the records has more windows; None where that is not known.
    """

    rule: LongText
    pooling: str = MEAN
    most: int | None = None

    @property
    def heads(self) -> tuple[str, ...]:
        """The kinds of heads that the model has."""
        return ("classifier", _ATTENTION) if self.pooling == ATTENTION else ("classifier",)


class WindowAttention(tf_keras.layers.Layer):
    """How much each window counts: v tanh(W h + b) of its pooled output h (Yang et al. 2016, section 2.2, equations 5 and 6).

    [R, H] -> float32 [R, 1].

    Args:
      initializer_range: standard deviation of the truncated normal that the kernels start from.
    """

    def __init__(self, initializer_range: float, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self._initializer_range = initializer_range

    def build(self, shape: tf.TensorShape) -> None:
        def kernel(name: str, units: int) -> tf.Variable:
            initializer = tf_keras.initializers.TruncatedNormal(stddev=self._initializer_range)
            return self.add_weight(f"{name}_kernel", [shape[-1], units], initializer=initializer)

        self.projection_kernel, self.score_kernel = kernel("projection", shape[-1]), kernel("score", 1)
        self.projection_bias = self.add_weight("projection_bias", [shape[-1]], initializer="zeros")
        super().build(shape)

    def call(self, pooled_output: tf.Tensor) -> tf.Tensor:
        projected = tf.matmul(tf.cast(pooled_output, tf.float32), self.projection_kernel) + self.projection_bias
        return tf.matmul(tf.tanh(projected), self.score_kernel)


class PooledWindows(tf_keras.layers.Layer):
    """The logits of texts, of those of their windows: float32 [B, W, C] -> [B, C].

    With `attention` they are a mean, weighted by the softmax of the windows' scores. As the head is a linear layer, that is the
    head on the so weighted mean of the windows' pooled outputs.

    Args:
      pooling: `mean`, `max` or `attention`.
    """

    def __init__(self, pooling: str, **kwargs: Any):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self._pooling = pooling

    def call(self, logits: tf.Tensor, input_mask: tf.Tensor, scores: tf.Tensor | None = None) -> tf.Tensor:
        there = is_there(input_mask)[:, :, tf.newaxis]
        if self._pooling == MAX:
            return tf.reduce_max(tf.where(there, logits, _NOTHING), axis=1)
        weights = tf.cast(there, tf.float32)
        if scores is not None:
            weights *= tf.nn.softmax(tf.where(there, scores, _NOTHING), axis=1)
        return tf.math.divide_no_nan(tf.reduce_sum(weights * logits, axis=1), tf.reduce_sum(weights, axis=1))


def build_window_model(
    encoder: tf_keras.Model, num_labels: int, dropout_rate: float, initializer_range: float, pooling: str
) -> tf_keras.Model:
    """Puts the classification head, and the pooling of windows, on the encoder's pooled output.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`.
      num_labels: number of logits C.
      dropout_rate: dropout on the pooled outputs while training.
      initializer_range: standard deviation of the truncated normal that kernels start from.
      pooling: see `PooledWindows`; with `first` the other windows are not computed.

    Returns:
      A model from a dict of int32 [B, W, L] (`input_word_ids`, `input_mask`, `input_type_ids`) to logits float32 [B, C]. Where a
      text has fewer than W windows, `input_mask` is 0 throughout, and what stands there changes nothing.
    """
    inputs = {name: tf_keras.Input((None, None), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    used = {name: value[:, :1] for name, value in inputs.items()} if pooling == FIRST else inputs
    pooled_output = encoder(InputRows(name="window_rows")(used))["pooled_output"]
    mask = used["input_mask"]
    logits = OfInputs(name="window_logits")(classification_head(pooled_output, num_labels, dropout_rate, initializer_range), mask)
    if pooling == FIRST:
        return tf_keras.Model(inputs=inputs, outputs=logits[:, 0], name="bert_window_classifier")
    pool = PooledWindows(pooling, name="pooled_windows")
    if pooling != ATTENTION:
        return tf_keras.Model(inputs=inputs, outputs=pool(logits, mask), name="bert_window_classifier")
    attention = WindowAttention(initializer_range, name=_ATTENTION)
    scores = OfInputs(name="window_scores")(attention(pooled_output), mask)
    model = tf_keras.Model(inputs=inputs, outputs=pool(logits, mask, scores), name="bert_window_classifier")
    # Checkpoints name the layer by it.
    model.window_attention = attention
    return model


def build_row_model(model: tf_keras.Model, pooling: str) -> tf_keras.Model:
    """What one window gives, int32 [R, L] -> a dict of float32, by the layers of `build_window_model`'s model: `LOGITS` [R, C],
    and with attention `SCORE` [R, 1]."""
    encoder = next(layer for layer in model.layers if isinstance(layer, tf_keras.Model))
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    pooled_output = encoder(inputs)["pooled_output"]
    found = {LOGITS: model.get_layer("sentence_prediction")(pooled_output)}
    if pooling == ATTENTION:
        found[SCORE] = model.get_layer(_ATTENTION)(pooled_output)
    return tf_keras.Model(inputs, found, name="bert_window")


def pooled(found: Mapping[str, np.ndarray], there: np.ndarray, pooling: str) -> np.ndarray:
    """The logits of texts [B, C] from what `build_row_model` gave for the windows that are there, bool [B, W], in NumPy."""
    texts = []
    for begin, end in zip(np.cumsum(there.sum(axis=1)) - there.sum(axis=1), np.cumsum(there.sum(axis=1))):
        logits = found[LOGITS][begin:end]
        if pooling == FIRST:
            texts.append(logits[0])
        elif pooling == MAX:
            texts.append(logits.max(axis=0))
        elif pooling == MEAN:
            texts.append(logits.mean(axis=0))
        else:
            weights = np.exp(found[SCORE][begin:end] - found[SCORE][begin:end].max())
            texts.append((weights / weights.sum() * logits).sum(axis=0))
    return np.stack(texts)
