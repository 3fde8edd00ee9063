"""What is counted while records of texts are written, and the warnings that follow from the counts."""

from array import array
from collections.abc import Hashable, Sequence

import numpy as np

# Rows of each split whose texts are compared; 12 bytes a row at most, so memory stays bounded however long the file is.
MOST_COMPARED = 1_000_000
_MOST_UNKNOWN = 0.05


class SplitStatistics:
    """Counts over the inputs of one split.

    Args:
      max_seq_length: the longest an input can be.

    Attributes:
      rows: examples that were written.
      truncated: those that were cut.
      unknown_tokens: [UNK] in all inputs.
      length_counts: inputs by number of tokens.
      text_hashes: of the texts of the first rows, to tell those that occur twice.
    """

    def __init__(self, max_seq_length: int):
        self.rows = 0
        self.truncated = 0
        self.unknown_tokens = 0
        self.length_counts = [0] * (max_seq_length + 1)
        self.text_hashes = array("q")

    def add(self, length: int, cut: bool, text: Hashable = None) -> None:
        """Counts one example.

        Args:
          length: of its input.
          cut: whether it was cut.
          text: what makes it the same as another; None is never compared.
        """
        self.rows += 1
        self.length_counts[length] += 1
        self.truncated += cut
        if text is not None and len(self.text_hashes) < MOST_COMPARED:
            self.text_hashes.append(hash(text))

    @property
    def unknown_fraction(self) -> float:
        """Share of [UNK] among the tokens that are not [CLS] or [SEP]."""
        return self.unknown_tokens / max(self.tokens - 2 * self.rows, 1)

    @property
    def tokens(self) -> int:
        """Number of tokens in all inputs, special ones included."""
        return sum(length * count for length, count in enumerate(self.length_counts))

    @property
    def mean_length(self) -> float:
        """Mean number of tokens of an input."""
        return self.tokens / max(self.rows, 1)

    @property
    def max_length(self) -> int:
        """Number of tokens of the longest input."""
        return max((length for length, count in enumerate(self.length_counts) if count), default=0)

    def length_at(self, share: float) -> int:
        """The length that `share` of the inputs do not exceed."""
        reached = np.searchsorted(np.cumsum(self.length_counts), share * self.rows)
        return min(int(reached), len(self.length_counts) - 1)

    @property
    def truncated_fraction(self) -> float:
        """Share of the inputs that were cut."""
        return self.truncated / max(self.rows, 1)

    def duplicates(self) -> int:
        """How many rows repeat another row's text."""
        hashes = np.sort(np.asarray(self.text_hashes))
        return int((hashes[1:] == hashes[:-1]).sum())

    @property
    def compared(self) -> str:
        """Which rows' texts were compared, where not all were."""
        return f" (in the first {MOST_COMPARED:,} rows)" if self.rows > MOST_COMPARED else ""

    def summary(self, name: str) -> str:
        """The line that says what was written of the split `name`."""
        return (
            f"{name}: {self.rows:,} rows, {self.mean_length:.1f} tokens on average, 95% up to {self.length_at(0.95)}, "
            f"longest {self.max_length}, {self.truncated_fraction:.1%} cut"
        )

    def warnings(self, name: str) -> list[str]:
        """What a user should know about the split `name`."""
        found = unknown_warning(f"{name}: ", "tokens", self.unknown_fraction)
        repeated = self.duplicates()
        if repeated:
            rows = "row repeats" if repeated == 1 else "rows repeat"
            found.append(f"{name}: {repeated} {rows} the text of another row{self.compared}")
        return found


class InputsStatistics(SplitStatistics):
    """Counts over rows of several inputs each; a row is as long as its longest input.

    Args:
      max_seq_length: the longest an input can be.
      special_tokens: how many each input has.

    Attributes:
      inputs: how many there are.
      input_tokens: tokens in all of them.
    """

    def __init__(self, max_seq_length: int, special_tokens: int):
        super().__init__(max_seq_length)
        self._special_tokens = special_tokens
        self.inputs = self.input_tokens = 0

    def add_inputs(self, inputs: Sequence[Sequence[int]], cut: bool, text: Hashable, unknown_id: int) -> None:
        """Counts one row.

        Args:
          inputs: the ids of each input.
          cut: whether one of them was cut.
          text: what makes the row the same as another.
          unknown_id: of [UNK].
        """
        self.add(max(map(len, inputs)), cut, text)
        self.inputs += len(inputs)
        self.input_tokens += sum(map(len, inputs))
        self.unknown_tokens += sum(list(ids).count(unknown_id) for ids in inputs)

    @property
    def unknown_fraction(self) -> float:
        """Share of [UNK] among the tokens that are not special."""
        return self.unknown_tokens / max(self.input_tokens - self._special_tokens * self.inputs, 1)


def unknown_warning(where: str, tokens: str, share: float) -> list[str]:
    """The warning of so large a share of [UNK] that something must be wrong; none of a smaller one."""
    if share <= _MOST_UNKNOWN:
        return []
    return [
        f"{where}{share:.1%} of the {tokens} are [UNK] (more than {_MOST_UNKNOWN:.0%}); does the vocabulary fit the language, "
        "and --do_lower_case the vocabulary?"
    ]


def overlap_warning(name: str, statistics: SplitStatistics, train: SplitStatistics) -> list[str]:
    """The warning that texts of the split `name` are also in the training data, where some are."""
    shared = int(np.isin(np.asarray(statistics.text_hashes), np.unique(np.asarray(train.text_hashes))).sum())
    if not shared:
        return []
    return [f"{name}: {shared} of {statistics.rows} rows have a text that is also in train; scores will look too good"]
