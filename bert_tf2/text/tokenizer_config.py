"""`tokenizer_config.json`: what Hugging Face's folders say about a vocabulary beside it."""

import os
from typing import Any, NamedTuple

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.text.normalization import Normalization

NAME = "tokenizer_config.json"
_SWITCHES = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
# Tokenizers that are BERT's under another name; the last two say nothing of what they do.
_LIKE_BERT = ("Bert", "ConvBert", "DistilBert", "Electra", "Funnel", "LayoutLM", "Lxmert", "MobileBert", "SqueezeBert")
_CLASSES = {f"{name}Tokenizer{fast}" for name in _LIKE_BERT for fast in ("", "Fast")}
_CLASSES |= {"PreTrainedTokenizerFast", "TokenizersBackend"}


class TokenizerConfig(NamedTuple):
    """Fields of `Normalization` that are set, and lines for the user."""

    settings: dict[str, Any]
    notices: tuple[str, ...]


def read_beside(vocabulary: str) -> TokenizerConfig:
    """What the tokenizer_config.json in the folder of a vocabulary says; nothing where there is none.

    `strip_accents: null` is as good as none, as is `never_split: null`. ALBERT's `keep_accents` is the opposite of
    `strip_accents`.

    Raises:
      UserError: it is not JSON, or a value is of the wrong kind.
    """
    path = os.path.join(os.path.dirname(vocabulary), NAME)
    if not files.exists(path):
        return TokenizerConfig({}, ())
    value = files.read_json(path)
    return TokenizerConfig(settings(path, value), tuple(_notices(path, value)))


def add_prefix_space_beside(vocabulary: str) -> bool | None:
    """What the tokenizer_config.json in the folder of a byte-level BPE says of `add_prefix_space`; None where it says nothing.

    Raises:
      UserError: it is not JSON, or the value is of the wrong kind.
    """
    path = os.path.join(os.path.dirname(vocabulary), NAME)
    value = files.read_json(path) if files.exists(path) else {}
    found = value.get("add_prefix_space") if isinstance(value, dict) else None
    if not isinstance(found, bool | None):
        raise UserError(f"{path}: 'add_prefix_space' must be true, false or null; got {found!r}")
    return found


def settings(path: str, value: Any) -> dict[str, Any]:
    """The fields of `Normalization` that the content of a tokenizer_config.json sets.

    Raises:
      UserError: it is no object, or a value is of the wrong kind; `path` is for the message.
    """
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(value).__name__}")
    said = {key: value[key] for key in _SWITCHES if value.get(key) is not None}
    if value.get("keep_accents") is not None:
        said["strip_accents"] = value["keep_accents"] is False
    for key, found in said.items():
        if not isinstance(found, bool):
            raise UserError(f"{path}: '{key}' must be true, false or null; got {found!r}")
    whole = value.get("never_split")
    if whole is not None and not (isinstance(whole, list) and all(isinstance(word, str) for word in whole)):
        raise UserError(f"{path}: 'never_split' must be a list of strings or null; got {whole!r}")
    # Words are what stands between white space.
    if words := [word for word in whole or () if word and word.split() == [word]]:
        said["never_split"] = tuple(words)
    return said


def to_json(normalization: Normalization) -> dict[str, Any]:
    """What a tokenizer_config.json says of it, as `transformers` writes it: `strip_accents` null follows `do_lower_case`."""
    return {
        "do_lower_case": normalization.do_lower_case,
        "strip_accents": None if normalization.strip_accents == normalization.do_lower_case else normalization.strip_accents,
        "tokenize_chinese_chars": normalization.tokenize_chinese_chars,
        "never_split": list(normalization.never_split) or None,
    }


def _notices(path: str, value: dict[str, Any]) -> list[str]:
    found = []
    name = value.get("tokenizer_class")
    if isinstance(name, str) and name not in _CLASSES and not name.lower().startswith(("albert", "xlnet")):
        found.append(
            f"{path}: the tokenizer is a {name}; the text is cut into words as by BertTokenizer, whose ids may be others"
        )
    if value.get("do_basic_tokenize") is False:
        found.append(f"{path}: do_basic_tokenize is false, but the text is cut into words as by BERT's basic tokenizer")
    return found
