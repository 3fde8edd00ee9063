"""What the encoders of all families have before and behind their blocks."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.activations import get_activation
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.layers import (
    Embedding,
    FactorisedEmbedding,
    PositionEmbedding,
    Projection,
    TiedEmbedding,
    TypeEmbedding,
    initializer,
)
from bert_tf2.models.normalization import LayerNormalization

INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")
"""What the encoder takes, int32 [B, L] each."""

COMPUTE_DTYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
"""The dtype of the matrix products under each policy; variables, layer normalisation and softmax stay float32."""


def compute_dtype(policy: str) -> tf.DType:
    """The dtype of the matrix products under a policy.

    Raises:
      ValueError: there is no such policy.
    """
    if policy not in COMPUTE_DTYPES:
        raise ValueError(f"policy must be one of {', '.join(COMPUTE_DTYPES)}; got {policy!r}")
    return COMPUTE_DTYPES[policy]


# Far above the salts of the blocks' dropouts, and another one than the heads'.
_POOLER_SALT = 1_000_001


@dataclasses.dataclass(frozen=True)
class Parts:
    """What encoders have around their blocks, where it is not BERT's.

    Attributes:
      word_width: of the table of words, if they are multiplied to the width of the other embeddings.
      types: whether there are embeddings of token types; without them `input_type_ids` change nothing.
      first_position: the row of the first token in the table of positions.
      pooler_activation: of the layer of the first token's vector, as `ACTIVATIONS` names it; None where there is no such layer.
      pooler_dropout: dropout in front of that layer.
      embeddings_of: an encoder whose tables and their layer normalisation these are too; None for ones of its own.
      first_salt: of its dropouts; two encoders of one model need numbers that are far apart.
    """

    word_width: int | None = None
    types: bool = True
    first_position: int = 0
    pooler_activation: str | None = "tanh"
    pooler_dropout: float = 0.0
    embeddings_of: tf_keras.Model | None = None
    first_salt: int = 0


BERT_PARTS = Parts()


class EmbeddingProjection(Projection):
    """The embeddings in the width of the blocks.

    Args:
      config: shape of the encoder.
      compute_dtype: of the product.
    """

    def __init__(self, config: BertConfig, compute_dtype: tf.DType, **kwargs: Any):
        shape = [config.embedding_width, config.hidden_size]
        super().__init__(shape, shape[1:], shape, initializer(config), **kwargs)
        self._product_dtype, self._widths = compute_dtype, shape

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """float32 [B, L, E] -> float32 [B, L, H]."""
        inner, width = self._widths
        flat = super().call(tf.cast(tf.reshape(inputs, [-1, inner]), self._product_dtype))
        return tf.reshape(tf.cast(flat, tf.float32), tf.concat([tf.shape(inputs)[:2], [width]], axis=0))


class EmbeddedInputs:
    """The inputs of a functional encoder, embedded: words, positions and types, summed, normalised and dropped out.

    Args:
      config: the shape.
      output_range: see `bert_tf2.models.encoder.build_encoder`.
      for_pretraining: see there.
      parts: what is otherwise than in BERT.

    Attributes:
      inputs: by name.
      hidden: float32 [B, L, E].
      outputs: which tokens the last block computes: `output_range`, or the places that `for_pretraining` takes.
    """

    def __init__(self, config: BertConfig, output_range: int | None, for_pretraining: bool, parts: Parts = BERT_PARTS):
        self._config, self._parts, self._extra = config, parts, {}
        self.inputs = {key: tf_keras.Input([None], dtype=tf.int32, name=key) for key in INPUT_NAMES}
        self.outputs: int | tf.Tensor | None = output_range
        other = parts.embeddings_of
        self._words: Embedding
        if other is None:
            self._make_tables(for_pretraining)
        else:
            self._words, self._positions = other._embedding_layer, other._position_embedding_layer
            self._types, self._norm = other._type_embedding_layer, other._embedding_norm_layer

        words = self._words(self.inputs["input_word_ids"])
        if for_pretraining:
            self.inputs["output_positions"] = self.outputs = tf_keras.Input([None], dtype=tf.int32, name="output_positions")
            if other is None:
                words, self._extra["word_table"] = words
        summed = [words, self._positions(words)]
        if parts.types:
            summed.append(self._types(self.inputs["input_type_ids"]))
        # The layers without weights have the places of the garden's too: its checkpoints number all layers.
        embedded = self._norm(tf_keras.layers.Add(name="add")(summed))
        self.hidden = Dropout(config.hidden_dropout_prob, salt=parts.first_salt, name="dropout")(embedded)

    def _make_tables(self, for_pretraining: bool) -> None:
        config, parts, width = self._config, self._parts, self._config.embedding_width
        if parts.word_width is not None:
            self._words = FactorisedEmbedding(
                config.vocab_size, parts.word_width, width, initializer(config), for_pretraining, name="word_embeddings"
            )
        else:
            kind = TiedEmbedding if for_pretraining else Embedding
            self._words = kind(config.vocab_size, width, initializer(config), name="word_embeddings")
        self._positions = PositionEmbedding(
            config.max_position_embeddings, width, initializer(config), parts.first_position, name="position_embedding"
        )
        self._types = TypeEmbedding(config.type_vocab_size, width, initializer(config), name="type_embeddings")
        self._norm = LayerNormalization(config.layer_norm_eps, name="embeddings/layer_norm")

    def encoder(self, name: str, blocks: Sequence[tf_keras.layers.Layer], encoder_outputs: Sequence[tf.Tensor]) -> tf_keras.Model:
        """The model from these inputs to what the blocks give, and a pooled vector of the first token.

        Args:
          name: of the model.
          blocks: all that have weights of their own.
          encoder_outputs: what was computed of `hidden`, by every layer.
        """
        outputs = {"sequence_output": encoder_outputs[-1], "encoder_outputs": list(encoder_outputs), **self._extra}
        pooler = pooler_of(self._config, self._parts.pooler_activation) if self._parts.pooler_activation else None
        if pooler is not None:
            first = encoder_outputs[-1][:, 0, :]
            if self._parts.pooler_dropout:
                first = Dropout(self._parts.pooler_dropout, salt=_POOLER_SALT, name="pooler_dropout")(first)
            outputs["pooled_output"] = pooler(first)
        model = tf_keras.Model(inputs=self.inputs, outputs=outputs, name=name)
        # The garden's names for the parts: edges by which checkpoints of `BertEncoderV2` restore here, and ours there.
        model._embedding_layer = self._words
        model._position_embedding_layer = self._positions
        if self._parts.types:
            model._type_embedding_layer = self._types
        model._embedding_norm_layer = self._norm
        model._transformer_layers = list(blocks)
        if pooler is not None:
            model._pooler_layer = pooler
        return model


def pooler_of(config: BertConfig, activation: str = "tanh") -> tf_keras.layers.Layer:
    """The layer of the vector that stands for an input: float32 [B, H] -> [B, H]."""
    return tf_keras.layers.Dense(
        config.hidden_size,
        # By its name where Keras knows it: BERT's graph is as it ever was.
        activation=activation if activation == "tanh" else get_activation(activation),
        kernel_initializer=initializer(config),
        dtype=tf.float32,
        name="pooler_transform",
    )
