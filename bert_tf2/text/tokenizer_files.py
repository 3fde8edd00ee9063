"""The files by which `transformers` knows a WordPiece tokenizer: those of its version 4 and of version 5.

`vocab.txt` and `tokenizer_config.json` are enough for version 4. Version 5 makes its tokenizers of `tokenizer.json`, the
serialized form of the library `tokenizers`; without it every text becomes [UNK]. The form is written here as the library
writes it, which saves a dependency for one JSON object; the tests read it back with the library. Words longer than 100
characters are [UNK] in both versions' BertTokenizer, whose limit no file sets.
"""

import json
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.text import tokenizer_config
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, PADDING, SEPARATOR, UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer

VOCABULARY, CONFIG = "vocab.txt", "tokenizer_config.json"
_SPECIAL = {
    "unk_token": UNKNOWN,
    "sep_token": SEPARATOR,
    "pad_token": PADDING,
    "cls_token": CLASSIFICATION,
    "mask_token": MASK,
}


def tokenizer_files(tokenizer: Any, max_length: int) -> dict[str, bytes]:
    """The contents of the files by their names.

    Args:
      tokenizer: a `WordPieceTokenizer`.
      max_length: the most tokens that the model takes.

    Raises:
      UserError: the tokenizer is of another kind, which `transformers` has no BERT with.
    """
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise UserError(
            f"{tokenizer.file} is no WordPiece vocabulary, and transformers' BERT has no other; convert to tf2 or tf1 instead"
        )
    special = {name: token for name, token in _SPECIAL.items() if token in tokenizer.vocabulary}
    config = {
        "tokenizer_class": "BertTokenizer",
        **tokenizer_config.to_json(tokenizer.normalization),
        "model_max_length": max_length,
        # A token that the vocabulary lacks would be added to it, with an id that the model has no embedding for.
        **{name: special.get(name) for name in _SPECIAL},
    }
    return {
        VOCABULARY: tokenizer.source.to_text().encode(),
        CONFIG: _as_json(config),
        "special_tokens_map.json": _as_json(special),
        "tokenizer.json": _as_json(_serialized(tokenizer, special)),
    }


def _serialized(tokenizer: WordPieceTokenizer, special: dict[str, str]) -> dict[str, Any]:
    """The object of `tokenizer.json`, version 1.0."""
    ids = {token: tokenizer.vocabulary[token] for token in special.values()}
    said = tokenizer_config.to_json(tokenizer.normalization)
    first, second = [_sequence("A", 0), _sign(SEPARATOR, 0)], [_sequence("B", 1), _sign(SEPARATOR, 1)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id, "content": token} | flags for token, id in sorted(ids.items(), key=lambda entry: entry[1])],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": said["tokenize_chinese_chars"],
            "strip_accents": said["strip_accents"],
            "lowercase": said["do_lower_case"],
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_sign(CLASSIFICATION, 0), *first],
            "pair": [_sign(CLASSIFICATION, 0), *first, *second],
            "special_tokens": {
                token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in (CLASSIFICATION, SEPARATOR)
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": UNKNOWN,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": MAX_CHARACTERS_PER_WORD,
            "vocab": tokenizer.vocabulary,
        },
    }


def _sign(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
