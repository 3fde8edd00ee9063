"""Sentences -> windows of word pieces, each with the tags of the words that it answers."""

import bisect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bert_tf2.tasks.tagging.features import NO_TAG
from bert_tf2.tasks.tagging.sentences import Sentence, joined
from bert_tf2.tasks.tagging.windows import cut
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.wordpiece import Memory


class Encoded(NamedTuple):
    """A sentence as records.

    Attributes:
      records: features of each window, by name; see `tagging_features`.
      pieces: how many there are without special tokens.
      unknown: how many of them are [UNK], those of words without pieces among them.
    """

    records: list[dict[str, Any]]
    pieces: int
    unknown: int


class SentenceEncoder:
    """Encodes sentences.

    A word's first piece has its tag. A word that gives no piece, such as white space or a lone format character, becomes [UNK],
    so that it has a tag like all others.

    Args:
      tokenizer: gives the pieces of each word by itself.
      max_seq_length: the most tokens of an input, special ones among them.
      label_ids: of each tag.
      continued: with `--label_all_tokens` the tag id that later pieces of a word have, by that of the first; None without.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_seq_length: int,
        label_ids: Mapping[str, int],
        continued: Sequence[int] | None = None,
    ):
        self._tokenizer = tokenizer
        self._room = max_seq_length - tokenizer.template.special_tokens
        self._label_ids, self._continued = label_ids, continued
        self._pieces = Memory(lambda word: tokenizer.encode_word(word) or [tokenizer.unk_id])

    def __call__(self, sentence: Sentence, number: int) -> Encoded:
        """The records of a sentence; `number` is its `sentence_id`."""
        pieces_of = list(map(self._pieces.__getitem__, sentence.words))
        starts = list(itertools.accumulate(map(len, pieces_of), initial=0))
        ids = list(itertools.chain.from_iterable(pieces_of))
        tags = self._tags(sentence, pieces_of, starts)
        text, begins, ends = sentence.text, sentence.starts, sentence.ends
        if text is None:
            text, begins, ends = joined(sentence.words)
        records: list[dict[str, Any]] = []
        template = self._tokenizer.template
        before, behind_all = [NO_TAG] * len(template.begin), [NO_TAG] * len(template.end)
        for window in cut(len(ids), self._room):
            first, behind = (bisect.bisect_left(starts, place, hi=len(pieces_of)) for place in (window.first, window.behind))
            # Of a word with more pieces than a window has room for, only the first piece is answered.
            if first == behind:
                continue
            shown = [tag if window.first <= place < window.behind else NO_TAG for place, tag in enumerate(tags)]
            length = window.end - window.begin + template.special_tokens
            record = {
                "input_ids": template.packed(ids[window.begin : window.end]),
                "input_mask": [1] * length,
                "segment_ids": template.segment_ids(length, length),
                "label_ids": [*before, *shown[window.begin : window.end], *behind_all],
                "sentence_id": number,
                "sub_sentence_id": len(records),
                "words": [word.encode() for word in sentence.words[first:behind]],
                "text": b"" if records else text.encode(),
                "word_begins": list(begins[first:behind]),
                "word_ends": list(ends[first:behind]),
            }
            if self._continued is not None:
                answered = {place - window.begin + len(before) for place in starts[first:behind]}
                record["word_starts"] = [int(place in answered) for place in range(length)]
            records.append(record)
        return Encoded(records, len(ids), ids.count(self._tokenizer.unk_id))

    def _tags(self, sentence: Sentence, pieces_of: list[list[int]], starts: list[int]) -> list[int]:
        """The tag id of each piece."""
        tags = [NO_TAG] * starts[-1]
        for word, (pieces, start) in enumerate(zip(pieces_of, starts)):
            tags[start] = tag = self._label_ids[sentence.tags[word]] if sentence.tags is not None else 0
            if self._continued is not None:
                tags[start + 1 : start + len(pieces)] = [self._continued[tag]] * (len(pieces) - 1)
        return tags


def continuations(labels: Sequence[str]) -> list[int]:
    """The tag id of the later pieces of a word by that of its first piece: I for B, the same for all others."""
    ids = {label: id for id, label in enumerate(labels)}
    return [ids.get(f"I{label[1:]}", id) if label[:2] in ("B", "B-") else id for id, label in enumerate(labels)]
