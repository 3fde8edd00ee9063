"""What every tokenizer offers, and how one is made from a job's options."""

import re
from typing import Protocol

from bert_tf2.errors import UserError
from bert_tf2.text.vocabulary import MASK


class Tokenizer(Protocol):
    """Text -> ids. The special ids belong to [PAD], [CLS], [SEP] and [UNK] (`<pad>`, `<unk>` in SentencePiece models)."""

    kind: str
    file: str
    do_lower_case: bool
    vocab_size: int
    pad_id: int
    cls_id: int
    sep_id: int
    unk_id: int

    @property
    def fingerprint(self) -> str:
        """Identifies the vocabulary: SHA-256 in hexadecimal."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]; a new list."""

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without [CLS] and [SEP]."""

    def id_to_token(self, id: int) -> str:
        """The token with this id."""


def load_tokenizer(
    *,
    vocab_file: str | None = None,
    sp_model_file: str | None = None,
    tokenization: str = "WordPiece",
    do_lower_case: bool = True,
) -> Tokenizer:
    """Loads the tokenizer that the options ask for.

    Args:
      vocab_file: WordPiece vocabulary, one token a line.
      sp_model_file: SentencePiece model.
      tokenization: `WordPiece` or `SentencePiece`, without regard to case.
      do_lower_case: lower-case the text and strip its accents, for uncased models.

    Raises:
      UserError: the file that belongs to `tokenization` is not given, or cannot be used.
    """
    kind = tokenization.lower()
    if kind == "wordpiece":
        if not vocab_file:
            raise UserError("--tokenization=WordPiece needs --vocab_file=path/to/vocab.txt")
        from bert_tf2.text.wordpiece import WordPieceTokenizer

        return WordPieceTokenizer(vocab_file, do_lower_case)
    if kind == "sentencepiece":
        if not sp_model_file:
            raise UserError("--tokenization=SentencePiece needs --sp_model_file=path/to/spiece.model")
        from bert_tf2.text.sentencepiece import SentencePieceTokenizer

        return SentencePieceTokenizer(sp_model_file, do_lower_case)
    raise UserError(f"--tokenization must be WordPiece or SentencePiece; got '{tokenization}'")


def casing_warning(tokenizer: Tokenizer) -> str | None:
    """One line of advice when `do_lower_case` does not fit the vocabulary, else None.

    A vocabulary counts as cased when more than one in a hundred of its entries with letters has an upper-case letter, special
    tokens such as `[CLS]` and `<S>` left aside.
    """
    entries = [tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size)]
    special = re.compile(r"\[.+\]|<.+>").fullmatch
    entries = [entry for entry in entries if not special(entry) and entry.lower() != entry.upper()]
    if not entries:
        return None
    cased = sum(entry != entry.lower() for entry in entries) > len(entries) / 100
    if cased and tokenizer.do_lower_case:
        return f"{tokenizer.file} is a cased vocabulary, but the text is lower-cased; set --nodo_lower_case"
    if not cased and not tokenizer.do_lower_case:
        return f"{tokenizer.file} is an uncased vocabulary, but the text keeps its capitals; set --do_lower_case"
    return None


def mask_id_of(tokenizer: Tokenizer) -> int:
    """The id of [MASK].

    Raises:
      UserError: the vocabulary lacks it.
    """
    for id in range(tokenizer.vocab_size):
        if tokenizer.id_to_token(id) == MASK:
            return id
    raise UserError(
        f"{tokenizer.file} lacks {MASK} ({tokenizer.vocab_size} tokens read), which pre-training puts in the place of tokens to "
        "predict; give the vocabulary that was published with the checkpoint"
    )
