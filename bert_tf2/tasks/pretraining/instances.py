"""Documents -> the segments that become inputs: pairs with a random or the real next segment, pairs in order or swapped, or
running text.

How documents are cut follows `create_instances_from_document` of google-research/bert, sentence order follows ALBERT (Lan et
al., 2019), running text RoBERTa's FULL-SENTENCES (Liu et al., 2019). An instance is a row of five numbers: begin and end of the
first segment, begin and end of the second, in tokens of the part, and the label. Only these are kept and shuffled; inputs
are built from them a batch at a time.
"""

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import numpy as np

from bert_tf2.tasks.pretraining.metadata import NEXT_SENTENCE, NO_PAIRS


@dataclasses.dataclass(frozen=True, eq=False)
class TokenizedDocuments:
    """The tokens of documents, one after the other. Sentences and documents without tokens are not there.

    Attributes:
      ids: int32 [T].
      word_starts: bool [T], tokens that begin a word.
      sentences: where each sentence begins and the last one ends, S + 1 numbers.
      documents: the first sentence of each document and the number of all, D + 1 numbers.
      separator_id: the id that stands between two documents as a sentence of its own; None where nothing does.
    """

    ids: np.ndarray
    word_starts: np.ndarray
    sentences: list[int]
    documents: list[int]
    separator_id: int | None = None

    def __len__(self) -> int:
        return len(self.documents) - 1


def instances(
    documents: TokenizedDocuments, sentence_pairs: str, most: int, short_seq_prob: float, rng: np.random.Generator
) -> np.ndarray:
    """The instances of one pass through the documents, in their order: int64 [N, 5].

    Args:
      documents: at least two where the next sentence is to be predicted.
      sentence_pairs: `nsp`, `sop` or `none`.
      most: how many tokens an input has room for besides the special ones.
      short_seq_prob: how often the aim is a shorter input.
      rng: draws.
    """
    uniform = _uniforms(rng).__next__
    if sentence_pairs == NO_PAIRS:
        rows = _running_text(documents, most, short_seq_prob, uniform)
        return _without_outer_separators(np.array(rows, np.int64).reshape(-1, 5), documents)
    cut = _next_sentence_pairs if sentence_pairs == NEXT_SENTENCE else _sentence_order_pairs
    rows = []
    for document in range(len(documents)):
        target = most
        if uniform() < short_seq_prob:
            target = 2 + int(uniform() * (most - 1))
        cut(documents, document, target, uniform, rows)
    return np.array(rows, np.int64).reshape(-1, 5)


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(1 << 12).tolist()


def _next_sentence_pairs(
    documents: TokenizedDocuments, document: int, target: int, uniform: Callable[[], float], rows: list[int]
) -> None:
    bounds, firsts, others = documents.sentences, documents.documents, len(documents) - 1
    sentence, last = firsts[document], firsts[document + 1]
    while sentence < last:
        begin = bounds[sentence]
        chunk_end = bisect_left(bounds, begin + target, sentence + 1, last)
        count = chunk_end - sentence
        split = sentence + 1 + (int(uniform() * (count - 1)) if count > 1 else 0)
        end = bounds[split]
        if count > 1 and uniform() >= 0.5:
            rows += (begin, end, end, bounds[chunk_end], 0)
            sentence = chunk_end
            continue
        other = int(uniform() * others)
        other += other >= document
        first, end_of_other = firsts[other], firsts[other + 1]
        first += int(uniform() * (end_of_other - first))
        begin_b = bounds[first]
        end_b = bounds[bisect_left(bounds, begin_b + target - (end - begin), first + 1, end_of_other)]
        rows += (begin, end, begin_b, end_b, 1)
        # The sentences that were not used come again.
        sentence = split


def _sentence_order_pairs(
    documents: TokenizedDocuments, document: int, target: int, uniform: Callable[[], float], rows: list[int]
) -> None:
    bounds, firsts = documents.sentences, documents.documents
    sentence, last = firsts[document], firsts[document + 1]
    while sentence < last:
        begin = bounds[sentence]
        chunk_end = bisect_left(bounds, begin + target, sentence + 1, last)
        count, end = chunk_end - sentence, bounds[chunk_end]
        if count > 1:
            middle = bounds[sentence + 1 + int(uniform() * (count - 1))]
        else:
            # One sentence alone is divided at any of its tokens.
            middle = begin + 1 + int(uniform() * (end - begin - 1))
        if middle < end:
            rows += (begin, middle, middle, end, 0) if uniform() >= 0.5 else (middle, end, begin, middle, 1)
        sentence = chunk_end


def _running_text(documents: TokenizedDocuments, most: int, short_seq_prob: float, uniform: Callable[[], float]) -> list[int]:
    bounds = documents.sentences
    rows: list[int] = []
    place, end_of_text = bounds[0], bounds[-1]
    # Every pass begins with another length, so that passes are cut at different places.
    target = 2 + int(uniform() * (most - 1))
    while place < end_of_text:
        end = bounds[bisect_right(bounds, place + target) - 1]
        if end <= place:
            # A sentence that is longer than an input goes on in the next one.
            end = min(place + most, bounds[bisect_right(bounds, place)])
        rows += (place, end, end, end, 0)
        place = end
        target = 2 + int(uniform() * (most - 1)) if uniform() < short_seq_prob else most
    return rows


def _without_outer_separators(rows: np.ndarray, documents: TokenizedDocuments) -> np.ndarray:
    """Instances of running text whose first or last token stood between two documents, without it."""
    if documents.separator_id is not None:
        rows[:, 0] += documents.ids[rows[:, 0]] == documents.separator_id
        rows[:, 1] -= documents.ids[rows[:, 1] - 1] == documents.separator_id
        rows[:, 2:4] = rows[:, 1:2]
    return rows[rows[:, 1] > rows[:, 0]]
