"""The files of a tokenizer as programs without this package read them, and what they must know besides."""

import json
from typing import Any

from bert_tf2.text.normalization import Normalization
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.vocabulary import UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD

TOKENIZER_JSON, WORDPIECE, PIECES = "tokenizer.json", "vocab.txt", "spiece.model"


def tokenizer_files(tokenizer: Tokenizer) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Contents by file name, and what `bert_tf2.exporting.exported_model.load_tokenizer` takes."""
    if isinstance(tokenizer, SentencePieceTokenizer):
        way = tokenizer.normalization
        settings: dict[str, Any] = {
            "kind": tokenizer.kind,
            "file": PIECES,
            "unk_id": tokenizer.unk_id,
            "do_lower_case": way.do_lower_case,
            "strip_accents": bool(way.strip_accents),
            "straightens_quotes": tokenizer.symbols.straightens_quotes,
            "apart": {str(id): list(parts) for id, parts in tokenizer.numbers_with_comma.items()},
        }
        return {PIECES: tokenizer.vocabulary_file()}, settings
    settings = {"kind": tokenizer.kind, "file": TOKENIZER_JSON, "unk_id": tokenizer.unk_id}
    if tokenizer.kind == "wordpiece":
        content = _of_wordpiece(tokenizer)
        return {TOKENIZER_JSON: content, WORDPIECE: tokenizer.vocabulary_file()}, settings
    # Without the special tokens that a text could hold: here a text is nothing but text.
    described = json.loads(tokenizer.vocabulary_file()) | {"added_tokens": [], "post_processor": None}
    return {TOKENIZER_JSON: json.dumps(described, ensure_ascii=False).encode()}, settings


def _of_wordpiece(tokenizer: Tokenizer) -> bytes:
    """A WordPiece tokenizer in the form of the library `tokenizers`."""
    from tokenizers import AddedToken, models, normalizers, pre_tokenizers
    from tokenizers import Tokenizer as Library

    way: Normalization = tokenizer.normalization
    ids = {tokenizer.id_to_token(id): id for id in range(tokenizer.vocab_size)}
    library = Library(models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=MAX_CHARACTERS_PER_WORD))
    library.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=way.tokenize_chinese_chars,
        strip_accents=bool(way.strip_accents),
        lowercase=way.do_lower_case,
    )
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.add_tokens([AddedToken(word, normalized=False) for word in way.never_split if word in ids])
    return library.to_str().encode()


def template_settings(tokenizer: Tokenizer) -> dict[str, Any]:
    """How texts become an input, see `bert_tf2.text.template.TextTemplate`."""
    template = tokenizer.template
    return {
        "begin": list(template.begin),
        "between": list(template.between),
        "end": list(template.end),
        "segments": list(template.segments),
        "last_segment": template.last_segment,
    }
