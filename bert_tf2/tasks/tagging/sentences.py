"""Sentences: words and their tags, as every form of file gives them."""

import dataclasses
import itertools
from collections.abc import Sequence

from bert_tf2.text.normalization import is_cjk


@dataclasses.dataclass(frozen=True)
class Sentence:
    """The words of a sentence.

    Attributes:
      words: any texts, also empty ones.
      tags: one for each word; None where the file has none.
      path: of the file.
      lines: the line of each word, or one for all; `row 7` where there are no lines.
      text: what the words stand in; None where only they are known.
      starts, ends: `text[starts[i]:ends[i]]` is word i, in code points; empty without a text.
    """

    words: Sequence[str]
    tags: Sequence[str] | None
    path: str
    lines: Sequence[int | str]
    text: str | None = None
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()

    def where(self, word: int = 0) -> str:
        """`file:line` of a word."""
        return f"{self.path}:{self.lines[word if len(self.lines) > 1 else 0]}"


def joined(words: Sequence[str]) -> tuple[str, list[int], list[int]]:
    """A text of the words, and where each begins and ends in it: a space between two, but none between two ideographs."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    length = 0
    for before, word in itertools.pairwise(("", *words)):
        if starts and not (before and word and is_cjk(before[-1]) and is_cjk(word[0])):
            parts.append(" ")
            length += 1
        starts.append(length)
        parts.append(word)
        length += len(word)
        ends.append(length)
    return "".join(parts), starts, ends
