"""Tokens added to a WordPiece vocabulary or taken out of it, and which rows of an embedding table belong to them then."""

import collections
import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence

from bert_tf2.errors import UserError
from bert_tf2.text.normalization import basic_tokens
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, PADDING, SEPARATOR, UNKNOWN, Vocabulary
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer

_SPECIAL = (PADDING, UNKNOWN, CLASSIFICATION, SEPARATOR, MASK)
_UNUSED = re.compile(r"\[unused\d+\]")


@dataclasses.dataclass(frozen=True)
class VocabularyChange:
    """A vocabulary made of another.

    Attributes:
      tokenizer: of the new vocabulary.
      rows: for each id of the new table the former ids whose rows its row is made of, as their mean: one for what stays.
      added: what was added, with the tokens that it was spelled with before.
      reused: how many of them have the place of an `[unusedN]`.
    """

    tokenizer: WordPieceTokenizer
    rows: tuple[tuple[int, ...], ...]
    added: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    reused: int = 0


def add_tokens(
    tokenizer: WordPieceTokenizer,
    words: Sequence[str],
    kept_whole: Sequence[str] = (),
    *,
    use_unused: bool = False,
    table_rows: int = 0,
) -> VocabularyChange:
    """Adds tokens.

    Words that the tokenizer would cut at a sign, such as `[E1]`, are never split from then on.

    Args:
      tokenizer: of the vocabulary.
      words: none of them in it.
      kept_whole: words that are never split from then on; they are added unless they are there.
      use_unused: whether free `[unusedN]` are given up for them, as far as they reach.
      table_rows: of the embedding table, which may have more than there are tokens; its free rows are taken next.

    Raises:
      UserError: a word is there, or can never come out of a text.
    """
    there, normalization = tokenizer.vocabulary, tokenizer.normalization
    for word in words:
        if word in there:
            raise UserError(f"--add_tokens: '{word}' is in {tokenizer.file} already (id {there[word]}); leave it out")
    whole = [*kept_whole, *(word for word in words if _must_be_whole(tokenizer, word))]
    new = list(dict.fromkeys([*words, *(word for word in kept_whole if word not in there)]))
    lines = list(tokenizer.source.lines)
    held = {*kept_whole, *normalization.never_split}
    free = [id for id, line in enumerate(lines) if _UNUSED.fullmatch(line) and line not in held] if use_unused else []
    before = {word: tokenizer.encode(word) or [tokenizer.unk_id] for word in new}
    rows: list[tuple[int, ...]] = [(id,) for id in range(max(len(lines), table_rows))]
    for word, id in zip(new, [*free, *range(len(lines), len(lines) + len(new))]):
        if id < len(lines):
            lines[id] = word
        else:
            lines.append(word)
        rows[id : id + 1] = [tuple(before[word])]
    return VocabularyChange(
        WordPieceTokenizer(
            Vocabulary(tokenizer.file, tuple(lines)),
            dataclasses.replace(normalization, never_split=(*normalization.never_split, *whole)),
        ),
        tuple(rows),
        {word: [tokenizer.id_to_token(id) for id in ids] for word, ids in before.items()},
        min(len(free), len(new)),
    )


def _must_be_whole(tokenizer: WordPieceTokenizer, word: str) -> bool:
    """Whether a word comes out of a text only if it is never split.

    Raises:
      UserError: it would come out as another word, or is a piece that goes on a word.
    """
    if word.startswith("##"):
        raise UserError(f"--add_tokens: '{word}' is a piece of a word; add whole words")
    found = basic_tokens(word, tokenizer.normalization)
    if len(found) == 1 and found[0] != word:
        raise UserError(
            f"--add_tokens: '{word}' is '{found[0]}' when it is looked up, as the text is lower-cased or loses its accents; "
            f"add that, or give --keep_tokens={word} to keep it as it is written"
        )
    return found != [word]


def trim(
    tokenizer: WordPieceTokenizer,
    counts: collections.Counter[str],
    *,
    min_count: int = 1,
    keep_characters: bool = True,
    kept: Collection[str] = (),
) -> VocabularyChange:
    """Leaves the tokens that a text needs, in their order.

    With `min_count` 1 every word has the same tokens as before: the longest match among all tokens is the longest among fewer,
    if it is one of them. What a word matched before nothing went on stays too, for without it another spelling could be found.

    Args:
      tokenizer: of the vocabulary.
      counts: how often each word stands in the text, by `vocabulary_training.count_words` with the tokenizer's normalization.
      min_count: tokens that occur less often are left out.
      keep_characters: whether single characters stay, at the beginning of a word and inside, so that new words can be spelled.
      kept: other tokens that stay. Special tokens always do, and so does what is never split.

    Raises:
      UserError: one of `kept` is not there.
    """
    vocabulary = tokenizer.vocabulary
    if absent := [token for token in kept if token not in vocabulary]:
        raise UserError(f"--keep_tokens: '{absent[0]}' is not in {tokenizer.file}")
    times: collections.Counter[int] = collections.Counter()
    for word, count in counts.items():
        for id in _matched(tokenizer, word):
            times[id] += count
    always = {*_SPECIAL, *kept, *tokenizer.normalization.never_split}
    staying = [
        (token, id)
        for token, id in vocabulary.items()
        if times[id] >= min_count or token in always or (keep_characters and len(token.removeprefix("##")) == 1)
    ]
    return VocabularyChange(
        WordPieceTokenizer(Vocabulary(tokenizer.file, tuple(token for token, _ in staying)), tokenizer.normalization),
        tuple((id,) for _, id in staying),
    )


def _matched(tokenizer: WordPieceTokenizer, word: str) -> Iterator[int]:
    """The ids of a word's tokens; of one that cannot be spelled those that match its beginning."""
    ids = tokenizer.word_or_whole_ids(word)
    if ids != [tokenizer.unk_id] or len(word) > MAX_CHARACTERS_PER_WORD or word in tokenizer.normalization.never_split:
        yield from ids
        return
    rest, signs = word, 0
    while end := next((end for end in range(len(rest), signs, -1) if rest[:end] in tokenizer.vocabulary), 0):
        yield tokenizer.vocabulary[rest[:end]]
        rest, signs = "##" + rest[end:], 2
