"""A checkpoint without some of its layers, attention heads and inner neurons: smaller, and dense as before."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.models.families.names import Weight

HEADS, COLUMNS, NEURONS = "num_attention_heads", "attention_width", "intermediate_size"
"""What the axes of weights are called along which heads, the columns of all heads, and neurons lie."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """What stays of an encoder.

    Attributes:
      layers: the numbers of the layers, ascending.
      heads: for each of them the numbers of its heads, equally many everywhere.
      neurons: for each of them those of the inner neurons of its feed-forward network, equally many everywhere.
    """

    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    neurons: tuple[tuple[int, ...], ...]


def pruned(source: Source, config: BertConfig, kept: Kept) -> tuple[Source, BertConfig]:
    """A checkpoint and its configuration with nothing but what stays; embeddings, pooler and heads of tasks as they are.

    A head adds its context times its rows of the output projection to the hidden vector, a neuron its activation times its row;
    so what is left computes what the whole computed with those rows zero.

    Args:
      source: an opened checkpoint, which fits the configuration.
      config: its configuration.
      kept: layers are those with weights of their own.
    """
    table, size = family_of(config).weights, config.head_size
    blocks = {weight.name for index in range(table.blocks_in(source.shapes)) for weight in table.block(index)}
    tensors = {name: tensor for name, tensor in source.tensors.items() if name not in blocks}
    for index, (layer, heads, neurons) in enumerate(zip(kept.layers, kept.heads, kept.neurons, strict=True)):
        columns = [head * size + column for head in heads for column in range(size)]
        for new, old in zip(table.block(index), table.block(layer), strict=True):
            if old.name in source.tensors:
                tensors[new.name] = _part(source.tensors[old.name], old, {HEADS: heads, COLUMNS: columns, NEURONS: neurons})
    # Those that the layers have weights of their own for, in the order of the table again.
    known = [weight.name for weight in (*table.encoder(len(kept.layers)), *table.heads())]
    ordered = {name: tensors[name] for name in known if name in tensors} | tensors
    small = smaller(config, kept)
    number = None if source.num_attention_heads is None else small.num_attention_heads
    part = dataclasses.replace(source.without_companions(), tensors=ordered, reopened={}, num_attention_heads=number)
    return part, small


def smaller(config: BertConfig, kept: Kept) -> BertConfig:
    """The configuration of what is left."""
    counts, heads = family_of(config).weights.counts, len(kept.heads[0])
    # All layers may share one's weights.
    layers: dict[str, Any] = {counts: len(kept.layers)} if len(kept.layers) != getattr(config, counts) else {}
    return dataclasses.replace(
        config,
        num_attention_heads=heads,
        attention_head_size=config.head_size if heads * config.head_size != config.hidden_size else None,
        intermediate_size=len(kept.neurons[0]),
        **layers,
    )


def _part(tensor: StoredTensor, weight: Weight, places: dict[str, Sequence[int]]) -> StoredTensor:
    """The part of a tensor at some places of the axes that have them."""
    chosen = {axis: places[field] for axis, field in enumerate(weight.shape) if field in places}
    if not chosen:
        return tensor
    shape = tuple(len(chosen[axis]) if axis in chosen else size for axis, size in enumerate(tensor.shape))
    return StoredTensor(tensor.stored_name, shape, _read_part(tensor, chosen))


def _read_part(tensor: StoredTensor, chosen: dict[int, Sequence[int]]) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        value = tensor.read()
        for axis, places in chosen.items():
            value = np.take(value, list(places), axis=axis)
        return np.ascontiguousarray(value)

    return read
