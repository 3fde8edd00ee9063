"""WordPiece vocabularies: `vocab.txt`, one token a line, the line number is the id; or Hugging Face's `tokenizer.json`."""

import dataclasses
import functools
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bert_tf2 import file_kinds, files, saved_models
from bert_tf2.errors import UserError
from bert_tf2.files import is_remote, require_file
from bert_tf2.text import tokenizer_json

UNKNOWN, CLASSIFICATION, SEPARATOR, PADDING, MASK = "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"
FILE_NAMES: tuple[str, ...] = ("vocab.txt", "tokenizer.json", "vocab.json")
"""What a vocabulary is called in a model's folder; the first that is there is taken."""
SENTENCEPIECE_MODEL = "spiece.model"
"""What a SentencePiece model is called there."""


@dataclasses.dataclass(frozen=True, eq=False)
class Vocabulary:
    """A vocabulary as it was read.

    Attributes:
      file: the path.
      lines: the tokens by id, as a vocab.txt holds them: a line may be empty, and a token may stand on several.
      settings: what the file itself says of `Normalization`, by the names of its fields.
      notices: what a user should know about the file, a line each.
    """

    file: str
    lines: tuple[str, ...]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token; iterating over it gives a name for every id, in order.

        A token on several lines has the last one's id, as in Google's reader and in transformers. The other lines, and the
        empty ones, have names that no text can produce.
        """
        last = {token: id for id, token in enumerate(self.lines)}
        return {token if token and last[token] == id else f" {id}": id for id, token in enumerate(self.lines)}

    def to_text(self) -> str:
        """The content of a vocab.txt with this vocabulary."""
        return "".join(f"{line}\n" for line in self.lines)


def find_vocabulary(path: str, flag: str = "vocab_file") -> str:
    """The expanded path of a vocabulary: of the file itself, or of the one in a folder (`FILE_NAMES`).

    Raises:
      UserError: there is none.
    """
    path = files.expand(path)
    if is_remote(path) or not os.path.isdir(path):
        return require_file(path, flag)
    found = vocabulary_in(path)
    if found is None and (other := sentencepiece_model_in(path)) is not None:
        raise UserError(
            f"--{flag}: the vocabulary in the folder {path} is a SentencePiece model; give --sp_model_file={other}, and to "
            "create_finetuning_data.py or create_pretraining_data.py also --tokenization=SentencePiece"
        )
    if found is None:
        names = f"{', '.join(FILE_NAMES[:-1])} or {FILE_NAMES[-1]}"
        raise UserError(f"--{flag}: no {names} in the folder {path}; give the file itself")
    return found


def vocabulary_in(folder: str) -> str | None:
    """The path of the vocabulary in a folder, which may be remote, or among a SavedModel's assets; None where there is none."""
    paths = (os.path.join(folder, name) for name in FILE_NAMES)
    return next(filter(files.exists, paths), None) or saved_models.wordpiece_vocabulary_in(folder)


def sentencepiece_model_in(folder: str) -> str | None:
    """The path of the SentencePiece model in a folder, or among the assets of a SavedModel; None where there is none."""
    path = os.path.join(folder, SENTENCEPIECE_MODEL)
    return path if files.exists(path) else saved_models.sentencepiece_model_in(folder)


def find_sentencepiece_model(path: str) -> str:
    """The expanded path of a SentencePiece model: of the file itself, or of the one in a folder.

    Raises:
      UserError: there is none.
    """
    path = files.expand(path)
    is_folder = not is_remote(path) and os.path.isdir(path)
    return require_file((is_folder and sentencepiece_model_in(path)) or path, "sp_model_file")


def is_cased(tokens: Iterable[str]) -> bool | None:
    """Whether a vocabulary looks like one for text with capitals; None where no entry has letters.

    It does when more than one in a hundred of its entries with letters has an upper-case letter, special tokens such as `[CLS]`
    and `<S>` left aside.
    """
    special = re.compile(r"\[.+\]|<.+>").fullmatch
    entries = [token for token in tokens if not special(token) and token.lower() != token.upper()]
    return sum(entry != entry.lower() for entry in entries) > len(entries) / 100 if entries else None


def load_vocabulary(path: str) -> Vocabulary:
    """Reads a vocab.txt, a tokenizer.json of a BERT WordPiece model, or what of them lies in a folder.

    As in Google's reader every line of a vocab.txt is stripped of white space and counts, also when nothing is left of it (the
    published Chinese vocabulary holds U+2028 as a token). Unlike Google's reader a byte order mark is dropped, and empty lines
    after the last token do not count.

    Raises:
      UserError: no such file, not UTF-8, JSON that is no BERT WordPiece model, or [UNK], [CLS] or [SEP] missing.
    """
    path = find_vocabulary(path)
    content = read_bytes(path, "vocab_file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        other = file_kinds.explained(path, "a vocabulary", wants_text=True)
        raise other or UserError(f"--vocab_file: {path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if path.endswith(".json") or text.lstrip().startswith("{"):
        read = tokenizer_json.read(path, text)
        vocabulary = Vocabulary(path, read.tokens, read.settings, read.notices)
    else:
        lines = text.split("\n")
        while lines and not lines[-1].strip("\r"):
            lines.pop()
        tokens = tuple(line.strip() for line in lines)
        vocabulary = Vocabulary(path, tokens, _settings_of_module(path, tokens), _repetitions(path, tokens))
    _require_special_tokens(vocabulary)
    return vocabulary


def _settings_of_module(path: str, tokens: tuple[str, ...]) -> dict[str, Any]:
    """What the SavedModel says of a vocabulary among its assets, or the vocabulary's look; nothing of one that lies elsewhere."""
    if saved_models.of_asset(path) is None:
        return {}
    said = saved_models.casing_of(path)
    return {"do_lower_case": not is_cased(tokens) if said is None else said}


def _repetitions(path: str, tokens: tuple[str, ...]) -> tuple[str, ...]:
    first: dict[str, int] = {}
    repeated = [(id, token) for id, token in enumerate(tokens) if token and first.setdefault(token, id) != id]
    if not repeated:
        return ()
    id, token = repeated[0]
    others = len(repeated) - 1
    more = f", and {others:,} more {'line repeats another' if others == 1 else 'lines repeat others'}" if others else ""
    return (f"{path}:{id + 1} repeats line {first[token] + 1}: '{token}'{more}; the last line of a token is its id",)


def _require_special_tokens(vocabulary: Vocabulary) -> None:
    missing = [token for token in (UNKNOWN, CLASSIFICATION, SEPARATOR) if token not in vocabulary.ids]
    if missing:
        other = file_kinds.explained(vocabulary.file, "a vocabulary", wants_text=True)
        raise other or UserError(
            f"--vocab_file: {vocabulary.file} lacks {', '.join(missing)} ({len(vocabulary.lines)} tokens read); "
            "give the vocab.txt or tokenizer.json that was published with the checkpoint"
        )


def read_bytes(path: str, flag: str) -> bytes:
    """Reads a whole local or remote file.

    Raises:
      UserError: it cannot be read.
    """
    if is_remote(path):
        import tensorflow as tf

        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"--{flag}: cannot read {path}: {error.strerror or error}") from None


def whole_tokens(given: str | None, flag: str = "keep_tokens") -> tuple[str, ...]:
    """The tokens of a comma list.

    Raises:
      UserError: one holds white space, or stands there twice.
    """
    tokens = [token for token in (token.strip() for token in (given or "").split(",")) if token]
    check_tokens(tokens, flag)
    return tuple(tokens)


def check_tokens(tokens: Sequence[str], flag: str) -> None:
    """Checks that tokens can stand in a vocabulary.

    Raises:
      UserError: one holds white space, or stands there twice.
    """
    for index, token in enumerate(tokens):
        if len(token.split()) != 1:
            raise UserError(f"--{flag}: a token holds no white space; got '{token}'")
        if token in tokens[:index]:
            raise UserError(f"--{flag} names '{token}' twice")
