"""What every tokenizer offers, and how one is made from a job's options."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from bert_tf2 import saved_models
from bert_tf2.errors import UserError
from bert_tf2.text import tokenizer_config
from bert_tf2.text.byte_level.vocabulary import load_byte_level_vocabulary
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.template import TextTemplate
from bert_tf2.text.tokenizer_config import read_beside
from bert_tf2.text.vocabulary import find_sentencepiece_model, is_cased, load_vocabulary, whole_tokens


class Tokenizer(Protocol):
    """Text -> ids. The special ids belong to [PAD], [CLS], [SEP] and [UNK] (`<pad>`, `<unk>` in SentencePiece models; `<pad>`,
    `<s>`, `</s>` and `<unk>` in byte-level BPE).

    `mask_token` stands for a token to guess, `template` says how one text or two become an input.
    """

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
    mask_token: str
    template: TextTemplate

    @property
    def fingerprint(self) -> str:
        """Identifies the vocabulary: SHA-256 in hexadecimal."""

    def vocabulary_file(self) -> bytes:
        """The content of a file that gives the vocabulary back."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]; a new list."""

    def encode_word(self, word: str) -> list[int]:
        """The ids of a word of a text that is given in words; a new list."""

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
    keep_tokens: str | None = None,
) -> Tokenizer:
    """Loads the tokenizer that the options ask for.

    A byte-level BPE (RoBERTa's) is known by its vocabulary, and takes text as it is.

    How text is prepared for the others is what `normalization` says, which data had that were made before. Without it
    `do_lower_case` and `strip_accents` decide, where they are None the tokenizer_config.json beside the vocabulary, then the
    vocabulary itself if it is a tokenizer.json, and at last Google's defaults: lower case, and accents stripped where there is
    lower case.

    Args:
      vocab_file: WordPiece vocabulary: a vocab.txt, a tokenizer.json or a folder with one of them; or byte-level BPE: a
        vocab.json with merges.txt beside it, a tokenizer.json or a folder with them.
      sp_model_file: SentencePiece model, or a folder with one.
      tokenization: `WordPiece` or `SentencePiece`, without regard to case.
      do_lower_case: lower-case the text, for uncased models.
      strip_accents: strip the accents of letters.
      normalization: instead of both.
      keep_tokens: comma list of words that are never split, besides those that the tokenizer's files name.

    Returns:
      The tokenizer. `warnings_of` says what of this a user should know.

    Raises:
      UserError: the file that belongs to `tokenization` is not given or cannot be used, or it is of a byte-level BPE and text
        should be changed for it; or words are to be kept whole that it lacks, or that `normalization` does not name.
    """
    tokenizer = _load(vocab_file, sp_model_file, tokenization, do_lower_case, strip_accents, normalization)
    kept = whole_tokens(keep_tokens)
    if set(kept) <= set(tokenizer.normalization.never_split):
        return tokenizer
    if normalization is not None:
        known = ",".join(normalization.never_split) or "none"
        raise UserError(
            f"--keep_tokens={keep_tokens}, but the records were made with {known}; leave the flag out or prepare the data again"
        )
    return _keeping(tokenizer, kept)


def _keeping(tokenizer: Tokenizer, kept: tuple[str, ...]) -> Tokenizer:
    """The tokenizer of a WordPiece vocabulary that does not split these words either."""
    from bert_tf2.text.wordpiece import WordPieceTokenizer

    if not isinstance(tokenizer, WordPieceTokenizer):
        raise UserError(
            f"--keep_tokens belongs to WordPiece; {tokenizer.file} keeps whole what was made a symbol of it in its training"
        )
    if absent := [token for token in kept if token not in tokenizer.vocabulary]:
        raise UserError(
            f"--keep_tokens: '{absent[0]}' is not in {tokenizer.file}; add it with python -m bert_tf2.vocabulary --mode=add, or "
            "name one of its free tokens, such as [unused1]"
        )
    way = tokenizer.normalization
    keeping = WordPieceTokenizer(tokenizer.source, dataclasses.replace(way, never_split=(*way.never_split, *kept)))
    keeping.notices = tokenizer.notices
    return keeping


def _load(
    vocab_file: str | None,
    sp_model_file: str | None,
    tokenization: str,
    do_lower_case: bool | None,
    strip_accents: bool | None,
    normalization: Normalization | None,
) -> Tokenizer:
    given = {"do_lower_case": do_lower_case, "strip_accents": strip_accents}
    flags = {name: value for name, value in given.items() if value is not None}
    tokenizer: Tokenizer
    kind = tokenization.lower()
    if kind == "wordpiece":
        if not vocab_file:
            raise UserError("--tokenization=WordPiece needs --vocab_file=path/to/vocab.txt")
        if (byte_level := load_byte_level_vocabulary(vocab_file)) is not None:
            from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer

            _refuse_changes(byte_level.file, flags)
            return ByteLevelBPETokenizer(byte_level)
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

        path = find_sentencepiece_model(sp_model_file)
        if normalization is not None:
            return SentencePieceTokenizer(path, normalization)
        # Modules of ALBERT that say nothing take lower case for granted.
        said = saved_models.casing_of(path)
        usual = SentencePieceTokenizer(path, None)
        own = {} if said is None else {"do_lower_case": said}
        normalization, notices = _settled(path, own, flags, usual.symbols.preparation)
        tokenizer = usual if normalization == usual.normalization else SentencePieceTokenizer(path, normalization)
    else:
        raise UserError(f"--tokenization must be WordPiece or SentencePiece; got '{tokenization}'")
    tokenizer.notices += notices
    return tokenizer


def _refuse_changes(path: str, flags: dict[str, bool]) -> None:
    if asked := [name for name, value in flags.items() if value]:
        raise UserError(
            f"--{asked[0]} does not fit {path}: byte-level BPE takes text as it is, capitals and accents included, and so did "
            "the model's training; leave it out"
        )


def _settled(
    path: str, own: dict[str, Any], flags: dict[str, bool], usual: Mapping[str, bool] | None = None
) -> tuple[Normalization, tuple[str, ...]]:
    """How text is prepared, from what is usual, what the vocabulary at `path` says, what lies beside it and flags, each above
    those before."""
    beside = read_beside(path)
    name = tokenizer_config.NAME
    notices = list(beside.notices)
    if differing := _differing(own, beside.settings):
        notices.append(f"{path} and the {name} beside it disagree ({differing}); the latter is followed")
    said = own | beside.settings
    if said and (differing := _differing(dataclasses.asdict(Normalization(**said)), flags)):
        source = f"{name} beside {path}" if beside.settings else path
        notices.append(f"the flags and {source} disagree ({differing}); the flags are followed")
    return Normalization(**dict(usual or {}) | said | flags), tuple(notices)


def _differing(there: dict[str, Any], here: dict[str, Any]) -> str:
    return ", ".join(f"{key} {there[key]} there, {here[key]} here" for key in here if key in there and there[key] != here[key])


def warnings_of(tokenizer: Tokenizer) -> list[str]:
    """What a user should know before a tokenizer is used, a line each; see also `casing_warning`."""
    return [*tokenizer.notices, *filter(None, [casing_warning(tokenizer)])]


def casing_warning(tokenizer: Tokenizer) -> str | None:
    """One line of advice when `do_lower_case` does not fit the vocabulary's look, else None; byte-level BPE has no choice."""
    if tokenizer.kind == "bytelevelbpe":
        return None
    cased = is_cased(tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size))
    if cased and tokenizer.do_lower_case:
        return f"{tokenizer.file} is a cased vocabulary, but the text is lower-cased; set --nodo_lower_case"
    if cased is False and not tokenizer.do_lower_case:
        return f"{tokenizer.file} is an uncased vocabulary, but the text keeps its capitals; set --do_lower_case"
    return None


def mask_id_of(tokenizer: Tokenizer) -> int:
    """The id of [MASK], `<mask>` in byte-level BPE.

    Raises:
      UserError: the vocabulary lacks it.
    """
    for id in range(tokenizer.vocab_size):
        if tokenizer.id_to_token(id) == tokenizer.mask_token:
            return id
    raise UserError(
        f"{tokenizer.file} lacks {tokenizer.mask_token} ({tokenizer.vocab_size} tokens read), which pre-training puts in the "
        "place of tokens to predict; give the vocabulary that was published with the checkpoint"
    )
