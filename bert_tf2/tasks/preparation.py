"""What a kind of task does when records are made of its data; everything around it is the same for all kinds."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.sources.bad_rows import BadRows

if TYPE_CHECKING:
    from bert_tf2.data.records.wire_format import ExampleEncoder

Read = Callable[[BadRows], Iterable[Any]]


@dataclasses.dataclass
class Split:
    """One split on its way from examples to records.

    Attributes:
      name: `train`, `eval`, `test`, or a further one such as `eval_mismatched`.
      path: of its records.
      read: gives its examples, as often as it is called.
      bad_rows: takes the rows that cannot be used, by `file:line` and reason.
      encoder: serializes its records; there before the first are encoded.
      statistics: what the kind counts; see `Preparation.begin`.
      examples: those that are not yet encoded.
    """

    name: str
    path: str
    read: Read
    bad_rows: BadRows
    encoder: "ExampleEncoder | None" = None
    statistics: Any = None
    examples: Iterator[Any] = dataclasses.field(default_factory=lambda: iter(()))

    @property
    def is_test(self) -> bool:
        """Whether it is for prediction, where labels may be missing or hidden."""
        return self.name.split("_")[0] == "test"


class Preparation:
    """One preparation of one data set: the part that differs from kind to kind.

    Attributes:
      name: of the data set; the metadata's `processor_type`.
      features: what a record holds.
      max_seq_length: the most tokens of an input.
      unit: what an example is called where progress is told.
      at_once: how many examples are encoded at once.
    """

    name: str = ""
    features: list[FeatureSpec]
    max_seq_length: int
    unit: str = "examples"
    at_once: int = 64

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """What gives the examples of each split, in the order in which they are written.

        Args:
          wanted: by `train`, `eval` and `test` the path of the records to write. A further split, `eval_x`, is written beside
            those of `eval`, with its name before the ending, or in place of {} in the path.

        Raises:
          UserError: files that are not there, or cannot be used.
        """
        raise NotImplementedError

    def begin(self, split: Split) -> None:
        """Sets the split's `statistics`, before its first example is read."""

    def encode(self, examples: Sequence[Any], split: Split) -> list[bytes]:
        """The records of a chunk of examples, serialized; counts them in `split.statistics`.

        Raises:
          UserError: as `BadRows.report`, which is told of a row that cannot be used.
        """
        raise NotImplementedError

    def check(self, splits: Sequence[Split]) -> None:
        """Looks at the counts when all is written, under temporary names.

        Raises:
          UserError: such records are of no use.
        """

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """What metadata say of the records besides what they say of all: fields of `MetaData`, and others."""
        raise NotImplementedError

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """What a user should know about the data."""
        del splits
        return []

    def summary(self, split: Split) -> list[str]:
        """Lines that say what was written of a split."""
        raise NotImplementedError
