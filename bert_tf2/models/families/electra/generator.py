"""ELECTRA's generator: a smaller encoder on the discriminator's embeddings that proposes tokens (arXiv 2003.10555, section 2)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig

NAME = "generator"
"""What the generator is called among what a checkpoint holds besides the discriminator."""

# Above the salts of the discriminator's dropouts, its pooler's too.
_FIRST_SALT = 2_000_000


def generator_config(config: BertConfig, hidden_size: float = 0.25, layers: float = 1.0) -> BertConfig:
    """The shape of the generator, as google-research/electra scales it: its heads have the width of the discriminator's.

    Args:
      config: of the discriminator.
      hidden_size: the width of the blocks and of their inner layers, as a share of the discriminator's.
      layers: the number of blocks, as a share.

    Raises:
      UserError: there is nothing left, or the width does not divide into heads.
    """
    width, blocks = round(config.hidden_size * hidden_size), round(config.num_hidden_layers * layers)
    asked = f"--generator_hidden_size={hidden_size:g} of hidden_size {config.hidden_size}"
    if width < 1:
        raise UserError(f"{asked} leaves a generator of no width; give more")
    if blocks < 1:
        raise UserError(
            f"--generator_layers={layers:g} of num_hidden_layers {config.num_hidden_layers} leaves a generator without layers; "
            "give more"
        )
    heads = max(1, width // config.head_size)
    if width % heads:
        good = max(1, round(width / config.head_size)) * config.head_size
        raise UserError(
            f"{asked} makes a generator of width {width}, which does not divide into {heads} heads; give "
            f"--generator_hidden_size={good / config.hidden_size:g} for a width of {good}"
        )
    inner = max(1, round(config.intermediate_size * hidden_size))
    return _scaled(config, width, blocks, heads, inner)


def config_told_by(config: BertConfig, sizes: Mapping[str, int]) -> BertConfig:
    """The shape of a generator that lies in a checkpoint.

    Args:
      config: of the discriminator.
      sizes: what the shapes of the generator's weights tell (`WeightTable.sizes`), and `num_attention_heads` where that is known.
    """
    width = sizes["hidden_size"]
    heads = sizes.get("num_attention_heads", max(1, width // config.head_size))
    return _scaled(config, width, sizes["num_hidden_layers"], heads, sizes["intermediate_size"])


def build_generator(config: BertConfig, discriminator: Any, policy: str = "float32", recompute: bool = False) -> Any:
    """The generator's encoder, with a projection of its own behind the discriminator's embeddings and without a pooler.

    Args:
      config: the generator's, of `generator_config`.
      discriminator: the encoder whose embeddings it shares.
      policy, recompute: see `bert_tf2.models.encoder.build_encoder`.

    Returns:
      A model as of `build_encoder(for_pretraining=True)`, without `pooled_output` and `word_table`.
    """
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.encoder_parts import Parts

    parts = Parts(pooler_activation=None, embeddings_of=discriminator, first_salt=_FIRST_SALT)
    return build_encoder(config, policy, name=NAME, for_pretraining=True, recompute=recompute, parts=parts)


def _scaled(config: BertConfig, width: int, blocks: int, heads: int, inner: int) -> BertConfig:
    return dataclasses.replace(
        config, hidden_size=width, num_hidden_layers=blocks, num_attention_heads=heads, intermediate_size=inner
    )
