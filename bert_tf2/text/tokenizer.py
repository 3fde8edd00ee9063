"""What every tokenizer offers, and how one is made from a job's options."""

import dataclasses
import re
from typing import Any, Protocol

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.text import tokenizer_config
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer_config import read_beside
from bert_tf2.text.vocabulary import MASK, load_vocabulary


class Tokenizer(Protocol):
    """Text -> ids. The special ids belong to [PAD], [CLS], [SEP] and [UNK] (`<pad>`, `<unk>` in SentencePiece models)."""

    kind: str
    file: str
    notices: tuple[str, ...]
    normalization: Normalization
    do_lower_case: bool
    vocab_size: int
    pad_id: int
    cls_id: int
    sep_id: int
    unk_id: int

    @property
    def fingerprint(self) -> str:
        """Identifies the vocabulary: SHA-256 in hexadecimal."""

    def vocabulary_file(self) -> bytes:
        """The content of a file that gives the vocabulary back."""

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
    do_lower_case: bool | None = None,
    strip_accents: bool | None = None,
    normalization: Normalization | None = None,
) -> Tokenizer:
    """Loads the tokenizer that the options ask for.

    How text is prepared is what `normalization` says, which data had that were made before. Without it `do_lower_case` and
    `strip_accents` decide, where they are None the tokenizer_config.json beside the vocabulary, then the vocabulary itself if it
    is a tokenizer.json, and at last Google's defaults: lower case, and accents stripped where there is lower case.

    Args:
      vocab_file: WordPiece vocabulary: a vocab.txt, a tokenizer.json or a folder with one of them.
      sp_model_file: SentencePiece model.
      tokenization: `WordPiece` or `SentencePiece`, without regard to case.
      do_lower_case: lower-case the text, for uncased models.
      strip_accents: strip the accents of letters.
      normalization: instead of both.

    Returns:
      The tokenizer. `warnings_of` says what of this a user should know.

    Raises:
      UserError: the file that belongs to `tokenization` is not given, or cannot be used.
    """
    given = {"do_lower_case": do_lower_case, "strip_accents": strip_accents}
    flags = {name: value for name, value in given.items() if value is not None}
    tokenizer: Tokenizer
    kind = tokenization.lower()
    if kind == "wordpiece":
        if not vocab_file:
            raise UserError("--tokenization=WordPiece needs --vocab_file=path/to/vocab.txt")
        from bert_tf2.text.wordpiece import WordPieceTokenizer

        vocabulary = load_vocabulary(vocab_file)
        if normalization is not None:
            return WordPieceTokenizer(vocabulary, normalization)
        normalization, notices = _settled(vocabulary.file, vocabulary.settings, flags)
        tokenizer = WordPieceTokenizer(vocabulary, normalization)
    elif kind == "sentencepiece":
        if not sp_model_file:
            raise UserError("--tokenization=SentencePiece needs --sp_model_file=path/to/spiece.model")
        from bert_tf2.text.sentencepiece import SentencePieceTokenizer

        if normalization is not None:
            return SentencePieceTokenizer(sp_model_file, normalization)
        normalization, notices = _settled(files.require_file(sp_model_file, "sp_model_file"), {}, flags)
        tokenizer = SentencePieceTokenizer(sp_model_file, normalization)
    else:
        raise UserError(f"--tokenization must be WordPiece or SentencePiece; got '{tokenization}'")
    tokenizer.notices += notices
    return tokenizer


def _settled(path: str, own: dict[str, Any], flags: dict[str, bool]) -> tuple[Normalization, tuple[str, ...]]:
    """How text is prepared, from what the vocabulary at `path` says, what lies beside it and flags, each above those before."""
    beside = read_beside(path)
    name = tokenizer_config.NAME
    notices = list(beside.notices)
    if differing := _differing(own, beside.settings):
        notices.append(f"{path} and the {name} beside it disagree ({differing}); the latter is followed")
    said = own | beside.settings
    if said and (differing := _differing(dataclasses.asdict(Normalization(**said)), flags)):
        source = f"{name} beside {path}" if beside.settings else path
        notices.append(f"the flags and {source} disagree ({differing}); the flags are followed")
    return Normalization(**said | flags), tuple(notices)


def _differing(there: dict[str, Any], here: dict[str, Any]) -> str:
    return ", ".join(f"{key} {there[key]} there, {here[key]} here" for key in here if key in there and there[key] != here[key])


def warnings_of(tokenizer: Tokenizer) -> list[str]:
    """What a user should know before a tokenizer is used, a line each; see also `casing_warning`."""
    return [*tokenizer.notices, *filter(None, [casing_warning(tokenizer)])]


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
