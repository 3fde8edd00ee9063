"""What is counted while sentences become records, and the warnings that follow from the counts."""

import collections
from collections.abc import Sequence

from bert_tf2.tasks.statistics import SplitStatistics, overlap_warning
from bert_tf2.tasks.tagging.encoding import Encoded
from bert_tf2.tasks.tagging.schemes import OUTSIDE
from bert_tf2.tasks.tagging.scores import entities
from bert_tf2.tasks.tagging.sentences import Sentence


class TaggingStatistics(SplitStatistics):
    """Counts over the sentences of one split; nothing of them is cut off.

    Attributes:
      labelled: the sentences have tags.
      unlabelled_because: why tags that stand there are not taken for such.
      words, pieces: how many there are.
      divided: sentences in more than one window.
      tags: how often each occurs.
      entities: how often each type occurs.
    """

    def __init__(self, max_seq_length: int):
        super().__init__(max_seq_length)
        self.labelled, self.unlabelled_because = True, ""
        self.words = self.pieces = self.divided = 0
        self.tags: collections.Counter[str] = collections.Counter()
        self.entities: collections.Counter[str] = collections.Counter()

    @property
    def unknown_fraction(self) -> float:
        """Share of [UNK] among the pieces of words."""
        return self.unknown_tokens / max(self.pieces, 1)

    def add_sentence(self, sentence: Sentence, encoded: Encoded, has_entities: bool) -> None:
        """Counts a sentence that was written."""
        longest = max(len(record["input_ids"]) for record in encoded.records)
        self.add(longest, False, tuple(sentence.words))
        self.words += len(sentence.words)
        self.pieces += encoded.pieces
        self.divided += len(encoded.records) > 1
        self.unknown_tokens += encoded.unknown
        if sentence.tags is not None:
            self.tags.update(sentence.tags)
            if has_entities:
                self.entities.update(kind for kind, _, _ in entities(sentence.tags))

    def lines(self, name: str, records: int) -> list[str]:
        """What was written of the split `name`, in so many records."""
        mean = self.pieces / max(self.rows, 1)
        first = f"{name}: {self.rows:,} sentences, {self.words:,} words, {self.pieces:,} pieces ({mean:.1f} a sentence)"
        if self.divided:
            first += f"; {self.divided:,} of them in several windows, {records:,} records in all"
        if not self.labelled:
            return [first, "  no tags: to predict"]
        shown = self.entities or self.tags
        counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(shown.items()))
        return [first, f"  {'entities' if self.entities else 'tags'}: {counts}"]

    def warnings(self, name: str) -> list[str]:
        """What a user should know about the split `name`."""
        found = super().warnings(name)
        if self.unlabelled_because:
            found.append(f"{name}: {self.unlabelled_because}: taken as without tags, to predict")
        if self.labelled and set(self.tags) == {OUTSIDE} and name != "train":
            found.append(f"{name}: no word has another tag than 'O'; entities cannot be scored")
        return found


def comparison_warnings(counts: dict[str, TaggingStatistics], labels: Sequence[str]) -> list[str]:
    """What a user should know about the splits beside each other."""
    train = counts.get("train")
    if train is None:
        return []
    found = []
    for name, other in counts.items():
        if other is train:
            continue
        found += overlap_warning(name, other, train)
        unseen = sorted(other.entities.keys() - train.entities.keys())
        if not train.entities:
            unseen = [tag for tag in labels if other.tags[tag] and not train.tags[tag]]
        if unseen and other.labelled:
            more = f" (and {len(unseen) - 1} more)" if len(unseen) > 1 else ""
            found.append(f"{name}: '{unseen[0]}'{more} never occurs in train")
    return found
