"""What every reader gives: the weights of a checkpoint by their plain names, read when they are asked for."""

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import names

_BLOCK = re.compile(r"bert/encoder/layer_(\d+)/")


@dataclasses.dataclass(frozen=True)
class StoredTensor:
    """One weight in a file.

    Attributes:
      stored_name: what the file calls it.
      shape: of its plain form (`names.Weight`), known before anything is read.
      read: reads it: float32 of `shape`.
    """

    stored_name: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclasses.dataclass
class Source:
    """An opened checkpoint.

    Attributes:
      format: `tf2`, `tf1` or `huggingface`.
      path: the file or prefix that was opened.
      tensors: by the names of `names.Weight`, encoder and heads, in the order of the table.
      others: what else the file holds, by its own names.
      optimizer_slots: how many variables of an optimizer it holds besides.
      num_attention_heads: as far as the file or a configuration beside it tells.
      notes: choices made while reading that a person should know.
      step: how many updates the weights have had; None where the file does not tell.
    """

    format: str
    path: str
    tensors: dict[str, StoredTensor]
    others: list[str] = dataclasses.field(default_factory=list)
    optimizer_slots: int = 0
    num_attention_heads: int | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    step: int | None = None

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weights."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def head(self, kind: str) -> dict[str, StoredTensor]:
        """The weights of a head of `names.HEADS`; empty unless all of them are there."""
        weights = names.HEADS[kind].weights
        if all(weight.name in self.tensors for weight in weights):
            return {weight.name: self.tensors[weight.name] for weight in weights}
        return {}

    def without_head(self, kind: str) -> "Source":
        """The same checkpoint as if it did not use a head: its weights are among the `others`."""
        dropped = {weight.name for weight in names.HEADS[kind].weights} & set(self.tensors)
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in dropped}
        others = sorted([*self.others, *(self.tensors[name].stored_name for name in dropped)])
        return dataclasses.replace(self, tensors=kept, others=others)

    def first_layers(self, number: int) -> "Source":
        """The same checkpoint as if it had only so many transformer blocks; the weights of the others are among the `others`."""
        past = {name for name in self.tensors if (match := _BLOCK.match(name)) and int(match[1]) >= number}
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in past}
        others = sorted([*self.others, *(self.tensors[name].stored_name for name in past)])
        return dataclasses.replace(self, tensors=kept, others=others)

    def with_classes(self, rows: Sequence[int]) -> "Source":
        """The same checkpoint with the classes of its classification head in another order: first that which is `rows[0]`.

        So are those of tables from class to class, whose further rows and columns stay.
        """
        tensors = dict(self.tensors)
        for name, tensor in self.head("classifier").items():
            tensors[name] = dataclasses.replace(tensor, read=_rows_of(tensor, rows))
        for weight in names.head_weights():
            if weight.shape == (None, None) and weight.name in tensors:
                tensors[weight.name] = dataclasses.replace(tensors[weight.name], read=_table_of(tensors[weight.name], rows))
        return dataclasses.replace(self, tensors=tensors)


def _rows_of(tensor: StoredTensor, rows: Sequence[int]) -> Callable[[], np.ndarray]:
    return lambda: tensor.read()[list(rows)]


def _table_of(tensor: StoredTensor, rows: Sequence[int]) -> Callable[[], np.ndarray]:
    order = [*rows, *range(len(rows), tensor.shape[0])]
    return lambda: np.ascontiguousarray(tensor.read()[np.ix_(order, order)])


def in_table_order(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The same weights, the encoder's first, then the heads'."""
    layers = names.sizes({name: tensor.shape for name, tensor in tensors.items()})["num_hidden_layers"]
    weights = [*names.encoder(layers), *names.head_weights()]
    return {weight.name: tensors[weight.name] for weight in weights if weight.name in tensors}


def no_encoder(path: str, stored_names: list[str]) -> UserError:
    """The error for a file without a BERT encoder."""
    shown = ", ".join(sorted(stored_names)[:5])
    hint = ""
    if any("embedding_projection" in name or "embedding_hidden_mapping" in name or "/group_0/" in name for name in stored_names):
        hint = "; it looks like ALBERT, whose factorised embeddings and shared layers this encoder does not have"
    elif any("roberta" in name for name in stored_names):
        hint = "; it looks like RoBERTa, whose positions and vocabulary differ from BERT's"
    return UserError(f"{path}: holds no BERT encoder{hint} ({len(stored_names)} tensors, the first: {shown or 'none'})")
