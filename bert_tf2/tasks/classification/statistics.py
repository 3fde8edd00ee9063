"""What is counted while records are written, and the warnings that follow from the counts."""

from array import array
from collections.abc import Sequence

import numpy as np

# Rows of each split whose texts are compared; 12 bytes a row, so memory stays bounded however long the file is.
MOST_COMPARED = 1_000_000
_MOST_UNKNOWN = 0.05


class SplitStatistics:
    """Counts over the examples of one split.

    Args:
      max_seq_length: the longest an input can be.
      label_names: the classes; empty for regression.
    """

    def __init__(self, max_seq_length: int, label_names: Sequence[str]):
        self.label_names = label_names
        self.label_ids = {name: id for id, name in enumerate(label_names)}
        self.rows = 0
        self.truncated = 0
        self.unknown_tokens = 0
        self.stripped_labels = 0
        self.empty_sides = 0
        self.pairs = 0
        self.label_counts = [0] * len(label_names)
        self.length_counts = [0] * (max_seq_length + 1)
        self.text_hashes = array("q")
        self.text_labels = array("i")

    @property
    def unknown_fraction(self) -> float:
        """Share of [UNK] among the tokens that are not [CLS] or [SEP]."""
        return self.unknown_tokens / max(self.tokens - 2 * self.rows, 1)

    @property
    def has_pairs(self) -> bool | None:
        """Whether the inputs are pairs; None where some are."""
        return bool(self.pairs) if self.pairs in (0, self.rows) else None

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
        return int(min(reached, len(self.length_counts) - 1))

    @property
    def truncated_fraction(self) -> float:
        """Share of the inputs that were cut."""
        return self.truncated / max(self.rows, 1)

    def present_labels(self) -> list[str]:
        """The labels that occur."""
        return [name for name, count in zip(self.label_names, self.label_counts) if count]

    def duplicates(self) -> tuple[int, int]:
        """How many rows repeat another row's text, and how many texts occur with different labels."""
        hashes, labels = np.asarray(self.text_hashes), np.asarray(self.text_labels)
        if not len(hashes):
            return 0, 0
        order = np.lexsort((labels, hashes))
        hashes, labels = hashes[order], labels[order]
        same_text = hashes[1:] == hashes[:-1]
        other_label = same_text & (labels[1:] != labels[:-1])
        return int(same_text.sum()), len(np.unique(hashes[1:][other_label]))


def split_warnings(name: str, statistics: SplitStatistics, labelled: bool) -> list[str]:
    """What a user should know about one split."""
    found = []
    if statistics.stripped_labels:
        found.append(f"{name}: {statistics.stripped_labels} labels had spaces around them; the spaces were removed")
    if statistics.empty_sides:
        found.append(f"{name}: {statistics.empty_sides} pairs have an empty text on one side")
    share = statistics.unknown_fraction
    if share > _MOST_UNKNOWN:
        found.append(
            f"{name}: {share:.1%} of the tokens are [UNK] (more than {_MOST_UNKNOWN:.0%}); does the vocabulary fit the "
            "language, and --do_lower_case the vocabulary?"
        )
    compared = " (in the first 1,000,000 rows)" if statistics.rows > MOST_COMPARED else ""
    repeated, contradictory = statistics.duplicates()
    if repeated:
        found.append(f"{name}: {repeated} {'row repeats' if repeated == 1 else 'rows repeat'} the text of another row{compared}")
    if labelled and statistics.label_names:
        if contradictory:
            found.append(f"{name}: {contradictory} texts occur with different labels{compared}")
        present = statistics.present_labels()
        if len(present) == 1 and name == "train":
            found.append(f"{name}: only the label '{present[0]}' occurs; a classifier cannot learn from one class")
    return found


def comparison_warnings(statistics: dict[str, SplitStatistics], labelled: dict[str, bool]) -> list[str]:
    """What a user should know about the splits beside each other."""
    train = statistics.get("train")
    if train is None:
        return []
    found = []
    train_texts = np.unique(np.asarray(train.text_hashes))
    for name, other in statistics.items():
        if other is train:
            continue
        shared = int(np.isin(np.asarray(other.text_hashes), train_texts).sum())
        if shared:
            found.append(f"{name}: {shared} of {other.rows} rows have a text that is also in train; scores will look too good")
        kinds = {False: "single texts", True: "pairs of texts"}
        if None not in (train.has_pairs, other.has_pairs) and train.has_pairs != other.has_pairs:
            found.append(f"{name}: {kinds[other.has_pairs]}, but train holds {kinds[train.has_pairs]}; give both alike")
        unseen = [label for label in other.present_labels() if label not in train.present_labels()] if labelled[name] else []
        if unseen:
            found.append(f"{name}: the label '{unseen[0]}'{_more(unseen)} never occurs in train")
    return found


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
