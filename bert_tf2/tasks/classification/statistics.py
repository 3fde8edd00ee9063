"""What is counted of texts with labels while their records are written, and the warnings that follow from the counts."""

import dataclasses
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2.tasks.classification.long_texts.rule import TRUNCATED, LongText
from bert_tf2.tasks.statistics import SplitStatistics, overlap_warning

_MOST_SHOWN = 20
# Share of all tokens; a few cut texts of a thousand change no result.
_WORTH_TELLING = 0.01


@dataclasses.dataclass
class WindowCounts:
    """Counts over the windows of all texts.

    Attributes:
      number: how many there are.
      most: of one text.
      tokens: in all of them, without the special ones.
      text_tokens: of the texts, those that stand in several windows once.
    """

    number: int = 0
    most: int = 0
    tokens: int = 0
    text_tokens: int = 0

    def add(self, windows: Sequence[Sequence[int]], special_tokens: int, text_tokens: int) -> None:
        """Counts those of one text, by their ids and the number of tokens that it has."""
        self.text_tokens += text_tokens
        self.number += len(windows)
        self.most = max(self.most, len(windows))
        self.tokens += sum(map(len, windows)) - special_tokens * len(windows)


class LabelStatistics(SplitStatistics):
    """Counts over the examples of one split.

    Args:
      max_seq_length: the longest an input can be.
      label_names: the classes; empty for regression.
      rule: what happens to long texts.

    Attributes:
      windows: of the texts; nothing of texts without.
      lost_tokens: those that stand in no input.
      special_tokens: how many an input of one text has, and one of two.
      unlabelled: why its labels are not read, if they are not; such rows get the label 0.
      text_labels: of the rows of `text_hashes`.
    """

    def __init__(self, max_seq_length: int, label_names: Sequence[str], rule: LongText = TRUNCATED):
        super().__init__(max_seq_length)
        self._max_seq_length, self._rule = max_seq_length, rule
        self.windows, self.lost_tokens = WindowCounts(), 0
        self.special_tokens = 2, 3
        self.label_names = label_names
        self.label_ids = {name: id for id, name in enumerate(label_names)}
        self.unlabelled: str | None = None
        self.stripped_labels = 0
        self.empty_sides = 0
        self.pairs = 0
        self.label_counts = [0] * len(label_names)
        self.text_labels = array("i")

    @property
    def labelled(self) -> bool:
        """Whether the labels are read."""
        return self.unlabelled is None

    @property
    def unknown_fraction(self) -> float:
        """As there; tokens in two windows count twice."""
        return self.unknown_tokens / max(self.windows.tokens, 1) if self._rule.has_windows else super().unknown_fraction

    @property
    def lost_fraction(self) -> float:
        """Share of the texts' tokens that stand in no input."""
        if self._rule.has_windows:
            return self.lost_tokens / max(self.windows.text_tokens, 1)
        alone, both = self.special_tokens
        kept = self.tokens - alone * self.rows - (both - alone) * (self.pairs - self.empty_sides)
        return self.lost_tokens / max(self.lost_tokens + kept, 1)

    def summary(self, name: str) -> str:
        """As there, with what was cut of long texts, and their windows."""
        told = super().summary(name)
        if self.lost_tokens:
            told += f" ({self.lost_fraction:.1%} of all tokens)"
        if self._rule.has_windows:
            windows = self.windows
            told += f", {windows.number / max(self.rows, 1):.1f} windows on average, at most {windows.most}"
        return told

    def _cut(self, name: str) -> list[str]:
        """What cutting texts costs, where it costs something."""
        if self.lost_fraction < _WORTH_TELLING and not (self.lost_tokens and self._rule.has_windows):
            return []
        cut = f"{name}: {self.truncated:,} of {self.rows:,} texts were cut to"
        lost = f"{self.lost_tokens:,} tokens ({self.lost_fraction:.1%} of all) are lost"
        if self._rule.has_windows:
            return [f"{cut} --max_windows={self._rule.max_windows}: {lost}; raise it to keep them"]
        return [f"{cut} --max_seq_length={self._max_seq_length}: {lost}; {self._keeping()}"]

    def _keeping(self) -> str:
        """What keeps all tokens, for a warning."""
        return "--long_text=windows keeps them"

    @property
    def has_pairs(self) -> bool | None:
        """Whether the inputs are pairs; None where some are."""
        return bool(self.pairs) if self.pairs in (0, self.rows) else None

    def count_labels(self, labels: Sequence[Any], compared: int) -> None:
        """Counts what records hold as labels.

        Args:
          labels: ids of classes; numbers, of which nothing is counted, where there are no names.
          compared: of how many of them, the first, the texts are compared.
        """
        if not self.labelled or not self.label_names:
            self.text_labels.extend([0] * compared)
            return
        label_counts = self.label_counts
        for label in labels:
            label_counts[label] += 1
        self.text_labels.extend(labels[:compared])

    def present_labels(self) -> list[str]:
        """The labels that occur."""
        return [name for name, count in zip(self.label_names, self.label_counts) if count]

    def contradictions(self) -> int:
        """How many texts occur with different labels."""
        hashes, labels = np.asarray(self.text_hashes), np.asarray(self.text_labels)
        order = np.lexsort((labels, hashes))
        hashes, labels = hashes[order], labels[order]
        other_label = (hashes[1:] == hashes[:-1]) & (labels[1:] != labels[:-1])
        return len(np.unique(hashes[1:][other_label]))

    def warnings(self, name: str) -> list[str]:
        """What a user should know about the split `name`."""
        found = []
        if self.unlabelled:
            found.append(f"{name}: {self.unlabelled}: taken as unlabelled, to predict")
        if self.stripped_labels:
            found.append(f"{name}: {self.stripped_labels} labels had spaces around them; the spaces were removed")
        if self.empty_sides:
            found.append(f"{name}: {self.empty_sides} pairs have an empty text on one side")
        found += self._cut(name)
        found += super().warnings(name)
        if self.labelled and self.label_names:
            contradictory = self.contradictions()
            if contradictory:
                found.append(f"{name}: {contradictory} texts occur with different labels{self.compared}")
            if name == "train":
                found += self._lacking()
        return found

    def _lacking(self) -> list[str]:
        """What cannot be learned from such training data."""
        present = self.present_labels()
        if len(present) > 1:
            return []
        return [f"train: only the label '{present[0]}' occurs; a classifier cannot learn from one class"]

    def histogram(self) -> str:
        """How often each label occurs."""
        pairs = list(zip(self.label_names, self.label_counts))
        shown = ", ".join(f"{name} {count:,} ({count / max(self.rows, 1):.1%})" for name, count in pairs[:_MOST_SHOWN])
        return shown + (f", … ({len(pairs)} labels)" if len(pairs) > _MOST_SHOWN else "")


class LabelSetStatistics(LabelStatistics):
    """As `LabelStatistics`, where a text has any number of labels.

    Attributes:
      without: rows without any label.
    """

    def __init__(self, max_seq_length: int, label_names: Sequence[str], rule: LongText = TRUNCATED):
        super().__init__(max_seq_length, label_names, rule)
        self.without = 0

    def count_labels(self, labels: Sequence[Any], compared: int) -> None:
        """As there; a label is 1 or 0 for each name."""
        self.text_labels.extend(hash(label) & 0x7FFFFFFF for label in labels[:compared])
        if not self.labelled or not labels:
            return
        chosen = np.frombuffer(b"".join(labels), np.uint8).reshape(len(labels), -1)
        self.label_counts = [count + int(more) for count, more in zip(self.label_counts, chosen.sum(axis=0, dtype=np.int64))]
        self.without += int((~chosen.any(axis=1)).sum())

    def _lacking(self) -> list[str]:
        absent = [name for name, count in zip(self.label_names, self.label_counts) if not count]
        always = [name for name, count in zip(self.label_names, self.label_counts) if count == self.rows]
        found = [f"train: no row has the label '{absent[0]}'{_more(absent)}, which cannot be learned"] if absent else []
        return [*found, *([f"train: every row has the label '{always[0]}'{_more(always)}, so it says nothing"] if always else [])]

    def histogram(self) -> str:
        """How often each label occurs, and how many a row has."""
        mean = sum(self.label_counts) / max(self.rows, 1)
        return f"{super().histogram()}; {mean:.2f} in a row, {self.without:,} rows without any"


def comparison_warnings(statistics: dict[str, LabelStatistics]) -> list[str]:
    """What a user should know about the splits beside each other."""
    train = statistics.get("train")
    if train is None:
        return []
    found = []
    for name, other in statistics.items():
        if other is train:
            continue
        found += overlap_warning(name, other, train)
        kinds = {False: "single texts", True: "pairs of texts"}
        if None not in (train.has_pairs, other.has_pairs) and train.has_pairs != other.has_pairs:
            found.append(
                f"{name}: {kinds[bool(other.has_pairs)]}, but train holds {kinds[bool(train.has_pairs)]}; give both alike"
            )
        unseen = [label for label in other.present_labels() if label not in train.present_labels()] if other.labelled else []
        if unseen:
            found.append(f"{name}: the label '{unseen[0]}'{_more(unseen)} never occurs in train")
    return found


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
