"""`tokenizer.json`: the one file in which Hugging Face's tokenizers keep a vocabulary and how text is prepared for it.

Format: https://huggingface.co/docs/tokenizers/api/models (WordPiece) and …/api/normalizers (BertNormalizer). Only what BERT's
own tokenizer does is taken; anything else would give other ids than the model was trained with.
"""

import json
from typing import Any, NamedTuple, NoReturn

from bert_tf2.errors import UserError
from bert_tf2.file_kinds import json_kind

_FAMILIES = {
    "BPE": "byte-pair encoding, as of RoBERTa and GPT",
    "Unigram": "SentencePiece, as of ALBERT and XLNet, whose .model file is read with --sp_model_file",
    "WordLevel": "whole words",
}
_MOST_IDS = 10_000_000
# The normalizer's names for the fields of `Normalization`.
_SETTINGS = {"lowercase": "do_lower_case", "strip_accents": "strip_accents", "handle_chinese_chars": "tokenize_chinese_chars"}


class TokenizerJson(NamedTuple):
    """What was read: the tokens by id ("" for ids without one), fields of `Normalization`, and lines for the user."""

    tokens: tuple[str, ...]
    settings: dict[str, Any]
    notices: tuple[str, ...]


def read(path: str, text: str) -> TokenizerJson:
    """Reads the content of a tokenizer.json.

    Raises:
      UserError: it is not one of a BERT WordPiece model; the message says what it is.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"--vocab_file: {path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(model, dict) or "vocab" not in model:
        kind = json_kind(value) or "JSON that holds no model with a vocab"
        raise UserError(f"--vocab_file: {path} is {kind}, not a vocabulary; give vocab.txt or tokenizer.json")
    _require_wordpiece(path, model)
    settings = _settings(path, value)
    known, added = require_ids(path, model["vocab"], "model.vocab"), added_ids(path, value)
    beyond = {token: id for token, id in added.items() if known.get(token) != id}
    tokens = [""] * (max({**known, **beyond}.values(), default=-1) + 1)
    for token, id in (*known.items(), *beyond.items()):
        tokens[id] = token
    notices = []
    if beyond:
        shown = ", ".join(f"'{token}'" for token in list(beyond)[:3]) + (", …" if len(beyond) > 3 else "")
        notices.append(
            f"{path}: {len(beyond)} tokens were added to the vocabulary ({shown}); they are used like its own, and not "
            "looked for in the text beforehand as Hugging Face's tokenizers do"
        )
    return TokenizerJson(tuple(tokens), settings, tuple(notices))


def _require_wordpiece(path: str, model: dict[str, Any]) -> None:
    # Files of early versions do not name the kind of model.
    kind = model.get("type") or ("BPE" if "merges" in model else "WordPiece" if "unk_token" in model else "of a kind not named")
    if kind != "WordPiece":
        _refuse(path, f"its model is {kind}" + (f" ({_FAMILIES[kind]})" if kind in _FAMILIES else ""))
    for key, wanted in (("unk_token", "[UNK]"), ("continuing_subword_prefix", "##")):
        if model.get(key, wanted) != wanted:
            _refuse(path, f"its {key} is '{model[key]}', BERT's is '{wanted}'")


def _of_kind(path: str, value: dict[str, Any], key: str, wanted: str) -> dict[str, Any]:
    """A part of the file, which has to be of the kind wanted."""
    found = value.get(key)
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(found, dict) or kind != wanted:
        _refuse(path, f"its {key} is {kind or 'none'}, BERT's is {wanted}")
    return found


def _settings(path: str, value: dict[str, Any]) -> dict[str, Any]:
    normalizer = _of_kind(path, value, "normalizer", "BertNormalizer")
    _of_kind(path, value, "pre_tokenizer", "BertPreTokenizer")
    if normalizer.get("clean_text", True) is not True:
        _refuse(path, "its normalizer keeps control characters (clean_text is false), BERT's drops them")
    settings = {}
    for key, field in _SETTINGS.items():
        if normalizer.get(key) is not None:
            if not isinstance(normalizer[key], bool):
                raise UserError(f"--vocab_file: {path}: normalizer.{key} must be true, false or null; got {normalizer[key]!r}")
            settings[field] = normalizer[key]
    return settings


def require_ids(path: str, vocab: Any, where: str) -> dict[str, int]:
    """A value of the file at `path` that must be an object of tokens with their ids; `where` it stands.

    Raises:
      UserError: it is not.
    """
    valid = isinstance(vocab, dict) and all(type(id) is int and 0 <= id < _MOST_IDS for id in vocab.values())
    if not valid:
        raise UserError(f"--vocab_file: {path}: {where} must be an object of tokens with their ids, from 0 up")
    return vocab


def added_ids(path: str, value: dict[str, Any]) -> dict[str, int]:
    """The tokens that a tokenizer.json adds to its model's vocabulary, most of them special, with their ids.

    Raises:
      UserError: there is something else in their place.
    """
    try:
        tokens = {token["content"]: token["id"] for token in value.get("added_tokens") or []}
        return require_ids(path, tokens, "added_tokens")
    except (TypeError, KeyError):
        raise UserError(f"--vocab_file: {path}: added_tokens must be a list of objects with content and id") from None


def _refuse(path: str, what: str) -> NoReturn:
    raise UserError(
        f"--vocab_file: {path} is not of a BERT WordPiece tokenizer: {what}; give the vocabulary that was published with a BERT"
    )
