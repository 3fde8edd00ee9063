"""The older Chinese ALBERT (https://github.com/brightmart/albert_zh): BERT with factorised words and one block for all layers."""

from typing import Any

from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.chinese_albert.config import ChineseAlbertConfig
from bert_tf2.models.families.names import POOLER, Weight, block_named, embeddings
from bert_tf2.models.families.weight_table import WeightTable


def _block(index: int) -> tuple[Weight, ...]:
    """The weights of the only block."""
    return block_named("bert/encoder/layer_shared", 0) if index == 0 else ()


_WORDS, *_OTHERS = embeddings("hidden_size")
WEIGHTS = WeightTable(
    embeddings=(
        Weight(_WORDS.name, ("vocab_size", "embedding_size"), "", place=_WORDS.place),
        Weight(f"{_WORDS.name}_2", ("embedding_size", "hidden_size"), "", place=("word_projection",)),
        *_OTHERS,
    ),
    block=_block,
    pooler=POOLER,
    counts="own_blocks",
    hugging_face=None,
)


def _build(config: ChineseAlbertConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.families.chinese_albert.encoder import build_encoder

    return build_encoder(config, *args, **kwargs)


families.register("chinese_albert")(Family(ChineseAlbertConfig, _build, WEIGHTS))
