"""The XLNet encoder as a functional Keras model."""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.block_loop import SALTS, looped
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.encoder_parts import INPUT_NAMES, compute_dtype, pooler_of
from bert_tf2.models.families.xlnet.block import XLNetBlock
from bert_tf2.models.families.xlnet.config import XLNetConfig
from bert_tf2.models.families.xlnet.context import LastToken, RelativeContext
from bert_tf2.models.layers import Embedding, initializer

# Far above the salts of the blocks' dropouts, and another one than the heads'.
_OUTPUT_SALT = 1_000_012


def build_encoder(
    config: XLNetConfig,
    policy: str = "float32",
    name: str = "xlnet_encoder",
    output_range: int | None = None,
    for_pretraining: bool = False,
    recompute: bool = False,
) -> tf_keras.Model:
    """Builds the encoder of https://arxiv.org/abs/1906.08237 with random weights.

    The vector that stands for an input is that of its last token, `<cls>`. Padding may stand on either side: attention knows
    nothing but distances, and the mask tells which token is the last.

    Args and returns: as `bert_tf2.models.encoder.build_encoder`, for inputs of any length; with `output_range` 1 the token that
    is computed is the last one of each row.

    Raises:
      UserError: it is to be pre-trained.
      ValueError: another `output_range` than 1.
    """
    if for_pretraining:
        raise UserError(
            "XLNet learns by permutations, which are not built here, and has no masked-LM head: fine-tune it with "
            "run_classifier.py or run_squad.py, or pre-train a model of another family"
        )
    if output_range not in (None, 1):
        raise ValueError(f"output_range must be 1 or None; got {output_range}")
    dtype = compute_dtype(policy)
    inputs = {key: tf_keras.Input([None], dtype=tf.int32, name=key) for key in INPUT_NAMES}
    words = MaskableEmbedding(config, name="word_embeddings")
    hidden = Dropout(config.hidden_dropout_prob, salt=0, name="dropout")(words(inputs["input_word_ids"]))
    context = RelativeContext(config, name="self_attention_mask")(hidden, inputs["input_mask"], inputs["input_type_ids"])
    place = LastToken(output_range is not None, name="last_token")(inputs["input_mask"])

    blocks, encoder_outputs = [], []
    for index in range(config.num_hidden_layers):
        last = index == config.num_hidden_layers - 1
        block = XLNetBlock(config, 1 + SALTS * index, dtype, recompute, last, name=f"transformer/layer_{index}")
        hidden = block(hidden, context, outputs=place if last and output_range is not None else None)
        blocks.append(block)
        encoder_outputs.append(hidden)
    sequence = Dropout(config.hidden_dropout_prob, _OUTPUT_SALT, name="output_dropout")(hidden)
    pooler = pooler_of(config)
    summary = sequence[:, 0] if output_range is not None else tf.gather(sequence, place, batch_dims=1)[:, 0]
    outputs = {"sequence_output": sequence, "pooled_output": pooler(summary), "encoder_outputs": encoder_outputs}
    model = tf_keras.Model(inputs=inputs, outputs=outputs, name=name)
    model._embedding_layer, model._transformer_layers, model._pooler_layer = words, blocks, pooler
    looped(model, blocks if output_range is None else blocks[:-1])
    return model


class MaskableEmbedding(Embedding):
    """An `Embedding` of words with the vector that stands in pre-training for a token to guess, which is only kept.

    Args:
      config: shape of the encoder.
    """

    def __init__(self, config: XLNetConfig, **kwargs: Any):
        super().__init__(config.vocab_size, config.hidden_size, initializer(config), **kwargs)
        self._mask_initializer = initializer(config)

    def build(self, input_shape: Any) -> None:
        """Makes `embeddings`, float32 [size, width], and `mask_embedding`, float32 [1, 1, width]."""
        super().build(input_shape)
        self.mask_embedding = self.add_weight(
            "mask_embedding",
            [1, 1, self._shape[1]],
            dtype=tf.float32,
            initializer=self._mask_initializer,
            trainable=False,
        )
