"""What is counted while sentences become records, and the warnings that follow from the counts."""

import collections
import hashlib
from collections.abc import Sequence

from bert_tf2.tasks.tagging.encoding import Encoded
from bert_tf2.tasks.tagging.schemes import OUTSIDE
from bert_tf2.tasks.tagging.scores import entities
from bert_tf2.tasks.tagging.sentences import Sentence

_MOST_UNKNOWN = 0.05
_MOST_COMPARED = 1_000_000


class TaggingStatistics:
    """Counts over the sentences of one split.

    Attributes:
      labelled: the sentences have tags.
      unlabelled_because: why tags that stand there are not taken for such.
      sentences, records, words, pieces: how many there are.
      cut: sentences in more than one window.
      unknown: pieces that are [UNK].
      tags: how often each occurs.
      entities: how often each type occurs.
    """

    def __init__(self) -> None:
        self.labelled = True
        self.unlabelled_because = ""
        self.sentences = self.records = self.words = self.pieces = self.cut = self.unknown = 0
        self.tags: collections.Counter[str] = collections.Counter()
        self.entities: collections.Counter[str] = collections.Counter()
        self.hashes: set[bytes] = set()
        self.repeated = 0

    def add(self, sentence: Sentence, encoded: Encoded, has_entities: bool) -> None:
        """Counts a sentence that was written."""
        self.sentences += 1
        self.records += len(encoded.records)
        self.words += len(sentence.words)
        self.pieces += encoded.pieces
        self.cut += len(encoded.records) > 1
        self.unknown += encoded.unknown
        if sentence.tags is not None:
            self.tags.update(sentence.tags)
            if has_entities:
                self.entities.update(kind for kind, _, _ in entities(sentence.tags))
        digest = hashlib.blake2b("\n".join(sentence.words).encode(), digest_size=8).digest()
        self.repeated += digest in self.hashes
        if len(self.hashes) < _MOST_COMPARED:
            self.hashes.add(digest)

    def summary(self, name: str) -> list[str]:
        """Lines that say what was written."""
        mean = self.pieces / max(self.sentences, 1)
        line = f"{name}: {self.sentences:,} sentences, {self.words:,} words, {self.pieces:,} tokens ({mean:.1f} a sentence)"
        if self.cut:
            line += f"; {self.cut:,} longer sentences are in several windows, {self.records:,} records in all"
        lines = [line]
        if not self.labelled:
            return [*lines, "  without tags, to predict"]
        shown = self.entities or self.tags
        if shown:
            counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(shown.items()))
            lines.append(f"  {'entities' if self.entities else 'tags'}: {counts}")
        return lines


def split_warnings(name: str, counts: TaggingStatistics) -> list[str]:
    """What a user should know about one split."""
    found = []
    if counts.unlabelled_because:
        found.append(f"{name}: {counts.unlabelled_because}: taken as without tags, to predict")
    share = counts.unknown / max(counts.pieces, 1)
    if share > _MOST_UNKNOWN:
        found.append(
            f"{name}: {share:.1%} of the tokens are [UNK] (more than {_MOST_UNKNOWN:.0%}); does the vocabulary fit the "
            "language, and --do_lower_case the vocabulary?"
        )
    if counts.repeated:
        found.append(f"{name}: {counts.repeated:,} sentences repeat another")
    if counts.labelled and set(counts.tags) == {OUTSIDE} and name != "train":
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
        shared = len(other.hashes & train.hashes)
        if shared:
            found.append(f"{name}: {shared:,} of {other.sentences:,} sentences are also in train; scores will look too good")
        unseen = [kind for kind in sorted(other.entities) if kind not in train.entities]
        unseen = unseen or [tag for tag in labels if other.tags[tag] and not train.tags[tag]] if not train.entities else unseen
        if unseen:
            more = f" (and {len(unseen) - 1} more)" if len(unseen) > 1 else ""
            found.append(f"{name}: '{unseen[0]}'{more} never occurs in train")
    return found
