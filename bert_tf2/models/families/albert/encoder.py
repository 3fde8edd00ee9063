"""The ALBERT encoder as a functional Keras model."""

import tf_keras

from bert_tf2.models.attention import AttentionMask
from bert_tf2.models.encoder_parts import EmbeddedInputs, EmbeddingProjection, compute_dtype
from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.models.shared_block import SharedBlock, shared_by_layers


def build_encoder(
    config: AlbertConfig,
    policy: str = "float32",
    name: str = "albert_encoder",
    output_range: int | None = None,
    for_pretraining: bool = False,
    recompute: bool = False,
) -> tf_keras.Model:
    """Builds the encoder of https://arxiv.org/abs/1909.11942 with random weights.

    With one group its variables and their places in the object graph are those of the model garden's `AlbertEncoder`, so object
    checkpoints pass between the two. Layer l is computed by the block of group l // (layers of a group).

    Args and returns: as `bert_tf2.models.encoder.build_encoder`; `word_table` is [V, E].
    """
    dtype, embedded = compute_dtype(policy), EmbeddedInputs(config, output_range, for_pretraining)
    projection = EmbeddingProjection(config, dtype, name="embedding_projection")
    hidden = projection(embedded.hidden)
    adder = AttentionMask(name="self_attention_mask")(hidden, embedded.inputs["input_mask"])

    groups = [
        # The garden's only block has no number.
        SharedBlock(config, 1, dtype, recompute, name=f"transformer_{index}" if index else "transformer")
        for index in range(config.num_hidden_groups)
    ]
    model = embedded.encoder(name, groups, shared_by_layers(groups, config, hidden, adder, embedded.outputs))
    model._embedding_projection = projection
    return model
