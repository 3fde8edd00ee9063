"""TF1 checkpoints of google-research: variables by name."""

import dataclasses
import re
from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf

from bert_tf2.models.checkpoints.bundle import Bundle
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order, no_encoder
from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.names import CLASSIFIER, head_weights
from bert_tf2.models.families.weight_table import WeightTable

_OPTIMIZER = re.compile(r"(/(adam|lamb)_[mv]|/Adam(_1)?|(^|/)(beta[12]_power|global_step|learning_rate))$", re.IGNORECASE)


def open_tf1(bundle: Bundle) -> Source:
    """Reads the table of a TF1 checkpoint; the variables may lie below a scope (`module/bert/…` in exported modules).

    Raises:
      UserError: it holds no encoder of a known family.
    """
    encoders = [found for family in families.all() if (found := _encoder_in(bundle, family)) is not None]
    if not encoders:
        raise no_encoder(bundle.prefix, list(bundle.shapes))
    encoder = max(encoders, key=lambda encoder: encoder.rank)
    family, step = encoder.family, int(bundle.read("global_step")) if bundle.shapes.get("global_step") == () else None
    companions = {}
    for name, one in family.companions.items():
        beside = _encoder_in(bundle, family, one.weights)
        if beside is not None and beside.blocks:
            tensors, _ = _tensors(bundle, beside, one.head_names)
            companions[name] = Source("tf1", bundle.prefix, tensors, step=step, family=family)
    theirs = {head for name in companions for head in family.companions[name].head_names}
    tensors, used = _tensors(bundle, encoder, {weight.name for weight in head_weights()} - theirs)
    slots = {name for name in bundle.shapes if name not in used and _OPTIMIZER.search(name)}
    others = sorted(name for name in bundle.shapes if name not in used | slots)
    if not family.weights.blocks_in({name: tensor.shape for name, tensor in tensors.items()}):
        raise no_encoder(bundle.prefix, list(bundle.shapes))
    return Source("tf1", bundle.prefix, tensors, others, len(slots), step=step, family=family, companions=companions)


def _tensors(bundle: Bundle, encoder: "_Encoder", heads: Collection[str]) -> tuple[dict[str, StoredTensor], set[str]]:
    """The encoder's tensors, and of the heads' those of these names; and the variables that they are in."""
    others = {weight.name for weight in head_weights()}.difference(heads)
    stored = {name: one for name, one in encoder.stored.items() if name not in others and bundle.is_floating(one.variable)}
    tensors = {name: _tensor(bundle, one) for name, one in stored.items()}
    return in_table_order(tensors, encoder.family), {one.variable for one in stored.values()}


@dataclasses.dataclass(frozen=True)
class _Stored:
    """Where a weight is: in a variable, of which it may be a row, or the transpose."""

    variable: str
    row: int | None = None
    is_transposed: bool = False


@dataclasses.dataclass(frozen=True)
class _Encoder:
    """What a checkpoint holds if its encoder is of a family: where its weights are by their names, and how well they fit."""

    family: Family
    stored: dict[str, _Stored]
    blocks: int
    rank: tuple[int, int]


def _encoder_in(bundle: Bundle, family: Family, table: WeightTable | None = None) -> _Encoder | None:
    """What the family's TF1 code finds there, below the shortest scope that holds word embeddings; None without any.

    Args:
      bundle: the checkpoint.
      family: the family.
      table: of an encoder beside it; None for its own.
    """
    table = table or family.weights
    words = table.to_tf1(table.embeddings[0].name)
    scopes = sorted((name[: -len(words)] for name in bundle.shapes if name.endswith(words)), key=len)
    if table.tf1 is None or not scopes:
        return None
    within = {name[len(scopes[0]) :]: name for name in bundle.shapes if name.startswith(scopes[0])}
    blocks = 0
    while any(table.to_tf1(weight.name) in within for weight in table.block(blocks)):
        blocks += 1
    stored = {}
    for weight in (*table.encoder(blocks), *head_weights()):
        name, row = weight.tf1_row or (table.to_tf1(weight.name), None)
        if name in within:
            stored[weight.name] = _Stored(within[name], row)
    return _Encoder(family, stored | _logits_in(within, table), blocks, table.rank(stored, blocks))


def _logits_in(within: dict[str, str], table: WeightTable) -> dict[str, _Stored]:
    """A classifier's logits where their layer is named by a task; nothing where there are several tasks' layers."""
    parts = {name: part for name in within if table.tf1_logits is not None and (part := table.tf1_logits.part(name))}
    if sorted(parts.values()) != ["bias", "kernel"]:
        return {}
    stored = {part: _Stored(within[name], is_transposed=part == "kernel") for name, part in parts.items()}
    return {_LOGITS[part]: one for part, one in stored.items()}


_LOGITS = {"kernel": CLASSIFIER[0].name, "bias": CLASSIFIER[1].name}


def _tensor(bundle: Bundle, stored: _Stored) -> StoredTensor:
    name, whole = stored.variable, bundle.shapes[stored.variable]
    if stored.row is not None:
        row = stored.row
        return StoredTensor(name, whole[1:], lambda: bundle.read_float32(name, whole)[row])
    if stored.is_transposed:
        return StoredTensor(name, whole[::-1], lambda: np.ascontiguousarray(bundle.read_float32(name, whole).T))
    return StoredTensor(name, whole, lambda: bundle.read_float32(name, whole))


def write_tf1(
    prefix: str,
    tensors: dict[str, StoredTensor],
    family: Family,
    companions: Mapping[str, Mapping[str, StoredTensor]] | None = None,
) -> None:
    """Writes the weights under the names of the family's TF1 code; `tf.compat.v1.train.Saver` and its scripts restore them.

    Args:
      prefix: path without `.index`; overwritten.
      tensors: by the names of `names.Weight`.
      family: what the encoder is.
      companions: the same of encoders that go beside it, by the names of `family.companions`; what they share is written once.
    """
    variables: dict[str, tf.Tensor] = {}
    for name, beside in (companions or {}).items():
        variables |= _variables(beside, family.companions[name].weights)
    variables |= _variables(tensors, family.weights)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=list(variables.values()),
    )


def _variables(tensors: Mapping[str, StoredTensor], table: WeightTable) -> dict[str, tf.Tensor]:
    """The variables of the family's TF1 code by name."""
    blocks = table.blocks_in({name: tensor.shape for name, tensor in tensors.items()})
    rows = {weight.name: weight.tf1_row for weight in table.encoder(blocks) if weight.tf1_row is not None}
    logits = {} if table.tf1_logits is None else {name: f"{table.tf1_logits.written}/{part}" for part, name in _LOGITS.items()}
    variables: dict[str, tf.Tensor] = {}
    stacks: dict[str, dict[int, np.ndarray]] = {}
    for name, tensor in tensors.items():
        value = tensor.read()
        if name in rows:
            stacked, row = rows[name]
            stacks.setdefault(stacked, {})[row] = value
        elif name in logits:
            variables[logits[name]] = tf.constant(value.T if value.ndim == 2 else value)
        else:
            variables[table.to_tf1(name)] = tf.constant(value)
    return variables | {name: tf.stack([stack[row] for row in sorted(stack)]) for name, stack in stacks.items()}
