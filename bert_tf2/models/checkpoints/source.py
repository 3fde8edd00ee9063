"""What every reader gives: the weights of a checkpoint by their plain names, read when they are asked for."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.models.families import names
from bert_tf2.models.families.base import BERT, Family, families


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
      family: what the encoder is.
      companions: the encoders that the family's pre-training leaves beside this one, by the names of `Family.companions`. Their
        tensors are among the `others`, but for those that they share with this one; so are their heads.
      reopened: where the file does not tell the family, opens it as one of another that it may be of.
    """

    format: str
    path: str
    tensors: dict[str, StoredTensor]
    others: list[str] = dataclasses.field(default_factory=list)
    optimizer_slots: int = 0
    num_attention_heads: int | None = None
    notes: list[str] = dataclasses.field(default_factory=list)
    step: int | None = None
    family: Family = dataclasses.field(default_factory=lambda: families.get(BERT))
    companions: Mapping[str, "Source"] = dataclasses.field(default_factory=dict)
    reopened: Mapping[str, Callable[[], "Source"]] = dataclasses.field(default_factory=dict)

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

    def of_family(self, family: Family) -> "Source":
        """The same checkpoint as one of a family that it may be of; others leave it as it is."""
        reopen = self.reopened.get(family.name)
        return self if reopen is None else reopen()

    def without_companions(self) -> "Source":
        """The same checkpoint without its companions' tensors among the `others`: somebody reads them."""
        theirs = {tensor.stored_name for one in self.companions.values() for tensor in one.tensors.values()}
        return dataclasses.replace(self, others=[name for name in self.others if name not in theirs], companions={})

    def without_head(self, kind: str) -> "Source":
        """The same checkpoint as if it did not use a head: its weights are among the `others`."""
        dropped = {weight.name for weight in names.HEADS[kind].weights} & set(self.tensors)
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in dropped}
        others = sorted([*self.others, *(self.tensors[name].stored_name for name in dropped)])
        return dataclasses.replace(self, tensors=kept, others=others)

    def first_layers(self, number: int) -> "Source":
        """The same checkpoint as if it had only so many transformer blocks; the weights of the others are among the `others`."""
        table = self.family.weights
        blocks = range(number, table.blocks_in(self.shapes))
        past = {weight.name for index in blocks for weight in table.block(index)} & set(self.tensors)
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in past}
        others = sorted([*self.others, *(self.tensors[name].stored_name for name in past)])
        return dataclasses.replace(self, tensors=kept, others=others)

    def with_layers(self, layers: Sequence[int]) -> "Source":
        """The same checkpoint with some of its transformer blocks alone, in this order, each with weights of its own."""
        table = self.family.weights
        blocks = range(table.blocks_in(self.shapes))
        of_blocks = {weight.name: self.tensors.get(weight.name) for index in blocks for weight in table.block(index)}
        tensors = {name: tensor for name, tensor in self.tensors.items() if name not in of_blocks}
        for index, layer in enumerate(layers):
            for new, old in zip(table.block(index), table.block(layer), strict=True):
                if (tensor := of_blocks[old.name]) is not None:
                    tensors[new.name] = tensor
        taken = {tensor.stored_name for tensor in tensors.values()}
        left = (tensor.stored_name for tensor in of_blocks.values() if tensor is not None and tensor.stored_name not in taken)
        return dataclasses.replace(
            self, tensors=in_table_order(tensors, self.family), others=sorted([*self.others, *left]), reopened={}
        )

    def with_classes(self, rows: Sequence[int | None]) -> "Source":
        """The same checkpoint with the classes of its classification head in another order: first that which is `rows[0]`.

        So are those of tables from class to class, whose further rows and columns stay. A class that the head has not is None:
        its weights are zero.
        """
        tensors, head = dict(self.tensors), self.head("classifier")
        former = head["output_bias"].shape[0]
        for name, tensor in head.items():
            tensors[name] = StoredTensor(tensor.stored_name, (len(rows), *tensor.shape[1:]), _rows_of(tensor, rows))
        for weight in names.head_weights():
            if weight.shape == (None, None) and (table := tensors.get(weight.name)) is not None:
                order = [*rows, *range(former, table.shape[0])]
                tensors[weight.name] = StoredTensor(table.stored_name, (len(order), len(order)), _table_of(table, order))
        return dataclasses.replace(self, tensors=tensors)

    def with_vocabulary(self, rows: Sequence[Sequence[int]]) -> "Source":
        """The same checkpoint for another vocabulary, in its embedding table and in the bias of its masked-LM head; its
        companions' too.

        Args:
          rows: for each token of the new vocabulary those of the former whose rows its row is the mean of.
        """
        tensors = dict(self.tensors)
        for weight in (*self.family.weights.encoder(1), *names.head_weights()):
            if weight.shape[0] == "vocab_size" and (tensor := tensors.get(weight.name)) is not None:
                tensors[weight.name] = StoredTensor(tensor.stored_name, (len(rows), *tensor.shape[1:]), _means_of(tensor, rows))
        companions = {name: one.with_vocabulary(rows) for name, one in self.companions.items()}
        return dataclasses.replace(self, tensors=tensors, reopened={}, companions=companions)

    def with_words(self, rows: Mapping[int, int | None], seed: int) -> "Source":
        """The same checkpoint with other rows in its embedding table.

        Args:
          rows: by row that whose values it has; None for random ones, normal with each column's mean and deviation.
          seed: of these.
        """
        tensor = self.tensors[names.WORDS]
        new = StoredTensor(tensor.stored_name, tensor.shape, _with_rows(tensor, rows, seed))
        return dataclasses.replace(self, tensors={**self.tensors, names.WORDS: new}, reopened={})


def _with_rows(tensor: StoredTensor, rows: Mapping[int, int | None], seed: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        former = tensor.read()
        rng, mean, deviation, new = np.random.default_rng(seed), former.mean(axis=0), former.std(axis=0), former.copy()
        for row, other in rows.items():
            new[row] = rng.normal(mean, deviation) if other is None else former[other]
        return new

    return read


def _means_of(tensor: StoredTensor, rows: Sequence[Sequence[int]]) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        former = tensor.read()
        new = former[[some[0] for some in rows]]
        for index, some in enumerate(rows):
            if len(some) > 1:
                new[index] = former[list(some)].mean(axis=0, dtype=np.float64)
        return new

    return read


def _rows_of(tensor: StoredTensor, rows: Sequence[int | None]) -> Callable[[], np.ndarray]:
    return lambda: _chosen(tensor.read(), rows)


def _table_of(tensor: StoredTensor, rows: Sequence[int | None]) -> Callable[[], np.ndarray]:
    return lambda: np.ascontiguousarray(_chosen(_chosen(tensor.read(), rows).T, rows).T)


def _chosen(values: np.ndarray, rows: Sequence[int | None]) -> np.ndarray:
    """Rows in another order; zero for None."""
    chosen = values[[0 if row is None else row for row in rows]]
    chosen[[row is None for row in rows]] = 0
    return chosen


def in_table_order(tensors: dict[str, StoredTensor], family: Family) -> dict[str, StoredTensor]:
    """The same weights, the encoder's first, then the heads'."""
    blocks = family.weights.blocks_in({name: tensor.shape for name, tensor in tensors.items()})
    weights = [*family.weights.encoder(blocks), *names.head_weights()]
    return {weight.name: tensors[weight.name] for weight in weights if weight.name in tensors}


def no_encoder(path: str, stored_names: list[str]) -> UserError:
    """The error for a file without an encoder that is known here."""
    known = " or ".join(family.title for family in families.all())
    shown = ", ".join(sorted(stored_names)[:5])
    return UserError(f"{path}: holds no encoder of {known} ({len(stored_names)} tensors, the first: {shown or 'none'})")
