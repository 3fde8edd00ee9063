"""The BERT encoder as a functional Keras model."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.attention import AttentionMask
from bert_tf2.models.block import TransformerBlock
from bert_tf2.models.block_loop import SALTS, BlockLoop
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.layers import Embedding, PositionEmbedding, TiedEmbedding, TypeEmbedding, initializer
from bert_tf2.models.normalization import LayerNormalization

INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")
"""What the encoder takes, int32 [B, L] each."""

COMPUTE_DTYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
"""The dtype of the matrix products under each policy; variables, layer normalisation and softmax stay float32."""


def build_encoder(
    config: BertConfig,
    policy: str = "float32",
    name: str = "bert_encoder",
    output_range: int | None = None,
    for_pretraining: bool = False,
) -> tf_keras.Model:
    """Builds the encoder of https://arxiv.org/abs/1810.04805 with random weights.

    Its variables and their places in the object graph are those of the model garden's functional `BertEncoder`, so object
    checkpoints pass between the two, and `set_weights(other.get_weights())` works.

    Args:
      config: the shape.
      policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
      name: of the model.
      output_range: how many tokens of each row the last block computes (the first ones); None for all. With 1, a model that
        only uses the pooled output saves most of the last block.
      for_pretraining: the model takes one more input, `output_positions` int32 [B, F], the places of the tokens that the last
        block computes, of which the first must be 0 for the pooled output; and gives besides `word_table`, the word embeddings
        float32 [V, H], for the masked-LM head. What only few places are predicted of need not be computed for all.

    Returns:
      A model that takes a dict of int32 [B, L] with B and L free, L up to `max_position_embeddings`: `input_word_ids`,
      `input_mask` (1 for a token, 0 for padding) and `input_type_ids`; and returns a dict of float32: `sequence_output`
      [B, L, H] (or [B, F, H]), `pooled_output` [B, H] and `encoder_outputs`, a list of [B, L, H], one of each block.
    """
    if policy not in COMPUTE_DTYPES:
        raise ValueError(f"policy must be one of {', '.join(COMPUTE_DTYPES)}; got {policy!r}")
    width = config.hidden_size
    inputs = {key: tf_keras.Input([None], dtype=tf.int32, name=key) for key in INPUT_NAMES}
    word_layer = (TiedEmbedding if for_pretraining else Embedding)(
        config.vocab_size, width, initializer(config), name="word_embeddings"
    )
    position_layer = PositionEmbedding(config.max_position_embeddings, width, initializer(config), name="position_embedding")
    type_layer = TypeEmbedding(config.type_vocab_size, width, initializer(config), name="type_embeddings")
    norm_layer = LayerNormalization(config.layer_norm_eps, name="embeddings/layer_norm")

    words, extra = word_layer(inputs["input_word_ids"]), {}
    if for_pretraining:
        inputs["output_positions"] = output_range = tf_keras.Input([None], dtype=tf.int32, name="output_positions")
        words, extra["word_table"] = words
    positions = position_layer(words)
    types = type_layer(inputs["input_type_ids"])
    # The layers without weights have the places of the garden's too: its checkpoints number all layers.
    hidden = norm_layer(tf_keras.layers.Add(name="add")([words, positions, types]))
    hidden = Dropout(config.hidden_dropout_prob, salt=0, name="dropout")(hidden)
    adder = AttentionMask(name="self_attention_mask")(hidden, inputs["input_mask"])

    blocks, encoder_outputs = [], []
    for index in range(config.num_hidden_layers):
        block = TransformerBlock(
            config, salt=1 + SALTS * index, compute_dtype=COMPUTE_DTYPES[policy], name=f"transformer/layer_{index}"
        )
        last = index == config.num_hidden_layers - 1
        hidden = block(hidden, adder, outputs=output_range if last else None)
        blocks.append(block)
        encoder_outputs.append(hidden)

    pooler_layer = tf_keras.layers.Dense(
        width, activation="tanh", kernel_initializer=initializer(config), dtype=tf.float32, name="pooler_transform"
    )
    pooled = pooler_layer(hidden[:, 0, :])
    model = tf_keras.Model(
        inputs=inputs,
        outputs={"sequence_output": hidden, "pooled_output": pooled, "encoder_outputs": encoder_outputs, **extra},
        name=name,
    )
    equal = blocks if output_range is None else blocks[:-1]
    if len(equal) > 1:
        model.block_loop = BlockLoop(equal)
        for block in equal:
            block.loop = model.block_loop
    # The garden's names for the parts: edges by which checkpoints of `BertEncoderV2` restore here, and ours there.
    model._embedding_layer = word_layer
    model._position_embedding_layer = position_layer
    model._type_embedding_layer = type_layer
    model._embedding_norm_layer = norm_layer
    model._transformer_layers = blocks
    model._pooler_layer = pooler_layer
    return model
