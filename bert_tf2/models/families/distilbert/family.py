"""DistilBERT (https://arxiv.org/abs/1910.01108): half of BERT's blocks, without token types and without a pooler of its own."""

from typing import Any

from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.distilbert.config import DistilBertConfig
from bert_tf2.models.families.names import (
    MASKED_LM,
    NEXT_SENTENCE,
    Weight,
    block_of,
    dense,
    embeddings,
    layer_norm,
    pooler,
    renamed,
    without_name,
)
from bert_tf2.models.families.weight_table import WeightTable

_LAYERS = {
    "attention/self/query": "attention.q_lin",
    "attention/self/key": "attention.k_lin",
    "attention/self/value": "attention.v_lin",
    "attention/output/dense": "attention.out_lin",
    "attention/output/LayerNorm": "sa_layer_norm",
    "intermediate/dense": "ffn.lin1",
    "output/dense": "ffn.lin2",
    "output/LayerNorm": "output_layer_norm",
}


def _block(index: int) -> tuple[Weight, ...]:
    """The weights of one transformer block."""
    return block_of(index, f"transformer.layer.{index}", _LAYERS)


_POOLER = pooler("")
_HEADS = (
    *dense("cls/predictions/transform/dense", "vocab_transform", "hidden_size", "hidden_size"),
    *layer_norm("cls/predictions/transform/LayerNorm", "vocab_layer_norm"),
    Weight(MASKED_LM[-1].name, ("vocab_size",), "vocab_projector.bias"),
    *without_name(NEXT_SENTENCE),
)
WEIGHTS = WeightTable(
    embeddings=embeddings("hidden_size", types=False),
    block=_block,
    pooler=_POOLER,
    counts="num_hidden_layers",
    hugging_face="distilbert.",
    head_names={weight.name: weight for weight in _HEADS},
    by_kind={kind: renamed(_POOLER, "pre_classifier") for kind in ("classifier", "multiple_choice")},
    tf1=None,
)


def _build(config: DistilBertConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.encoder_parts import Parts

    return build_encoder(config, *args, **kwargs | {"parts": Parts(types=False, pooler_activation="relu")})


families.register("distilbert")(Family(DistilBertConfig, _build, WEIGHTS))
