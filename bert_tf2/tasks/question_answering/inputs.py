"""A question and a window of its context -> the entries of a record, as bytes."""

from collections.abc import Callable

from bert_tf2.data.records.wire_format import ExampleEncoder, Values, kept_varint, varint, varints
from bert_tf2.text.wordpiece import WordPieceTokenizer


def question_encoder(tokenizer: WordPieceTokenizer, max_query_length: int) -> Callable[[str], tuple[bytes, int, bool]]:
    """A function from a question to `[CLS] question [SEP]` as varints, its number of tokens, and whether it was cut."""
    begin, end = varints([tokenizer.cls_id]), varints([tokenizer.sep_id])

    def encode(text: str) -> tuple[bytes, int, bool]:
        ids = tokenizer.encode(text)
        kept = ids[:max_query_length]
        return begin + varints(kept) + end, len(kept), len(ids) > max_query_length

    return encode


class EncodedContext:
    """The token ids of a context as varints, of which windows are parts.

    Args:
      ids: the context's tokens.
    """

    def __init__(self, ids: list[int]):
        self._parts = list(map(kept_varint, ids))
        self._whole = b"".join(self._parts)

    def ids(self, first: int, count: int) -> bytes:
        """The varints of `count` ids from the token `first`."""
        return self._whole if count == len(self._parts) else b"".join(self._parts[first : first + count])


class InputEncoder:
    """Makes the entries of a record that do not depend on answers.

    Args:
      encoder: of the record's features.
      tokenizer: gives the id of [SEP].
      padded: records hold what XLNet's reader takes as well.
    """

    _MOST_KEPT = 1 << 15

    def __init__(self, encoder: ExampleEncoder, tokenizer: WordPieceTokenizer, padded: bool = False):
        self._encoder = encoder
        self._input_ids, self._unique_ids = encoder.of_packed_feature("input_ids"), encoder.of_packed_feature("unique_ids")
        self._end = varints([tokenizer.sep_id])
        self._padded = padded
        self._kept: dict[tuple[int, int], bytes] = {}

    def __call__(self, unique_id: int, head: bytes, context_begin: int, context_ids: bytes, count: int) -> bytes:
        """The entries, joined.

        Args:
          unique_id: the window's.
          head: `[CLS] question [SEP]` as varints; `context_begin` is its number of tokens.
          context_ids: the window's part of the context as varints; `count` is its number of tokens.
        """
        fixed = self._kept.get((context_begin, count)) or self._fixed(context_begin, count)
        ids = self._input_ids(head + context_ids + self._end, context_begin + count + 1)
        return ids + fixed + self._unique_ids(varint(unique_id), 1)

    def _fixed(self, context_begin: int, count: int) -> bytes:
        """What depends on the lengths alone; there are few of them, so they are kept."""
        features: dict[str, Values] = {
            "input_mask": b"\x01" * (context_begin + count + 1),
            "segment_ids": bytes(context_begin) + b"\x01" * (count + 1),
        }
        if self._padded:
            mask = b"\x01" + bytes(context_begin - 1) + b"\x01" * count + b"\x00"
            features |= {"paragraph_mask": mask, "class_index": 0}
        entries = self._encoder.entries(features)
        if len(self._kept) < self._MOST_KEPT:
            self._kept[context_begin, count] = entries
        return entries
