"""Texts as inputs of an encoder: cut where they are too long, or in windows."""

import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bert_tf2.data.examples import pack_ids
from bert_tf2.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from bert_tf2.text.template import TextTemplate
    from bert_tf2.text.tokenizer import Tokenizer

Text = str | tuple[str, str | None]
"""A text, or a pair of texts."""


@dataclasses.dataclass(frozen=True)
class TokenIds:
    """A text that is tokenized already: its ids, without special tokens."""

    ids: tuple[int, ...]


_SURROGATE = re.compile("[\ud800-\udfff]")
# An eighth of a window on each of its sides is there for its neighbours' sake.
_MARGIN = 8


@dataclasses.dataclass(frozen=True)
class EncoderInput:
    """An input, or one of the windows of a long text.

    Attributes:
      ids: with special tokens.
      first_segment: how many of them belong to the first segment.
      pooled: bool [L], the tokens that are pooled.
    """

    ids: list[int]
    first_segment: int
    pooled: "np.ndarray"


class InputMaker:
    """Makes inputs of texts.

    Args:
      tokenizer: of the model.
      length: the most tokens of an input.
      special_tokens: whether special tokens are pooled.
      in_windows: a long text becomes several inputs, each token of which is pooled in the one where it stands farthest from
        the edges; else it is cut. Pairs are always cut.

    Attributes:
      cut: how many texts were cut so far.
    """

    def __init__(self, tokenizer: "Tokenizer", length: int, special_tokens: bool = True, in_windows: bool = False):
        self._tokenizer, self._length, self._special = tokenizer, length, special_tokens
        self._in_windows = in_windows
        self.cut = 0

    def inputs(self, text: str, text_b: str | None) -> list[EncoderInput]:
        """The inputs of a text or a pair: one, or windows in their order."""
        return self.of_ids(self._tokenizer.encode(text), self._tokenizer.encode(text_b) if text_b else [])

    def of_ids(self, ids: list[int], ids_b: list[int]) -> list[EncoderInput]:
        """As `inputs`, of ids without special tokens; `ids_b` is empty for a single text."""
        import numpy as np

        template = self._tokenizer.template
        if not ids_b and self._in_windows and len(ids) + template.special_tokens > self._length:
            return self._windows(ids, template)
        packed, first, cut = pack_ids(ids, ids_b, template, self._length)
        self.cut += cut
        pooled = np.ones(len(packed), bool)
        if not self._special:
            pooled[: len(template.begin)] = False
            pooled[len(packed) - len(template.end) :] = False
            if first < len(packed):
                pooled[first - len(template.between) : first] = False
        return [EncoderInput(packed, first, pooled)]

    def _windows(self, ids: list[int], template: "TextTemplate") -> list[EncoderInput]:
        import numpy as np

        content = self._length - template.special_tokens
        margin = content // _MARGIN
        windows, start = [], 0
        while True:
            part = ids[start : start + content]
            is_first, is_last = start == 0, start + content >= len(ids)
            pooled = np.ones(len(part), bool)
            pooled[: 0 if is_first else margin] = False
            pooled[len(part) if is_last else len(part) - margin :] = False
            at_begin = np.full(len(template.begin), self._special and is_first)
            at_end = np.full(len(template.end), self._special and is_last)
            packed = template.packed(part)
            windows.append(EncoderInput(packed, len(packed), np.concatenate([at_begin, pooled, at_end])))
            if is_last:
                return windows
            start += content - 2 * margin


def batch_of(inputs: Sequence[EncoderInput], tokenizer: "Tokenizer") -> "tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]":
    """Inputs, padded to the longest: ids, mask and segments int32 [B, L], and which tokens are pooled, bool [B, L]."""
    import numpy as np

    length = max(len(one.ids) for one in inputs)
    ids = np.full((len(inputs), length), tokenizer.pad_id, np.int32)
    mask, types, pooled = np.zeros_like(ids), np.zeros_like(ids), np.zeros(ids.shape, bool)
    for row, one in enumerate(inputs):
        size = len(one.ids)
        ids[row, :size], mask[row, :size], pooled[row, :size] = one.ids, 1, one.pooled
        types[row, :size] = tokenizer.template.segment_ids(one.first_segment, size)
    return ids, mask, types, pooled


def checked(name: str, text: Text) -> tuple[str, str | None]:
    """A text or pair as two, without halves of surrogate pairs, which no text holds; `name` is for the message.

    Raises:
      UserError: it is neither.
    """
    first, second = text if isinstance(text, tuple | list) and len(text) == 2 else (text, None)
    if not isinstance(first, str) or not isinstance(second, str | None):
        raise UserError(f"{name} must be a string, or a pair of strings; got {type(text).__name__}")
    return _SURROGATE.sub("\ufffd", first), None if second is None else _SURROGATE.sub("\ufffd", second)
