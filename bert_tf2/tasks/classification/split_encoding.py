"""One split's examples -> its records and statistics: the inner loop of data preparation."""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bert_tf2.data.encoding import unknown_counter
from bert_tf2.data.examples import InputExample
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import Labels
from bert_tf2.tasks.classification.reading.labels import ReadLabels, label_reader, read_weight, set_reader
from bert_tf2.tasks.classification.statistics import LabelStatistics
from bert_tf2.tasks.preparation import Split
from bert_tf2.tasks.statistics import MOST_COMPARED
from bert_tf2.text.template import TextTemplate

_MOST_KEPT = 1 << 15


class SplitEncoder:
    """Encodes the examples of a split, some at a time, and counts what they are.

    Args:
      split: has an encoder; its statistics are filled.
      tokenizer: what `encode` works with.
      encode: from `bert_tf2.data.encoding.input_encoder`; what it gives as ids is for `_serializer` and `_count_tokens` alone,
        unless it is a text, which says why an example cannot be used.
      max_seq_length: the most ids of an input.
      labels: what a record holds as label; see `classification_features`.
      weighted: examples have weights.
      read_sets: of sets, reads the labels of an example; see `bert_tf2.data.processors.DataProcessor.read_labels`.
    """

    def __init__(
        self,
        split: Split,
        tokenizer: Any,
        encode: Callable[[Sequence[str], Sequence[str | None]], Sequence[tuple[Any, int, int, int]]],
        max_seq_length: int,
        labels: Labels,
        weighted: bool,
        read_sets: ReadLabels,
    ):
        self._counts: LabelStatistics = split.statistics
        self._bad_rows, self._encode, self._max_seq_length = split.bad_rows, encode, max_seq_length
        self._weighted, self._row = weighted, -1
        self._tokenizer, self._count_unknown = tokenizer, unknown_counter(tokenizer)
        self._template: TextTemplate = tokenizer.template
        self._serialize = self._serializer(split.encoder, labels == "number")
        self._known_label = self._counts.label_ids.get
        self._read_label: Callable[[Any], tuple[Any, str | None]]
        if labels == "set":
            self._known_label, self._read_label = _not_known, set_reader(self._counts.label_ids, read_sets)
        else:
            self._read_label = label_reader(self._counts, labels == "number")
        if not self._counts.labelled:
            nothing: bytes | int = bytes(len(self._counts.label_names)) if labels == "set" else 0
            self._known_label, self._read_label = _not_known, lambda label: (nothing, None)

    def __call__(self, examples: Sequence[InputExample]) -> list[bytes]:
        """The records of some examples.

        Raises:
          UserError: an example that cannot be used, unless such rows are left out.
        """
        counts, row, weighted, max_seq_length = self._counts, self._row, self._weighted, self._max_seq_length
        known_label, read_label, serialize = self._known_label, self._read_label, self._serialize
        lengths, hashes = counts.length_counts, counts.text_hashes
        # With less there is no room for a token between the special ones.
        shortest_pair = self._template.special_tokens_of_pair + 1
        no_tokens, empty_first = self._template.special_tokens, self._template.before_second
        compared = len(hashes)
        encoded = self._encode([example.text_a for example in examples], [example.text_b for example in examples])
        payloads, rows, truncated, lost_tokens, pairs = [], [], 0, 0, 0
        for example, (payload, length, first, lost) in zip(examples, encoded):
            row += 1
            text_a, text_b, name = example.text_a, example.text_b, example.label
            label, complaint = known_label(name), None
            weight: float = 1
            if label is None:
                label, complaint = read_label(name)
            if weighted:
                weight, complaint = read_weight(example.weight, complaint)
            if text_b is not None and (first in (length, empty_first) or max_seq_length < shortest_pair):
                if max_seq_length < shortest_pair:
                    raise UserError(
                        f"--max_seq_length={max_seq_length} is too small for pairs of texts; it must be at least {shortest_pair}"
                    )
                counts.empty_sides += length > no_tokens
            if length == no_tokens:
                complaint = complaint or "empty text"
            if payload.__class__ is str:
                complaint = complaint or payload
            if complaint:
                self._bad_rows.report(example.where(), complaint, [text_a, text_b, name])
                continue
            example_id = row if example.example_id is None else example.example_id
            payloads.append(payload)
            rows.append((length, first, label, example_id, weight))
            lengths[length] += 1
            pairs += text_b is not None
            if lost:
                truncated += 1
                lost_tokens += lost
            if len(hashes) < MOST_COMPARED:
                hashes.append(hash(text_a if text_b is None else (text_a, text_b)))
        self._row = row
        counts.count_labels([label for _, _, label, _, _ in rows], len(hashes) - compared)
        counts.rows += len(rows)
        counts.truncated += truncated
        counts.lost_tokens += lost_tokens
        counts.pairs += pairs
        self._count_tokens(payloads)
        return serialize(payloads, rows)

    def _count_tokens(self, payloads: Sequence[Any]) -> None:
        """Counts what the ids of inputs say."""
        self._counts.unknown_tokens += self._count_unknown(b"".join(payloads))

    def _serializer(
        self, encoder: ExampleEncoder, is_regression: bool
    ) -> Callable[[Sequence[Any], Sequence[tuple]], list[bytes]]:
        """A function from inputs' encoded ids and, for each, their number, the length of the first segment, label, example id and
        weight to the serialized records."""
        return _serializer(encoder, self._template, self._max_seq_length, is_regression, self._weighted)


def _not_known(label: object) -> None:
    """What a dictionary says of labels that are in none, also of lists, which no dictionary takes."""
    del label


def _serializer(
    encoder: ExampleEncoder, template: TextTemplate, max_seq_length: int, is_regression: bool, weighted: bool
) -> Callable[[Sequence[bytes], Sequence[tuple]], list[bytes]]:
    """A function from inputs' encoded ids and, for each, their number, the length of the first segment, label, example id and
    weight to the serialized records.

    There are few lengths and labels but many records, so what depends on them alone is encoded once.
    """
    ones = b"\x01" * max_seq_length

    @functools.lru_cache(_MOST_KEPT)
    def without_ids(length: int, first: int, label: int | bytes | None) -> bytes:
        return encoder.entries({"segment_ids": bytes(template.segment_ids(first, length))}) + without_tokens(length, label)

    @functools.lru_cache(_MOST_KEPT)
    def without_tokens(length: int, label: int | bytes | None) -> bytes:
        fixed: dict[str, Any] = {"input_mask": ones[:length], "is_real_example": 1}
        return encoder.entries(fixed if is_regression else fixed | {"label_ids": label})

    def serialize(payloads: Sequence[bytes], rows: Sequence[tuple]) -> list[bytes]:
        if not rows:
            return []
        lengths, firsts, labels, example_ids, weights = zip(*rows)
        columns: list[Iterable[bytes]] = [
            encoder.packed_column("input_ids", payloads, lengths),
            map(without_ids, lengths, firsts, itertools.repeat(None) if is_regression else labels),
            encoder.integer_column("example_id", example_ids),
        ]
        if is_regression:
            columns.append(encoder.column("label_ids", labels))
        if weighted:
            columns.append(encoder.column("weight", weights))
        return encoder.records(*columns)

    return serialize
