"""Which ids the trained vectors of patterns have: those of tokens of a vocabulary that stand for nothing, [unusedN].

So they are rows of the model's table of words like any other, and records, checkpoints and exports know nothing of them.
"""

import re
from collections.abc import Sequence
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.prompting.prompts import Prompts
from bert_tf2.text.wordpiece import WordPieceTokenizer

PlacedVectors = tuple[tuple[tuple[tuple[int, int | None], ...], ...], ...]
"""By pattern and by place in it: the vectors' ids, each with that of the word which it begins as; None for none."""

_FREE = re.compile(r"\[unused(\d+)\]")


def placed_vectors(prompts: Prompts, tokenizer: Any, named: str) -> PlacedVectors:
    """Gives every vector of every pattern an id of its own.

    Args:
      prompts: patterns.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      named: the flag that names them, for messages.

    Returns:
      Nothing where no pattern has vectors.

    Raises:
      UserError: the vocabulary has too few free tokens, or lacks a word that vectors are to begin as.
    """
    beginnings = [[_beginnings(one, tokenizer, named) for one in of_pattern] for of_pattern in prompts.vectors()]
    needed = sum(len(ids) for of_pattern in beginnings for ids in of_pattern)
    if not needed:
        return ()
    free = free_ids(tokenizer)
    if len(free) < needed:
        raise UserError(
            f"{named}: the patterns hold {needed} vectors, and {tokenizer.file} has {len(free) or 'no'} free tokens ([unusedN]) "
            "to stand for them, which WordPiece vocabularies of BERT have; write fewer, or take another vocabulary"
        )
    ids = iter(free)
    return tuple(tuple(tuple((next(ids), word) for word in words) for words in of_pattern) for of_pattern in beginnings)


def free_ids(tokenizer: Any) -> list[int]:
    """The ids that no text has, in the order of N; none of vocabularies other than WordPiece."""
    if not isinstance(tokenizer, WordPieceTokenizer):
        return []
    kept = set(tokenizer.normalization.never_split)
    found = {token: _FREE.fullmatch(token) for token in tokenizer.vocabulary if token not in kept}
    numbers = {token: int(match.group(1)) for token, match in found.items() if match}
    return [tokenizer.vocabulary[token] for token in sorted(numbers, key=lambda token: numbers[token])]


def _beginnings(vectors: Any, tokenizer: Any, named: str) -> Sequence[int | None]:
    if vectors.words is None:
        return [None] * vectors.number
    ids = tokenizer.encode(vectors.words)
    if not ids or tokenizer.unk_id in ids:
        raise UserError(
            f"{named}: [P:{vectors.words}] begins as words that {tokenizer.file} has, and these are none "
            f"({' '.join(map(tokenizer.id_to_token, ids)) or 'nothing is left of them'}); take others, or [P]"
        )
    return list(ids)


def read_vectors(told: Any, prompts: Prompts) -> PlacedVectors:
    """What metadata say of vectors.

    Raises:
      TypeError, ValueError: it is not what was written, or not of these patterns.
    """
    found = tuple(
        tuple(tuple((int(id), None if word is None else int(word)) for id, word in of_place) for of_place in of_pattern)
        for of_pattern in told or ()
    )
    places = [len(of_pattern) for of_pattern in prompts.vectors()]
    if [len(of_pattern) for of_pattern in found] != (places if any(places) else []):
        raise ValueError("its vectors are not those of the patterns")
    return found
