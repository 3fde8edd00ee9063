"""Vocabularies of byte-level BPE: RoBERTa's `vocab.json` with `merges.txt` beside it, or a `tokenizer.json` that holds both.

Formats: GPT-2's `encoder.json` and `vocab.bpe` (openai/gpt-2, src/encoder.py), which RoBERTa renamed, and
https://huggingface.co/docs/tokenizers/api/models (BPE). Only what RoBERTa's own tokenizer does is taken; anything else would
give other ids than the model was trained with.
"""

import dataclasses
import functools
import hashlib
import json
import os
from typing import Any, NoReturn

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.text import tokenizer_config
from bert_tf2.text.tokenizer_json import added_ids, require_ids
from bert_tf2.text.vocabulary import find_vocabulary, read_bytes

BEGIN, PADDING, END, UNKNOWN, MASK = "<s>", "<pad>", "</s>", "<unk>", "<mask>"
VOCABULARY, MERGES, TOKENIZER = "vocab.json", "merges.txt", "tokenizer.json"

_VERSION_LINE = "#version"
_PUBLISHED = "give the files that were published with the checkpoint"


@dataclasses.dataclass(frozen=True, eq=False)
class ByteLevelVocabulary:
    """A byte-level BPE as it was read. Its tokens are spelled in GPT-2's alphabet of 256 characters that stand for bytes.

    Attributes:
      file: the path of the vocab.json or tokenizer.json.
      ids: the id of each token.
      merges: pairs of tokens that become one, the earliest first.
      add_prefix_space: a text begins with a space as its words do; False for RoBERTa.
    """

    file: str
    ids: dict[str, int]
    merges: tuple[tuple[str, str], ...]
    add_prefix_space: bool = False

    @functools.cached_property
    def tokens(self) -> list[str]:
        """The tokens by id; ids that no token has get names that no text can produce."""
        tokens = [f" {id}" for id in range(max(self.ids.values()) + 1)]
        for token, id in self.ids.items():
            tokens[id] = token
        return tokens

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of tokens and merges in their order: the same for the same vocabulary in other files."""
        parts = ["\n".join(self.tokens), *map(" ".join, self.merges)]
        # Said only where it is unlike RoBERTa.
        parts += ["add_prefix_space"] * self.add_prefix_space
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def load_byte_level_vocabulary(path: str) -> ByteLevelVocabulary | None:
    """Reads a byte-level BPE: a vocab.json, a tokenizer.json, or what of them lies in a folder.

    `add_prefix_space` of a tokenizer_config.json in the same folder stands above that of a tokenizer.json.

    Returns:
      The vocabulary, or None where the file is of another kind, such as a vocab.txt.

    Raises:
      UserError: there is no such file, it belongs to a byte-level BPE that cannot be used, or the two files do not fit together.
    """
    path = find_vocabulary(path)
    text = read_bytes(path, "vocab_file").decode("utf-8-sig", errors="replace")
    if text.startswith(_VERSION_LINE):
        raise UserError(f"--vocab_file: {path} holds the merges of a byte-level BPE; give the {VOCABULARY} beside it")
    if not (path.endswith(".json") or text.lstrip().startswith("{")):
        return None
    value = _json(path, text)
    if _is_vocabulary(value):
        merges = _read_merges(path)
        vocabulary = _checked(ByteLevelVocabulary(path, require_ids(path, value, "it"), merges), f"{MERGES} beside it")
    else:
        found = of_tokenizer_json(path, value)
        if found is None:
            return None
        vocabulary = found
    beside = tokenizer_config.add_prefix_space_beside(path)
    return vocabulary if beside is None else dataclasses.replace(vocabulary, add_prefix_space=beside)


def of_tokenizer_json(path: str, value: Any) -> ByteLevelVocabulary | None:
    """What the content of a tokenizer.json says; None where its model is not BPE. `path` is for messages.

    Raises:
      UserError: the model is BPE, but does other than RoBERTa's.
    """
    model = value.get("model") if isinstance(value, dict) else None
    # Files of early versions do not name the kind of model.
    if not isinstance(model, dict) or "vocab" not in model or model.get("type", "BPE") != "BPE" or "merges" not in model:
        return None
    for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout", "byte_fallback", "ignore_merges"):
        if model.get(key):
            _refuse(path, f"its model's {key} is {model[key]!r}")
    if value.get("normalizer") is not None:
        kind = value["normalizer"].get("type") if isinstance(value["normalizer"], dict) else value["normalizer"]
        _refuse(path, f"its normalizer is {kind}, RoBERTa has none")
    splitter = value.get("pre_tokenizer")
    kind = splitter.get("type") if isinstance(splitter, dict) else None
    if not isinstance(splitter, dict) or kind != "ByteLevel" or splitter.get("use_regex") is False:
        _refuse(path, f"its pre_tokenizer is {kind or 'none'}, RoBERTa's is ByteLevel with its regular expression")
    ids = require_ids(path, model["vocab"], "model.vocab") | added_ids(path, value)
    merges = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"] or ()]
    for number, pair in enumerate(merges):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
            raise UserError(f"--vocab_file: {path}: model.merges[{number}] must be a pair of tokens; got {pair!r}")
    pairs = tuple((first, second) for first, second in merges)
    return _checked(ByteLevelVocabulary(path, ids, pairs, splitter.get("add_prefix_space") is True), "model.merges")


def _json(path: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        cure = f"{_PUBLISHED}, a WordPiece vocabulary under the name vocab.txt"
        raise file_kinds.no_json(path, "a vocabulary in JSON", cure) or UserError(
            f"--vocab_file: {path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}; {cure}"
        ) from None


def _is_vocabulary(value: Any) -> bool:
    """Whether this is an object of tokens with ids. Its keys may be any words; a configuration holds other values too."""
    return isinstance(value, dict) and sum(type(id) is int for id in value.values()) > 0.9 * len(value)


def _read_merges(vocabulary: str) -> tuple[tuple[str, str], ...]:
    path = os.path.join(os.path.dirname(vocabulary), MERGES)
    if not files.exists(path):
        raise UserError(
            f"--vocab_file: {vocabulary} needs the {MERGES} that belongs to it, and there is none beside it; {_PUBLISHED}"
        )
    if other := file_kinds.explained(path, "the merges of a byte-level BPE", wants_text=True):
        raise other
    try:
        lines = read_bytes(path, "vocab_file").decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"--vocab_file: {path} is not UTF-8 text (byte {error.start}); {_PUBLISHED}") from None
    merges = []
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\r")
        if not line or (number == 1 and line.startswith(_VERSION_LINE)):
            continue
        first, space, second = line.partition(" ")
        if not (first and space and second) or " " in second:
            raise UserError(f"--vocab_file: {path}:{number}: a merge is two tokens with a space between them; got {line!r}")
        merges.append((first, second))
    return tuple(merges)


def _checked(vocabulary: ByteLevelVocabulary, where: str) -> ByteLevelVocabulary:
    """The vocabulary, if it is whole and its merges fit; `where` they stand."""
    path, ids = vocabulary.file, vocabulary.ids
    missing = [token for token in (BEGIN, END, UNKNOWN) if token not in ids]
    if missing:
        raise UserError(
            f"--vocab_file: {path} is of a byte-level BPE that lacks {', '.join(missing)} ({len(ids)} tokens read); give that "
            "of a RoBERTa, whose inputs begin and end with <s> and </s>"
        )
    if not vocabulary.merges:
        raise UserError(f"--vocab_file: {path}: {where} holds no merges; {_PUBLISHED}")
    for number, (first, second) in enumerate(vocabulary.merges, 1):
        if not (first in ids and second in ids and first + second in ids):
            raise UserError(
                f"--vocab_file: {path} and {where} do not fit together: merge {number} is '{first} {second}', but "
                f"'{next(token for token in (first, second, first + second) if token not in ids)}' is no token; {_PUBLISHED}"
            )
    return vocabulary


def _refuse(path: str, what: str) -> NoReturn:
    raise UserError(
        f"--vocab_file: {path} is not of RoBERTa's byte-level BPE: {what}; give the vocabulary that was published with a RoBERTa"
    )
