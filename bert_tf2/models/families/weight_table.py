"""All weights of a family: one table for every reader and writer."""

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping

from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.names import Weight, head_weights, may_be_absent


@dataclasses.dataclass(frozen=True)
class NamedByTask:
    """A layer in whose name a task's stands.

    Attributes:
      pattern: a regular expression of its name.
      written: what it is called where the task is not known.
    """

    pattern: str
    written: str

    def part(self, name: str) -> str | None:
        """`kernel` or `bias`, if that is what the variable of this name is of the layer."""
        found = re.fullmatch(rf"(?:{self.pattern})/(kernel|bias)", name)
        return found[1] if found else None


@dataclasses.dataclass(frozen=True)
class WeightTable:
    """The weights of a family's encoders.

    Attributes:
      embeddings: those before the blocks, in the order of the computation.
      block: the weights of a block by its number.
      pooler: those behind the blocks.
      projection: those behind the embeddings in encoders whose embeddings are narrower than their blocks.
      counts: the field of the configuration that says how many blocks with weights of their own there are.
      hugging_face: what the models of `transformers` that have a head put before the encoder's names, `bert.`; None where the
        library has no such models.
      other_prefixes: what stands there in models that are of the family but in name.
      head_names: by the names of `head_weights` those weights of heads that `transformers` calls otherwise than in BERT's models.
      by_kind: by kinds of models (`convert.HEADS_OF`) what weights are called in those, where it is otherwise than in others:
        names that stand beside the encoder's, without its prefix.
      tf1: beginnings of the names in the family's TF1 code by beginnings of the names here; None where there is no such code.
      tf1_logits: what that code calls the layer of a classifier's logits, whose kernel then is [inputs, outputs]; its name may
        hold that of a task, for which any stands. None for `output_weights` and `output_bias`.
      has_garden_layout: whether TF2 checkpoints are written as the model garden's; otherwise as our models save them.
      garden_mark: the reference that an encoder of the garden has which no other has, if it is built otherwise than BERT's;
        checkpoints of it are read (`Weight.garden`).
    """

    embeddings: tuple[Weight, ...]
    block: Callable[[int], tuple[Weight, ...]]
    pooler: tuple[Weight, ...]
    counts: str
    hugging_face: str | None
    head_names: Mapping[str, Weight] = dataclasses.field(default_factory=dict)
    other_prefixes: tuple[str, ...] = ()
    projection: tuple[Weight, ...] = ()
    by_kind: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    tf1: Mapping[str, str] | None = dataclasses.field(default_factory=dict)
    tf1_logits: NamedByTask | None = None
    has_garden_layout: bool = True
    garden_mark: str | None = None

    @property
    def prefixes(self) -> tuple[str, ...]:
        """All that `transformers` puts before the encoder's names, its own name first."""
        return () if self.hugging_face is None else (self.hugging_face, *self.other_prefixes)

    def encoder(self, blocks: int, projected: bool = True) -> tuple[Weight, ...]:
        """The weights of an encoder with so many blocks, in the order of the computation; the pooler's are the last."""
        within = (weight for index in range(blocks) for weight in self.block(index))
        return (*self.embeddings, *(self.projection if projected else ()), *within, *self.pooler)

    def of(self, config: BertConfig) -> tuple[Weight, ...]:
        """The weights of an encoder with a configuration."""
        return self.encoder(getattr(config, self.counts), config.embedding_width != config.hidden_size)

    def rank(self, found: Collection[str], blocks: int) -> tuple[int, int]:
        """How well the weights explain an encoder of so many blocks in which those of these names were found; more is better."""
        needed = {weight.name for weight in self.encoder(blocks, projected=False) if not may_be_absent(weight.name)}
        known = {weight.name for weight in self.encoder(blocks)}
        return len(known & set(found)), -len(needed - set(found))

    def to_tf1(self, name: str) -> str:
        """What the family's TF1 code calls a weight."""
        for beginning, theirs in (self.tf1 or {}).items():
            if name.startswith(beginning):
                return theirs + name.removeprefix(beginning)
        return name

    def hugging_face_name(self, weight: Weight, kind: str) -> str | None:
        """What a weight is called in the models of `transformers` of a kind; None where they have none.

        Args:
          weight: of the encoder or one of `heads`.
          kind: `encoder`, or another of `convert.HEADS_OF`.
        """
        beside = self.by_kind.get(kind, {}).get(weight.name)
        if beside is not None or not weight.hugging_face:
            return beside
        return ((self.hugging_face or "") if weight.place and kind != "encoder" else "") + weight.hugging_face

    def names_beside(self, weight: Weight) -> list[str]:
        """All names of a weight that stand beside the encoder's."""
        return [named[weight.name] for named in self.by_kind.values() if weight.name in named]

    def heads(self) -> list[Weight]:
        """The weights of all heads."""
        return [self.head_names.get(weight.name, weight) for weight in head_weights()]

    def sizes(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """The fields of the configuration that the shapes of an encoder's weights tell; those that cannot be told are absent."""
        found: dict[str, int] = {}
        for weight in (*self.embeddings, *self.projection, *self.block(0)):
            shape = shapes.get(weight.name)
            if shape is not None and len(shape) == len(weight.shape):
                for field, size in zip(weight.shape, shape):
                    if field is not None:
                        found.setdefault(field, size)
        found[self.counts] = self.blocks_in(shapes)
        return found

    def blocks_in(self, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """How many blocks have a weight there."""
        blocks = 0
        while any(weight.name in shapes for weight in self.block(blocks)):
            blocks += 1
        return blocks
