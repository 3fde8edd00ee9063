"""The model: every text of a row goes through the encoder alone, and its tokens' vectors become one."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families.names import Head, Weight, register_head
from bert_tf2.tasks.several_inputs import InputRows, OfInputs

_PARTS = ("first", "second", "difference")
_WEIGHTS = (
    *(Weight(f"similarity/{part}", ("hidden_size", None), f"similarity.{part}") for part in _PARTS),
    Weight("similarity/bias", (None,), "similarity.bias"),
)
register_head(
    Head("similarity", "head over two vectors", _WEIGHTS, {weight.name: tuple(weight.name.split("/")) for weight in _WEIGHTS})
)


class TextVector(tf_keras.layers.Layer):
    """One vector for each text.

    Args:
      pooling: one of `bert_tf2.tasks.similarity.options.POOLINGS`.
    """

    def __init__(self, pooling: str, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._pooling = pooling

    def call(self, encoded: Mapping[str, tf.Tensor], input_mask: tf.Tensor) -> tf.Tensor:
        """(what the encoder gives for [R, L], int32 [R, L]) -> float32 [R, H]."""
        if self._pooling == "pooler":
            return encoded["pooled_output"]
        tokens = encoded["sequence_output"]
        if self._pooling == "cls":
            return tokens[:, 0]
        is_token = tf.cast(input_mask, tf.float32)[:, :, tf.newaxis]
        if self._pooling == "max":
            return tf.reduce_max(tokens - (1.0 - is_token) * 1e9, axis=1)
        return tf.math.divide_no_nan(tf.reduce_sum(tokens * is_token, axis=1), tf.reduce_sum(is_token, axis=1))


class PairHead(tf_keras.layers.Layer):
    """Logits of a label from two vectors and their difference: W (u, v, |u - v|) + b.

    Reimers and Gurevych 2019, "Sentence-BERT", section 3.

    Args:
      num_labels: number of labels.
      width: of the vectors.
      initializer_range: standard deviation of the truncated normal that the kernels start from.
    """

    def __init__(self, num_labels: int, width: int, initializer_range: float, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

        def kernel(name: str) -> tf.Variable:
            initializer = tf_keras.initializers.TruncatedNormal(stddev=initializer_range)
            return self.add_weight(name, [width, num_labels], dtype=tf.float32, initializer=initializer)

        self.first, self.second, self.difference = map(kernel, _PARTS)
        self.bias = self.add_weight("bias", [num_labels], dtype=tf.float32, initializer="zeros")

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        """float32 [B, C, H] -> float32 [B, labels], of the first two texts of each row."""
        first, second = vectors[:, 0], vectors[:, 1]
        products = tf.matmul(first, self.first) + tf.matmul(second, self.second)
        return products + tf.matmul(tf.abs(first - second), self.difference) + self.bias


def build_similarity_model(encoder: tf_keras.Model, pooling: str, num_labels: int, initializer_range: float) -> tf_keras.Model:
    """Vectors of several texts at once, and logits of a label where there are labels.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`.
      pooling: what a text's vector is made of.
      num_labels: number of labels; 0 for no head.
      initializer_range: of the head.

    Returns:
      A model from a dict of int32 [B, C, L] (`input_word_ids`, `input_mask`, `input_type_ids`) to a dict of `vectors`, float32
      [B, C, H], 0 where a row has fewer than C texts, and `logits`, float32 [B, labels], of the first two.
    """
    inputs = {name: tf_keras.Input((None, None), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    rows = InputRows(name="text_rows")(inputs)
    of_rows = TextVector(pooling, name="text_vector")(encoder(rows), rows["input_mask"])
    outputs = {"vectors": OfInputs(name="text_vectors")(of_rows, inputs["input_mask"])}
    head = None
    if num_labels:
        head = PairHead(num_labels, int(of_rows.shape[-1]), initializer_range, name="similarity")
        outputs["logits"] = head(outputs["vectors"])
    model = tf_keras.Model(inputs=inputs, outputs=outputs, name="bert_similarity")
    if head is not None:
        model.similarity = head
    return model


def build_vector_model(model: tf_keras.Model) -> tf_keras.Model:
    """The vector of one text for each row, int32 [B, L] -> float32 [B, H], by the layers of `build_similarity_model`'s model."""
    encoder, pooled = (next(layer for layer in model.layers if isinstance(layer, kind)) for kind in (tf_keras.Model, TextVector))
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    return tf_keras.Model(inputs, pooled(encoder(inputs), inputs["input_mask"]), name="bert_text_vector")
