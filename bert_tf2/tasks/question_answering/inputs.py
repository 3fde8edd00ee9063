"""Questions and windows of their contexts -> columns of records, as bytes."""

import functools
from collections.abc import Callable, Iterable, Sequence

from bert_tf2.data.records.wire_format import ExampleEncoder, Values, kept_varint, varints
from bert_tf2.text.tokenizer import Tokenizer

_MOST_KEPT = 1 << 15


def question_encoder(tokenizer: Tokenizer, max_query_length: int) -> Callable[[str], tuple[bytes, int, bool]]:
    """A function from a question to the input up to its context (`[CLS] question [SEP]` of BERT) as varints, the question's
    number of tokens, and whether it was cut."""
    begin, end = varints(tokenizer.template.begin), varints(tokenizer.template.between)

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
    """Makes what records hold that does not depend on answers.

    Args:
      encoder: of the record's features.
      tokenizer: gives the template of inputs.
      padded: records hold what XLNet's reader takes as well.
    """

    def __init__(self, encoder: ExampleEncoder, tokenizer: Tokenizer, padded: bool = False):
        self._encoder, self._padded = encoder, padded
        self._template = tokenizer.template
        self._end = varints(self._template.end)
        # Depends on the lengths alone; there are few of them.
        self._fixed = functools.lru_cache(_MOST_KEPT)(self._of_lengths)

    def columns(self, first_id: int, inputs: Sequence[tuple[bytes, int, bytes, int]]) -> list[Iterable[bytes]]:
        """Columns of records, as `ExampleEncoder.records` takes them.

        Args:
          first_id: the first window's `unique_ids`; the others' follow.
          inputs: of each window what stands before its context as varints, its number of tokens, the window's part of the
            context as varints, its number of tokens.
        """
        heads, begins, contexts, counts = zip(*inputs) if inputs else ((), (), (), ())
        special = len(self._template.end)
        return [
            self._encoder.packed_column(
                "input_ids",
                [head + ids + self._end for head, ids in zip(heads, contexts)],
                [begin + count + special for begin, count in zip(begins, counts)],
            ),
            map(self._fixed, begins, counts),
            self._encoder.integer_column("unique_ids", range(first_id, first_id + len(inputs))),
        ]

    def _of_lengths(self, context_begin: int, count: int) -> bytes:
        special = len(self._template.end)
        features: dict[str, Values] = {
            "input_mask": b"\x01" * (context_begin + count + special),
            "segment_ids": bytes(self._template.segment_ids(context_begin, context_begin + count + special)),
        }
        if self._padded:
            mask = b"\x01" + bytes(context_begin - 1) + b"\x01" * count + bytes(special)
            features |= {"paragraph_mask": mask, "class_index": 0}
        return self._encoder.entries(features)
