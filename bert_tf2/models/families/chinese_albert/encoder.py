"""The encoder of the older Chinese ALBERT as a functional Keras model."""

import tf_keras

from bert_tf2.models.attention import AttentionMask
from bert_tf2.models.encoder_parts import EmbeddedInputs, Parts, compute_dtype
from bert_tf2.models.families.chinese_albert.config import ChineseAlbertConfig
from bert_tf2.models.shared_block import SharedBlock, shared_by_layers


def build_encoder(
    config: ChineseAlbertConfig,
    policy: str = "float32",
    name: str = "chinese_albert_encoder",
    output_range: int | None = None,
    for_pretraining: bool = False,
    recompute: bool = False,
) -> tf_keras.Model:
    """Builds the encoder of brightmart/albert_zh's `modeling.py` with random weights.

    Args and returns: as `bert_tf2.models.encoder.build_encoder`; `word_table` is [V, H], the words as they are looked up.
    """
    dtype, parts = compute_dtype(policy), Parts(word_width=config.embedding_size)
    embedded = EmbeddedInputs(config, output_range, for_pretraining, parts)
    adder = AttentionMask(name="self_attention_mask")(embedded.hidden, embedded.inputs["input_mask"])
    block = SharedBlock(config, 1, dtype, recompute, name="transformer")
    given = shared_by_layers([block], config, embedded.hidden, adder, embedded.outputs)
    return embedded.encoder(name, [block], given)
