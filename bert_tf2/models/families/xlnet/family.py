"""XLNet (https://arxiv.org/abs/1906.08237): attention by content, distance and segment; the last token stands for the input."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.names import (
    CLASSIFIER,
    MASKED_LM,
    NEXT_SENTENCE,
    GardenPlace,
    Weight,
    dense,
    layer_norm,
    pooler,
    renamed,
    without_name,
)
from bert_tf2.models.families.weight_table import NamedByTask, WeightTable
from bert_tf2.models.families.xlnet.config import XLNetConfig

_KERNELS = {"q": "query_dense", "k": "key_dense", "v": "value_dense", "o": "output_dense", "r": "distance_dense"}
_PER_HEAD = ("num_attention_heads", "head_size")
# The TF1 code has one variable of each of them for all blocks, and so has the garden.
_STACKED = {
    "r_w_bias": ("content_bias", ("transformer_xl", "content_attention_bias"), _PER_HEAD),
    "r_r_bias": ("distance_bias", ("transformer_xl", "positional_attention_bias"), _PER_HEAD),
    "r_s_bias": ("segment_bias", ("transformer_xl", "segment_attention_bias"), _PER_HEAD),
    "seg_embed": ("segments", ("seg_embed",), ("segment_relations", *_PER_HEAD)),
}


def _block(index: int) -> tuple[Weight, ...]:
    """The weights of one block."""
    scope, theirs = f"model/transformer/layer_{index}", f"layer.{index}"
    place = ("transformer_layers", str(index))
    others = (
        *layer_norm(f"{scope}/rel_attn/LayerNorm", f"{theirs}.rel_attn.layer_norm", (*place, "attention_layer_norm")),
        *dense(f"{scope}/ff/layer_1", f"{theirs}.ff.layer_1", "hidden_size", "intermediate_size", (*place, "intermediate_dense")),
        *dense(f"{scope}/ff/layer_2", f"{theirs}.ff.layer_2", "intermediate_size", "hidden_size", (*place, "output_dense")),
        *layer_norm(f"{scope}/ff/LayerNorm", f"{theirs}.ff.layer_norm", (*place, "output_layer_norm")),
    )
    weights = (*_attention(index, f"{scope}/rel_attn", f"{theirs}.rel_attn", (*place, "attention_layer")), *others)
    return tuple(weight if weight.garden else dataclasses.replace(weight, garden=_in_garden(weight.place)) for weight in weights)


def _attention(index: int, scope: str, theirs: str, place: tuple[str, ...]) -> Iterator[Weight]:
    """Its kernels, the same in all forms but the garden's, with an axis for the heads; and what is stacked."""
    for name, part in _KERNELS.items():
        kernel = Weight(f"{scope}/{name}/kernel", ("hidden_size", *_PER_HEAD), f"{theirs}.{name}", place=(*place, part, "kernel"))
        # The garden has the output's as [heads, head size, hidden size].
        axes = (2, 0, 1) if name == "o" else None
        yield dataclasses.replace(kernel, garden=dataclasses.replace(_in_garden(kernel.place), axes=axes))
    for name, (part, path, shape) in _STACKED.items():
        row = (f"model/transformer/{name}", index)
        yield Weight(
            f"{scope}/{name}", shape, f"{theirs}.{name}", place=(*place, part), tf1_row=row, garden=GardenPlace(path, index)
        )


def _in_garden(place: tuple[str, ...]) -> GardenPlace:
    """The garden's blocks are much as ours."""
    theirs = {
        "transformer_layers": "transformer_xl_layers",
        "distance_dense": "encoding_dense",
        "intermediate_dense": "inner_dense",
    }
    return GardenPlace(("transformer_xl", *(theirs.get(step, step) for step in place)))


_POOLER = pooler("")
_SUMMARIZED = renamed(_POOLER, "sequence_summary.summary") | renamed(CLASSIFIER, "logits_proj")
WEIGHTS = WeightTable(
    embeddings=(
        Weight(
            "model/transformer/word_embedding/lookup_table",
            ("vocab_size", "hidden_size"),
            "word_embedding.weight",
            place=("embedding_layer",),
            garden=GardenPlace(("embedding_layer", "embeddings")),
        ),
        Weight(
            "model/transformer/mask_emb/mask_emb",
            ("mask_vectors", "mask_vectors", "hidden_size"),
            "mask_emb",
            place=("mask_embedding",),
            garden=GardenPlace(("mask_embedding",)),
        ),
    ),
    block=_block,
    pooler=_POOLER,
    counts="num_hidden_layers",
    hugging_face="transformer.",
    head_names={weight.name: weight for weight in without_name((*MASKED_LM, *NEXT_SENTENCE))},
    by_kind={"classifier": _SUMMARIZED, "multiple_choice": _SUMMARIZED},
    # The slip is in the name.
    tf1={"bert/pooler/dense/": "model/sequnece_summary/summary/"},
    tf1_logits=NamedByTask("model/(?:classification|regression)_[^/]+/logit", "model/classification_task/logit"),
    has_garden_layout=False,
    garden_mark="transformer_xl",
)


def _build(config: XLNetConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.families.xlnet.encoder import build_encoder

    return build_encoder(config, *args, **kwargs)


families.register("xlnet")(Family(XLNetConfig, _build, WEIGHTS))
