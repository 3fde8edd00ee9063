"""One split's examples -> its records and statistics: the inner loop of data preparation."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bert_tf2.data.encoding import Encoded, unknown_counter
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.labels import label_reader, read_weight
from bert_tf2.tasks.classification.statistics import MOST_COMPARED, SplitStatistics

# [CLS] a [SEP] [SEP]: with less there is no room for a token between the special ones.
_SHORTEST_PAIR = 4
_NO_TOKENS = 2
# Examples that are read at once, then encoded at once, then written at once: kinder to the processor's caches than a row at a
# time or a thousand.
_AT_ONCE = 64
_MOST_KEPT = 1 << 15


@dataclasses.dataclass
class Split:
    """One split on its way: where its examples come from and where its records go.

    `unlabelled` says why its labels are not read, if they are not; such rows get the label 0.
    """

    name: str
    path: str
    read: Callable[[], Iterable[InputExample]]
    examples: Iterator[InputExample]
    bad_rows: BadRows
    statistics: SplitStatistics
    unlabelled: str | None = None

    @property
    def labelled(self) -> bool:
        """Whether its labels are read."""
        return self.unlabelled is None

    @property
    def is_test(self) -> bool:
        """Whether it is for prediction, where labels may be missing or hidden."""
        return self.name.split("_")[0] == "test"


def write_split(
    split: Split,
    writer: RecordWriter,
    processor: DataProcessor,
    tokenizer: Any,
    encode: Callable[[Sequence[str], Sequence[str | None]], list[Encoded]],
    max_seq_length: int,
    advance: Callable[[int], None] = lambda number: None,
) -> None:
    """Encodes and writes all examples of a split and counts what they are.

    Args:
      split: its examples are read to the end, its statistics are filled.
      writer: takes the records.
      processor: says what the labels and weights are.
      tokenizer: what `encode` works with.
      encode: from `bert_tf2.data.encoding.input_encoder`.
      max_seq_length: the most ids of an input.
      advance: is told numbers of examples as they are done.

    Raises:
      UserError: an example that cannot be used, unless such rows are left out.
      JobError: writing failed.
    """
    counts, count_unknown = split.statistics, unknown_counter(tokenizer)
    serialize = _serializer(writer, processor, max_seq_length)
    known_label, read_label = (counts.label_ids.get, label_reader(counts, processor.is_regression))
    if not split.labelled:
        known_label = {}.get
        read_label = _no_label
    lengths, hashes, hashed_labels, label_counts = (
        counts.length_counts,
        counts.text_hashes,
        counts.text_labels,
        counts.label_counts if split.labelled else [],
    )
    weighted, index = bool(processor.weight_key), -1
    truncated = unknown = pairs = 0
    while chunk := list(itertools.islice(split.examples, _AT_ONCE)):
        encoded = encode([example.text_a for example in chunk], [example.text_b for example in chunk])
        payloads, records = [], []
        for example, (payload, length, first, cut) in zip(chunk, encoded):
            index += 1
            text_a, text_b, name = example.text_a, example.text_b, example.label
            label, complaint, weight = known_label(name), None, 1
            if label is None:
                label, complaint = read_label(name)
            if weighted:
                weight, complaint = read_weight(example.weight, complaint)
            if text_b is not None and (first in (length, _NO_TOKENS) or max_seq_length < _SHORTEST_PAIR):
                _check_pair(counts, length, first, max_seq_length)
            if length == _NO_TOKENS:
                complaint = complaint or "empty text"
            if complaint:
                split.bad_rows.report(example.where(), complaint, [text_a, text_b, name])
                continue
            example_id = index if example.example_id is None else example.example_id
            payloads.append(payload)
            records.append(serialize(payload, length, first, label, example_id, weight))
            lengths[length] += 1
            pairs += text_b is not None
            truncated += cut
            if label_counts:
                label_counts[label] += 1
            if len(hashes) < MOST_COMPARED:
                hashes.append(hash(text_a if text_b is None else (text_a, text_b)))
                hashed_labels.append(label if label_counts else 0)
        writer.write_all(records)
        advance(len(chunk))
        unknown += count_unknown(b"".join(payloads))
    counts.rows, counts.truncated, counts.unknown_tokens, counts.pairs = sum(lengths), truncated, unknown, pairs


def _no_label(label: object) -> tuple[int, None]:
    del label
    return 0, None


def _check_pair(counts: SplitStatistics, length: int, first: int, max_seq_length: int) -> None:
    if max_seq_length < _SHORTEST_PAIR:
        raise UserError(
            f"--max_seq_length={max_seq_length} is too small for pairs of texts; it must be at least {_SHORTEST_PAIR}"
        )
    counts.empty_sides += length > _NO_TOKENS and first in (_NO_TOKENS, length)


def _serializer(writer: RecordWriter, processor: DataProcessor, max_seq_length: int) -> Callable[..., bytes]:
    """A function from an input's encoded ids, their number, the length of the first segment, label, example id and weight to
    the serialized record.

    There are few lengths and labels but many records, so what depends on them alone is encoded once.
    """
    encoder, regression = writer.encoder, processor.is_regression
    input_ids, segment_ids = encoder.of_packed_feature("input_ids"), encoder.of_packed_feature("segment_ids")
    label_ids, example_ids = encoder.of_feature("label_ids"), encoder.of_integer("example_id")
    weights = encoder.of_feature("weight") if processor.weight_key else None
    ones, example = b"\x01" * max_seq_length, encoder.example
    segments = bytes(max_seq_length) + ones

    @functools.lru_cache(_MOST_KEPT)
    def without_ids(length: int, first: int, label: int | None) -> bytes:
        begin = max_seq_length - first
        return segment_ids(segments[begin : begin + length], length) + without_tokens(length, label)

    @functools.lru_cache(_MOST_KEPT)
    def without_tokens(length: int, label: int | None) -> bytes:
        fixed = {"input_mask": ones[:length], "is_real_example": 1}
        return encoder.entries(fixed if regression else fixed | {"label_ids": label})

    def serialize(payload: bytes, length: int, first: int, label: float, example_id: int, weight: float) -> bytes:
        entries = input_ids(payload, length) + without_ids(length, first, None if regression else label)
        entries += example_ids(example_id)
        if regression:
            entries += label_ids(label)
        return example(entries if weights is None else entries + weights(weight))

    return serialize
