"""BERT (https://arxiv.org/abs/1810.04805)."""

from typing import Any

from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import BERT, Family, families
from bert_tf2.models.families.names import BLOCK_LAYERS, POOLER, Weight, block_of, embeddings
from bert_tf2.models.families.weight_table import WeightTable


def bert_block(index: int) -> tuple[Weight, ...]:
    """The weights of one transformer block."""
    return block_of(index, f"encoder.layer.{index}", {path: path.replace("/", ".") for path in BLOCK_LAYERS})


WEIGHTS = WeightTable(embeddings("hidden_size"), bert_block, POOLER, "num_hidden_layers", "bert.", other_prefixes=("ernie.",))


def _build(config: BertConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.encoder import build_encoder

    return build_encoder(config, *args, **kwargs)


families.register(BERT)(Family(BertConfig, _build, WEIGHTS))
