"""What a kind of task does when records are made of its data; `record_making` does everything around it for all kinds."""

import dataclasses
import shlex
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
      records: how many were written.
    """

    name: str
    path: str
    read: Read
    bad_rows: BadRows = dataclasses.field(default_factory=BadRows)
    encoder: "ExampleEncoder" = dataclasses.field(init=False, repr=False)
    statistics: Any = None
    records: int = 0
    examples: Iterator[Any] = dataclasses.field(default_factory=lambda: iter(()), repr=False)

    @property
    def is_test(self) -> bool:
        """Whether it is for prediction, where labels may be missing or hidden."""
        return self.name.split("_")[0] == "test"


class Preparation:
    """One preparation of one data set: the part that differs from kind to kind.

    Attributes:
      task_type: the kind's.
      name: of the data set; the metadata's `processor_type`.
      features: what a record holds.
      tokenizer: gives the ids.
      max_seq_length: the most tokens of an input.
      data_dir: a directory of raw data, of which nothing is overwritten; None for none.
      unit: what an example is called where progress is told.
      at_once: how many examples are encoded at once. A few are kinder to the processor's caches than one or a thousand.
    """

    task_type: str = ""
    name: str = ""
    features: Sequence[FeatureSpec]
    tokenizer: Any
    max_seq_length: int
    data_dir: str | None = None
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
        """The records of some examples of a split, serialized; counts them in `split.statistics`.

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
        """What metadata say of the records besides what they say of all: fields of `MetaData`, and others.

        Args:
          splits: when all is written; none where it is asked what is known before.
        """
        raise NotImplementedError

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """What a user should know about the data; here: which rows were left out."""
        return [warning for split in splits for warning in left_out(split)]

    def summary(self, split: Split) -> list[str]:
        """Lines that say what was written of a split."""
        return [f"{split.name}: {split.records:,} records"]

    def next_command(self, meta_data_path: str, paths: Mapping[str, str]) -> list[str]:
        """The program that takes the records, and its flags for them.

        Args:
          meta_data_path: of the metadata.
          paths: of the records, by split.
        """
        modes = {(True, True): "train_and_eval", (True, False): "train", (False, True): "eval", (False, False): "predict"}
        return [
            f"run_classifier.py --mode={modes['train' in paths, 'eval' in paths]}",
            f"--input_meta_data_path={shlex.quote(meta_data_path)}",
            *(f"--{name}_data_path={shlex.quote(paths[name])}" for name in ("train", "eval", "test") if name in paths),
        ]


def left_out(split: Split) -> list[str]:
    """The warning that rows of a split were left out, where some were."""
    return [f"{split.name}: {split.bad_rows.summary()}"] if split.bad_rows.count else []
