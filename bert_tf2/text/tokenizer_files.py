"""The files by which `transformers` knows a tokenizer: of a WordPiece one those of its version 4 and of version 5.

`vocab.txt` and `tokenizer_config.json` are enough for version 4. Version 5 makes its tokenizers of `tokenizer.json`, the
serialized form of the library `tokenizers`; without it every text becomes [UNK]. The form is written here as the library
writes it, which saves a dependency for one JSON object; the tests read it back with the library. Words longer than 100
characters are [UNK] in both versions' BertTokenizer, whose limit no file sets.

A SentencePiece model is one file, from which version 4 makes the rest. Of a byte-level BPE RoBERTa's two files are written, and
`tokenizer.json` by the library `tokenizers`, which makes its ids here too.
"""

import json
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.text import tokenizer_config
from bert_tf2.text.byte_level import vocabulary as byte_level_vocabulary
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, PADDING, SENTENCEPIECE_MODEL, SEPARATOR, UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer

VOCABULARY, CONFIG = "vocab.txt", "tokenizer_config.json"
BYTE_LEVEL_CLASS = "RobertaTokenizer"
"""The class of `transformers` that reads a byte-level BPE, whatever the encoder."""

_SPECIAL = {
    "unk_token": UNKNOWN,
    "sep_token": SEPARATOR,
    "pad_token": PADDING,
    "cls_token": CLASSIFICATION,
    "mask_token": MASK,
}


def tokenizer_files(tokenizer: Any, max_length: int, sentencepiece_class: str | None = None) -> dict[str, bytes]:
    """The contents of the files by their names.

    Args:
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_length: the most tokens that the model takes.
      sentencepiece_class: the class of `transformers` that reads a SentencePiece model of the encoder's family; None for none.

    Raises:
      UserError: the tokenizer is SentencePiece and `transformers` has no such model with it.
    """
    if tokenizer.kind == "sentencepiece" and sentencepiece_class is not None:
        return _of_sentencepiece(tokenizer, max_length, sentencepiece_class)
    if isinstance(tokenizer, ByteLevelBPETokenizer):
        return _of_byte_level_bpe(tokenizer, max_length)
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise UserError(
            f"{tokenizer.file} is a SentencePiece model, which transformers' BERT has not; convert to tf2 or tf1 instead"
        )
    special = {name: token for name, token in _SPECIAL.items() if token in tokenizer.vocabulary}
    # The only words that its tokenizers of either kind keep from being lower-cased.
    whole = {"additional_special_tokens": _kept_whole(tokenizer)} if _kept_whole(tokenizer) else {}
    config = {
        "tokenizer_class": "BertTokenizer",
        **tokenizer_config.to_json(tokenizer.normalization),
        "model_max_length": max_length,
        # A token that the vocabulary lacks would be added to it, with an id that the model has no embedding for.
        **{name: special.get(name) for name in _SPECIAL},
        **whole,
    }
    return {
        VOCABULARY: tokenizer.source.to_text().encode(),
        CONFIG: _as_json(config),
        "special_tokens_map.json": _as_json(special | whole),
        "tokenizer.json": _as_json(_serialized(tokenizer, special)),
    }


def _of_sentencepiece(tokenizer: Any, max_length: int, sentencepiece_class: str) -> dict[str, bytes]:
    pieces = {tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size)}
    symbols = tokenizer.symbols
    special = {
        "unk_token": tokenizer.id_to_token(tokenizer.unk_id),
        "pad_token": tokenizer.id_to_token(tokenizer.pad_id),
        "sep_token": symbols.separator,
        "cls_token": symbols.classification,
        "bos_token": symbols.begin,
        "eos_token": symbols.end,
        **({"mask_token": symbols.mask} if symbols.mask in pieces else {}),
    }
    config = {
        "tokenizer_class": sentencepiece_class,
        "do_lower_case": tokenizer.normalization.do_lower_case,
        "keep_accents": not tokenizer.normalization.strip_accents,
        "remove_space": True,
        "model_max_length": max_length,
        **special,
    }
    return {
        SENTENCEPIECE_MODEL: tokenizer.vocabulary_file(),
        CONFIG: _as_json(config),
        "special_tokens_map.json": _as_json(special),
    }


def _of_byte_level_bpe(tokenizer: ByteLevelBPETokenizer, max_length: int) -> dict[str, bytes]:
    names = {
        "bos_token": byte_level_vocabulary.BEGIN,
        "eos_token": byte_level_vocabulary.END,
        "sep_token": byte_level_vocabulary.END,
        "cls_token": byte_level_vocabulary.BEGIN,
        "unk_token": byte_level_vocabulary.UNKNOWN,
        "pad_token": byte_level_vocabulary.PADDING,
        "mask_token": byte_level_vocabulary.MASK,
    }
    source = tokenizer.source
    special: dict[str, Any] = {name: token for name, token in names.items() if token in source.ids}
    config: dict[str, Any] = {
        "tokenizer_class": BYTE_LEVEL_CLASS,
        "add_prefix_space": source.add_prefix_space,
        "model_max_length": max_length,
        **{name: special.get(name) for name in names},
    }
    # The space before <mask> belongs to it.
    mask = {"content": byte_level_vocabulary.MASK, "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}
    if "mask_token" in special:
        special["mask_token"] = mask
        config["mask_token"] = mask | {"__type": "AddedToken"}
    return {
        byte_level_vocabulary.VOCABULARY: json.dumps(source.ids, ensure_ascii=False).encode(),
        byte_level_vocabulary.MERGES: "\n".join(["#version: 0.2", *map(" ".join, source.merges), ""]).encode(),
        byte_level_vocabulary.TOKENIZER: tokenizer.vocabulary_file(),
        CONFIG: _as_json(config),
        "special_tokens_map.json": _as_json(special),
    }


def _serialized(tokenizer: WordPieceTokenizer, special: dict[str, str]) -> dict[str, Any]:
    """The object of `tokenizer.json`, version 1.0."""
    ids = {token: tokenizer.vocabulary[token] for token in special.values()}
    added = ids | {token: tokenizer.vocabulary[token] for token in _kept_whole(tokenizer)}
    said = tokenizer_config.to_json(tokenizer.normalization)
    first, second = [_sequence("A", 0), _sign(SEPARATOR, 0)], [_sequence("B", 1), _sign(SEPARATOR, 1)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id, "content": token} | flags for token, id in sorted(added.items(), key=lambda entry: entry[1])],
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


def _kept_whole(tokenizer: WordPieceTokenizer) -> list[str]:
    """What is never split and has an id. `transformers` finds it beside punctuation marks too, not only between spaces."""
    known = set(_SPECIAL.values())
    return [word for word in tokenizer.normalization.never_split if word in tokenizer.vocabulary and word not in known]


def _sign(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _sequence(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
