"""How well a vocabulary covers a text, and how two vocabularies differ."""

import dataclasses
from collections.abc import Iterable, Sequence

from bert_tf2.progress import during
from bert_tf2.text.normalization import Normalization, basic_tokens
from bert_tf2.text.tokenizer import Tokenizer

_AS_WRITTEN = Normalization(do_lower_case=False)


@dataclasses.dataclass(frozen=True)
class Coverage:
    """What a tokenizer makes of a text.

    Attributes:
      words: words and punctuation marks as BERT's basic tokenizer finds them; the same number for every tokenizer.
      tokens: without special ones.
      unknown: those of them that are [UNK].
    """

    words: int
    tokens: int
    unknown: int

    @property
    def pieces_per_word(self) -> float:
        """How many tokens a word has; 0 where there is none."""
        return self.tokens / self.words if self.words else 0.0

    @property
    def unknown_share(self) -> float:
        """The share of [UNK] among the tokens."""
        return self.unknown / self.tokens if self.tokens else 0.0


@during("measuring the vocabulary")
def measure(tokenizers: Sequence[Tokenizer], texts: Iterable[str]) -> list[Coverage]:
    """What each tokenizer makes of the same texts, in one pass through them."""
    words, tokens, unknown = 0, [0] * len(tokenizers), [0] * len(tokenizers)
    for text in texts:
        words += len(basic_tokens(text, _AS_WRITTEN))
        for index, tokenizer in enumerate(tokenizers):
            ids = tokenizer.encode(text)
            tokens[index] += len(ids)
            unknown[index] += ids.count(tokenizer.unk_id)
    return [Coverage(words, *counted) for counted in zip(tokens, unknown)]


@dataclasses.dataclass(frozen=True)
class Difference:
    """How the tokens of two vocabularies differ.

    Attributes:
      sizes: the number of ids of each.
      shared: how many tokens are in both.
      moved: those that are in both and have another id in each, in the order of the first one's.
      only: those that are in one alone, for each in the order of its ids.
    """

    sizes: tuple[int, int]
    shared: int
    moved: tuple[str, ...]
    only: tuple[tuple[str, ...], tuple[str, ...]]


def difference(one: Tokenizer, other: Tokenizer) -> Difference:
    """Compares tokens as they are spelled in each: a `##ing` and an `ing` are two."""
    first, second = _ids(one), _ids(other)
    moved = tuple(token for token, id in first.items() if second.get(token, id) != id)
    only = tuple(token for token in first if token not in second), tuple(token for token in second if token not in first)
    return Difference((one.vocab_size, other.vocab_size), len(first) - len(only[0]), moved, only)


def _ids(tokenizer: Tokenizer) -> dict[str, int]:
    """The ids of the tokens that have a name: that of others holds a space."""
    tokens = ((tokenizer.id_to_token(id), id) for id in range(tokenizer.vocab_size))
    return {token: id for token, id in tokens if not token.startswith(" ")}
