"""One split's examples -> records of windows: an input for each, beside the label of the whole text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.encoding import id_encoder
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.tasks.classification.long_texts.rule import LongText, Packed, pack
from bert_tf2.tasks.classification.split_encoding import SplitEncoder
from bert_tf2.text.template import TextTemplate


def window_encoder(
    tokenizer: Any, max_seq_length: int, rule: LongText
) -> Callable[[Sequence[str], Sequence[str | None]], list[tuple[Packed | str, int, int, int]]]:
    """As `bert_tf2.data.encoding.input_encoder`, of texts in windows.

    Returns:
      A function from first and second texts to each example's inputs, or why it cannot have any, the number of tokens of its
      longest input, how many of the first input belong to the first segment, and how many tokens were cut.
    """
    template: TextTemplate = tokenizer.template
    encode_texts = id_encoder(tokenizer)

    def ids_of(texts: Sequence[str]) -> list[list[int]]:
        ids, lengths = encode_texts(texts)
        return [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]

    def encode(texts_a: Sequence[str], texts_b: Sequence[str | None]) -> list[tuple[Packed | str, int, int, int]]:
        first, second = ids_of(texts_a), ids_of([text or "" for text in texts_b])
        found: list[tuple[Packed | str, int, int, int]] = []
        for ids_a, ids_b in zip(first, second):
            packed = pack(ids_a, ids_b, template, max_seq_length, rule)
            if isinstance(packed, str):
                # As far as lengths are looked at, a pair like others.
                found.append((packed, max_seq_length, max_seq_length - 1, 0))
            else:
                found.append((packed, max(map(len, packed.ids)), packed.first[0], packed.lost))
        return found

    return encode


def several_inputs(packed: Packed, row: tuple, template: TextTemplate, weighted: bool) -> dict[str, Any]:
    """The features of an example that is several inputs.

    Args:
      packed: the inputs.
      row: of a split, as `SplitEncoder` has them.
      template: of the tokenizer.
      weighted: records hold a weight.
    """
    _, _, label, example_id, weight = row
    features: dict[str, Any] = {
        "input_ids": packed.ids,
        "input_mask": [bytes([1]) * len(ids) for ids in packed.ids],
        "segment_ids": [bytes(template.segment_ids(first, len(ids))) for ids, first in zip(packed.ids, packed.first)],
        "label_ids": label,
        "is_real_example": 1,
        "example_id": example_id,
    }
    return features | {"weight": weight} if weighted else features


class WindowEncoder(SplitEncoder):
    """Encodes the examples of a split in windows, and counts those too; arguments as of `SplitEncoder`, `encode` from
    `window_encoder`."""

    def _serializer(
        self, encoder: ExampleEncoder, is_regression: bool
    ) -> Callable[[Sequence[Any], Sequence[tuple]], list[bytes]]:
        del is_regression

        def record(packed: Packed, row: tuple) -> bytes:
            return encoder.encode(several_inputs(packed, row, self._template, self._weighted))

        return lambda payloads, rows: list(map(record, payloads, rows))

    def _count_tokens(self, payloads: Sequence[Packed]) -> None:
        counts, unknown = self._counts, self._tokenizer.unk_id
        for packed in payloads:
            counts.windows.add(packed.ids, self._template.special_tokens, packed.tokens)
            counts.unknown_tokens += sum(ids.count(unknown) for ids in packed.ids)
