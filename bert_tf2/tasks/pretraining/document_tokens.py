"""Documents of sentences -> their tokens, with the beginnings of words."""

import dataclasses
import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.encoding import id_encoder
from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.instances import TokenizedDocuments
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, token_text
from bert_tf2.text.normalization import is_cjk
from bert_tf2.text.wordpiece import WordPieceTokenizer

# Scripts besides the ideographs that are written without spaces: Thai, Lao, Myanmar, Khmer, kana.
_WITHOUT_SPACES = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF))


@dataclasses.dataclass
class TextCounts:
    """What the text was: documents with tokens, those without any, tokens, and unknown ones."""

    documents: int = 0
    empty_documents: int = 0
    tokens: int = 0
    unknown_tokens: int = 0

    def add(self, other: "TextCounts") -> None:
        """Adds what another one counted."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


class DocumentEncoder:
    """Tokenizes documents, many sentences at once.

    Args:
      tokenizer: gives the ids.
      word_segmenter: `jieba` finds the words of Chinese text; None knows words by their tokens alone.

    Raises:
      UserError: the segmenter is not installed.
    """

    def __init__(self, tokenizer: Any, word_segmenter: str | None = None):
        self._tokenizer = tokenizer
        self._encode = id_encoder(tokenizer) if word_segmenter is None else _chinese_encoder(tokenizer)
        self._places_words = word_segmenter is not None
        self._begins_word = np.array([not continues_word(tokenizer, id) for id in range(tokenizer.vocab_size)])

    def __call__(
        self, blocks: Iterable[Sequence[Sequence[str]]], separator_id: int | None = None
    ) -> tuple[TokenizedDocuments, TextCounts]:
        """The tokens of all documents of all blocks; those without tokens are counted and left out.

        Args:
          blocks: lists of documents, which are lists of sentences; one block is in memory at a time.
          separator_id: put between two documents; None puts nothing.
        """
        counts, ids, starts, sentences, documents = TextCounts(), [], [], [np.zeros(1, np.int64)], [0]
        place = sentence = 0
        for block in blocks:
            block_ids, lengths, block_starts = self._encoded([text for document in block for text in document])
            sizes = np.fromiter(map(len, block), np.int64, len(block))
            of_document = np.repeat(np.arange(len(block)), sizes)[lengths > 0]
            lengths = lengths[lengths > 0]
            in_document = np.bincount(of_document, minlength=len(block))
            kept = in_document[in_document > 0]
            counts.add(
                TextCounts(len(kept), len(block) - len(kept), len(block_ids), int((block_ids == self._tokenizer.unk_id).sum()))
            )
            if separator_id is not None and len(kept):
                # After every document a sentence of the separator alone.
                last = np.cumsum(kept)
                block_ids = np.insert(block_ids, np.cumsum(lengths)[last - 1], separator_id)
                block_starts = np.insert(block_starts, np.cumsum(lengths)[last - 1], True)
                lengths, kept = np.insert(lengths, last, 1), kept + 1
            ids.append(block_ids)
            starts.append(block_starts)
            sentences.append(place + np.cumsum(lengths))
            documents += (sentence + np.cumsum(kept)).tolist()
            place, sentence = place + len(block_ids), sentence + len(lengths)
        return TokenizedDocuments(
            np.concatenate([*ids, np.zeros(0, np.int32)]),
            np.concatenate([*starts, np.zeros(0, bool)]),
            np.concatenate(sentences).tolist(),
            documents,
            separator_id,
        ), counts

    def _encoded(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids, lengths, *begin_words = self._encode(texts)
        starts = begin_words[0] if self._places_words else self._begins_word[ids]
        # A text of byte-level BPE begins without a space.
        starts[np.cumsum(lengths)[lengths > 0] - lengths[lengths > 0]] = True
        return ids, lengths, starts


def continues_word(tokenizer: Any, id: int) -> bool:
    """Whether a token goes on with the word before it: `##…` of WordPiece; of SentencePiece a piece without `▁` that begins with
    a letter or digit of a script that is written with spaces; of byte-level BPE one without white space before it (as fairseq's
    `is_beginning_of_word`)."""
    token = tokenizer.id_to_token(id)
    if isinstance(tokenizer, ByteLevelBPETokenizer):
        return not token_text(token)[:1].isspace()
    if isinstance(tokenizer, WordPieceTokenizer):
        return token.startswith("##")
    if not token or not token[0].isalnum():
        return False
    return not is_cjk(token[0]) and not any(first <= ord(token[0]) <= last for first, last in _WITHOUT_SPACES)


def _chinese_encoder(tokenizer: WordPieceTokenizer) -> Callable[[list[str]], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As `id_encoder`, with the beginnings of words as the third result: ideographs that jieba takes for a word are one."""
    if tokenizer.kind != "wordpiece":
        raise UserError(
            f"--word_segmenter is for WordPiece, which cuts Chinese into characters; {tokenizer.file} is of another tokenizer"
        )
    jieba = require_jieba()
    from bert_tf2.text.offsets import PlacingTokenizer

    place_tokens = PlacingTokenizer(tokenizer)
    continues = np.array([continues_word(tokenizer, id) for id in range(tokenizer.vocab_size)])

    def encode(texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ids, starts = [np.zeros(0, np.int32)], [np.zeros(0, bool)]
        for text in texts:
            tokens = place_tokens(text)
            lengths = np.fromiter(map(len, jieba.cut(text)), np.int64)
            words = np.searchsorted(np.cumsum(lengths), tokens.starts, side="right")
            is_ideograph = np.fromiter((is_cjk(text[start]) for start in tokens.starts.tolist()), bool, len(tokens.ids))
            begins = ~continues[tokens.ids]
            # Within a word of ideographs every one but the first goes on with it.
            begins[1:] &= ~(is_ideograph[1:] & is_ideograph[:-1] & (words[1:] == words[:-1]))
            ids.append(tokens.ids)
            starts.append(begins)
        lengths = np.fromiter(map(len, ids[1:]), np.int64, len(texts))
        return np.concatenate(ids), lengths, np.concatenate(starts)

    return encode


def require_jieba() -> Any:
    """The segmenter, ready and silent.

    Raises:
      UserError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It asks pkg_resources for its own files.
            warnings.simplefilter("ignore")
            import jieba
    except ModuleNotFoundError:
        raise UserError("--word_segmenter=jieba needs the package jieba: pip install 'bert_tf2[zh]'") from None
    jieba.setLogLevel(logging.WARNING)
    return jieba
