"""The BERT encoder, and those that differ from it around their blocks only, as a functional Keras model."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.attention import AttentionMask
from bert_tf2.models.block import TransformerBlock
from bert_tf2.models.block_loop import SALTS, looped
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import BERT_PARTS, EmbeddedInputs, EmbeddingProjection, Parts, compute_dtype


# AutoGraph would read the source of every layer, and find nothing to do.
@tf.autograph.experimental.do_not_convert
def build_encoder(
    config: BertConfig,
    policy: str = "float32",
    name: str = "bert_encoder",
    output_range: int | None = None,
    for_pretraining: bool = False,
    recompute: bool = False,
    parts: Parts = BERT_PARTS,
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
        float32 [V, H], for the masked-LM head, unless they are another encoder's. What only few places are predicted of need not
        be computed for all.
      recompute: in training nothing of a block is kept for the gradient but its input; the rest is made again.
      parts: what is otherwise than in BERT. Embeddings of another width than the blocks' are projected.

    Returns:
      A model that takes a dict of int32 [B, L] with B and L free, L up to `max_position_embeddings`: `input_word_ids`,
      `input_mask` (1 for a token, 0 for padding) and `input_type_ids`; and returns a dict of float32: `sequence_output`
      [B, L, H] (or [B, F, H]), `pooled_output` [B, H] and `encoder_outputs`, a list of [B, L, H], one of each block.
    """
    dtype, embedded = compute_dtype(policy), EmbeddedInputs(config, output_range, for_pretraining, parts)
    hidden, projection = embedded.hidden, None
    if config.embedding_width != config.hidden_size:
        projection = EmbeddingProjection(config, dtype, name="embedding_projection")
        hidden = projection(hidden)
    adder = AttentionMask(name="self_attention_mask")(hidden, embedded.inputs["input_mask"])

    blocks, encoder_outputs = [], []
    for index in range(config.num_hidden_layers):
        last = index == config.num_hidden_layers - 1
        salt = parts.first_salt + 1 + SALTS * index
        block = TransformerBlock(config, salt, dtype, recompute, last, name=f"transformer/layer_{index}")
        hidden = block(hidden, adder, outputs=embedded.outputs if last else None)
        blocks.append(block)
        encoder_outputs.append(hidden)

    model = embedded.encoder(name, blocks, encoder_outputs)
    if projection is not None:
        model._embedding_projection = projection
    looped(model, blocks if embedded.outputs is None else blocks[:-1])
    return model
