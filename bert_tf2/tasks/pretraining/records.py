"""Instances -> serialized records, a batch at a time: tokens are gathered, masked and encoded for many inputs at once."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bert_tf2.data.records.feature_spec import PREDICTIONS, TOKENS
from bert_tf2.data.records.wire_format import ExampleEncoder, integer_lists
from bert_tf2.tasks.pretraining import masking
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.instances import TokenizedDocuments
from bert_tf2.tasks.pretraining.metadata import NO_PAIRS
from bert_tf2.text.template import TextTemplate

# Tokens in a batch: its arrays stay in the processor's cache.
_TOKENS_AT_ONCE = 1 << 17
_KEPT_ENTRIES = 1 << 13


@dataclasses.dataclass(frozen=True)
class InstanceSettings:
    """How documents become records.

    Attributes:
      max_seq_length: the most tokens of an input, at least 5.
      max_predictions_per_seq, masked_lm_prob: see `bert_tf2.tasks.pretraining.masking`.
      short_seq_prob: how often the aim is a shorter input.
      dupe_factor: number of passes through the documents.
      random_seed: of all choices.
      sentence_pairs: `nsp`, `sop` or `none`.
      whole_word_masking: the tokens of a word are masked together.
      max_ngram_size: the most words in a row that are masked as one; 1 without n-grams.
      dynamic_masking: records hold `masking_units` and the text as it is.
      word_segmenter: `jieba` finds the words of Chinese text; None knows words by their tokens.
      pad_to_max_length: write Google's fixed-length records.
      use_v2_feature_names: write the garden's second feature names.
      gzip: compress the files.
    """

    max_seq_length: int = 128
    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    short_seq_prob: float = 0.1
    dupe_factor: int = 10
    random_seed: int = 12345
    sentence_pairs: str = "nsp"
    whole_word_masking: bool = False
    max_ngram_size: int = 1
    dynamic_masking: bool = False
    word_segmenter: str | None = None
    pad_to_max_length: bool = False
    use_v2_feature_names: bool = False
    gzip: bool = False


@dataclasses.dataclass
class InstanceCounts:
    """What was written: records, their tokens (special ones included), those that may be masked, those that are, records
    labelled 1, and tokens that were cut off from pairs that were too long."""

    records: int = 0
    tokens: int = 0
    maskable: int = 0
    predictions: int = 0
    labelled: int = 0
    cut: int = 0

    def add(self, other: "InstanceCounts") -> None:
        """Adds what another one counted."""
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@dataclasses.dataclass(frozen=True, eq=False)
class InputBatch:
    """Inputs as rows.

    Attributes:
      ids: int32 [B, L], padded with 0.
      lengths: int64 [B], tokens of each input.
      first: int64 [B], tokens of the first segment with its special ones.
      candidates: bool [B, L], tokens that are not special.
      word_starts: bool [B, L], tokens that begin a word.
      cut: tokens that did not find room.
    """

    ids: np.ndarray
    lengths: np.ndarray
    first: np.ndarray
    candidates: np.ndarray
    word_starts: np.ndarray
    cut: int


def build_inputs(
    rows: np.ndarray, documents: TokenizedDocuments, max_seq_length: int, template: TextTemplate, rng: np.random.Generator
) -> InputBatch:
    """Cuts pairs that are too long and puts the special tokens around the segments.

    As in google-research/bert the longer segment loses tokens, each of them at its front or at its end with the same
    probability.

    Args:
      rows: int64 [B, 5], instances; an empty second segment makes an input of one.
      documents: the tokens.
      max_seq_length: the most tokens of an input.
      template: how segments are packed.
      rng: draws.
    """
    begin_a, end_a, begin_b, end_b = rows[:, :4].T
    length_a, length_b = end_a - begin_a, end_b - begin_b
    before, behind = len(template.begin), len(template.end)
    most = max_seq_length - template.special_tokens_of_pair
    kept_a = np.where(length_a + length_b > most, np.minimum(length_a, np.maximum(most - length_b, (most + 1) // 2)), length_a)
    kept_b = np.where((length_a + length_b > most) & (length_b > 0), most - kept_a, length_b)
    is_single = length_b == 0
    kept_a = np.where(is_single, length_a, kept_a)
    cut_a, cut_b = length_a - kept_a, length_b - kept_b
    begin_a, begin_b = begin_a + rng.binomial(cut_a, 0.5), begin_b + rng.binomial(cut_b, 0.5)
    first = kept_a + np.where(is_single, template.special_tokens, template.before_second)
    lengths = first + np.where(is_single, 0, kept_b + behind)
    columns = np.arange(int(lengths.max()), dtype=np.int32)
    in_second = columns >= first[:, np.newaxis]
    places = np.where(in_second, (begin_b - first)[:, np.newaxis], (begin_a - before)[:, np.newaxis]) + columns
    # At special tokens and in the padding it does not matter what is gathered.
    np.clip(places, 0, len(documents.ids) - 1, out=places)
    ids = documents.ids[places]
    every, pairs = np.arange(len(rows)), np.flatnonzero(~is_single)
    ids[:, :before] = template.begin
    for number, id in enumerate(template.between):
        ids[pairs, (before + kept_a)[pairs] + number] = id
    for number, id in enumerate(template.end):
        ids[every, lengths - behind + number] = id
    within = columns < lengths[:, np.newaxis]
    ids *= within
    candidates = within.copy()
    for id in template.special_ids:
        candidates &= ids != id
    return InputBatch(ids, lengths, first, candidates, documents.word_starts[places], int(cut_a.sum() + cut_b.sum()))


class RecordMaker:
    """Makes serialized records of instances.

    Args:
      settings: what the records are.
      tokenizer: knows the special tokens.
      mask_id: the id of [MASK].
    """

    def __init__(self, settings: InstanceSettings, tokenizer: Any, mask_id: int):
        self._settings = settings
        self._tokenizer = tokenizer
        self._mask_id = mask_id
        self.counts = InstanceCounts()
        specs = pretraining_features(masked=not settings.dynamic_masking, next_sentence=settings.sentence_pairs != NO_PAIRS)
        if settings.use_v2_feature_names:
            specs = [dataclasses.replace(spec, name=spec.aliases[0], aliases=()) if spec.aliases else spec for spec in specs]
        pad_to = {TOKENS: settings.max_seq_length, PREDICTIONS: settings.max_predictions_per_seq}
        encoder = ExampleEncoder(specs, pad_to if settings.pad_to_max_length else None)
        self._encoder = encoder
        self._ids, mask, segments = [spec.name for spec in specs[:3]]
        self._mask_and_segments = functools.lru_cache(_KEPT_ENTRIES)(
            lambda length, first: encoder.entries(
                {mask: b"\1" * length, segments: bytes(tokenizer.template.segment_ids(first, length))}
            )
        )
        self._weights = functools.lru_cache(None)(lambda count: encoder.entries({"masked_lm_weights": [1.0] * count}))
        self._label = functools.lru_cache(None)(
            lambda label: encoder.entries({"next_sentence_labels": label} if settings.sentence_pairs != NO_PAIRS else {})
        )

    def records(self, rows: np.ndarray, documents: TokenizedDocuments, rng: np.random.Generator) -> Iterator[list[bytes]]:
        """Yields the records of instances, int64 [N, 5], in batches; counts them."""
        at_once = max(1, _TOKENS_AT_ONCE // self._settings.max_seq_length)
        for start in range(0, len(rows), at_once):
            yield self._batch(rows[start : start + at_once], documents, rng)

    def _batch(self, rows: np.ndarray, documents: TokenizedDocuments, rng: np.random.Generator) -> list[bytes]:
        settings, tokenizer = self._settings, self._tokenizer
        batch = build_inputs(rows, documents, settings.max_seq_length, tokenizer.template, rng)
        labels = rows[:, 4].tolist()
        maskable = batch.candidates.sum(axis=1)
        self.counts.add(
            InstanceCounts(len(rows), int(batch.lengths.sum()), int(maskable.sum()), 0, int(rows[:, 4].sum()), batch.cut)
        )
        rest = self._units(batch) if settings.dynamic_masking else self._predictions(batch, maskable, rng)
        ids, lengths = self._per_token(self._ids, batch.ids, batch), batch.lengths.tolist()
        alike = map(self._mask_and_segments, lengths, batch.first.tolist())
        return self._encoder.records(ids, alike, *rest, map(self._label, labels))

    def _per_token(self, name: str, values: np.ndarray, batch: InputBatch) -> list[bytes]:
        """The column of a feature of tokens, from values [B, L]."""
        within = np.arange(values.shape[1]) < batch.lengths[:, np.newaxis]
        return self._encoder.packed_column(name, integer_lists(values[within], batch.lengths), batch.lengths.tolist())

    def _units(self, batch: InputBatch) -> list[Iterable[bytes]]:
        """The column of `masking_units`."""
        starts = batch.word_starts if self._settings.whole_word_masking else np.ones_like(batch.candidates)
        return [self._per_token("masking_units", masking.masking_units(batch.candidates, starts), batch)]

    def _predictions(self, batch: InputBatch, maskable: np.ndarray, rng: np.random.Generator) -> list[Iterable[bytes]]:
        """Masks the batch and gives the columns of the three lists of predictions."""
        settings = self._settings
        counts = masking.prediction_counts(batch.lengths, maskable, settings.masked_lm_prob, settings.max_predictions_per_seq)
        if settings.max_ngram_size > 1:
            units = masking.masking_units(batch.candidates, batch.word_starts)
            chosen = masking.choose_ngrams(units, counts, settings.max_ngram_size, rng)
        elif settings.whole_word_masking:
            chosen = masking.choose_words(masking.masking_units(batch.candidates, batch.word_starts), counts, rng)
        else:
            chosen = masking.choose_tokens(batch.candidates, counts, rng)
        positions, labels = masking.replace_chosen(batch.ids, chosen, self._mask_id, self._tokenizer.vocab_size, rng)
        counts = chosen.sum(axis=1)
        self.counts.predictions += len(positions)
        of_each = counts.tolist()
        return [
            self._encoder.packed_column("masked_lm_positions", integer_lists(positions, counts), of_each),
            self._encoder.packed_column("masked_lm_ids", integer_lists(labels, counts), of_each),
            map(self._weights, of_each),
        ]
