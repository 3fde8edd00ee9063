"""Texts as code points inside a TensorFlow graph: what Python's `str` methods do, from tables made when the graph is built.

TensorFlow's own operations (`tf.strings.lower`, `normalize_utf8`) follow another Unicode version and other rules than the
Python that prepared the training data; the tables are made by that Python. A text is a row of a ragged int32 tensor
[B, (characters)].
"""

import functools
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

_CODE_POINTS = 0x110000
# Planes 4 to 13 hold no characters and 15 and 16 are for private use: nothing is done to them.
USED = (*range(0x40000), *range(0xE0000, 0xF0000))
_PAGE_BITS = 8
# Marks in the rows of a `Mapping`: the code point itself, and no character at all.
_ITSELF, _NOTHING = -1, -2
_CAPITAL_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C2
# Stands for a shielded character where words are told apart: cleaned text has it not.
_SHIELD = 0xFFFD
_TRANSPARENT, _CASED = 2, 1


class Property(tf.Module):
    """An integer for every code point, kept as the few pages of 256 that differ from each other.

    Args:
      values: int32 [0x110000].
    """

    def __init__(self, values: np.ndarray):
        super().__init__()
        pages: dict[bytes, int] = {}
        page_of = [pages.setdefault(page.tobytes(), len(pages)) for page in values.reshape(-1, 1 << _PAGE_BITS)]
        self._pages = tf.constant(np.frombuffer(b"".join(pages), values.dtype), tf.int32)
        self._page_of = tf.constant(page_of, tf.int32)

    def __call__(self, code_points: tf.Tensor) -> tf.Tensor:
        """int32 [N] -> int32 [N]; what is `Shielded` has the value of private use."""
        page = tf.gather(self._page_of, tf.bitwise.right_shift(tf.minimum(code_points, _CODE_POINTS - 1), _PAGE_BITS))
        return tf.gather(self._pages, page * (1 << _PAGE_BITS) + tf.bitwise.bitwise_and(code_points, (1 << _PAGE_BITS) - 1))


class Mapping(tf.Module):
    """Replaces every character by none, one or several, whatever stands beside it.

    Args:
      function: from one character to the string that replaces it; a module's function, since its table is made once.
    """

    def __init__(self, function: Callable[[str], str]):
        super().__init__()
        row_indices, rows = _replacements(function)
        self._row_index = Property(row_indices)
        self._rows = tf.constant(rows, tf.int32)

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """int32 [B, (n)] -> int32 [B, (m)]."""
        return self.with_sources(texts)[0]

    def with_sources(self, texts: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """As a call, and for every character of the result the one it replaces: int64 [sum of m], into the flat input."""
        flat = texts.flat_values
        replacements = tf.gather(self._rows, self._row_index(flat))
        replacements = tf.where(replacements == _ITSELF, flat[:, tf.newaxis], replacements)
        kept = replacements != _NOTHING
        lengths = tf.reduce_sum(tf.cast(kept, texts.row_splits.dtype), axis=1)
        ends = tf.concat([tf.zeros([1], lengths.dtype), tf.cumsum(lengths)], axis=0)
        splits = tf.gather(ends, texts.row_splits)
        places = tf.where(kept)
        replaced = tf.RaggedTensor.from_row_splits(tf.gather_nd(replacements, places), splits, validate=False)
        return replaced, places[:, 0]


class FinalSigmas(tf.Module):
    """Makes a capital sigma the final small one where `str.lower` would; it leaves the other characters to a `Mapping`.

    Final means: after a cased character and not before one, characters that are ignored for case passed over (Unicode,
    section 3.13, `Final_Sigma`).
    """

    def __init__(self):
        super().__init__()
        self._kind = Property(_kinds_for_sigma())

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """int32 [B, (n)] -> int32 [B, (n)]."""
        flat = texts.flat_values
        found = tf.reduce_any(flat == _CAPITAL_SIGMA)
        return texts.with_flat_values(tf.cond(found, lambda: self._with_final_sigmas(texts), lambda: flat))

    def _with_final_sigmas(self, texts: tf.RaggedTensor) -> tf.Tensor:
        space = tf.fill([texts.nrows(), 1], ord(" "))
        spaced = tf.concat([space, texts, space], axis=1)
        flat = spaced.flat_values
        kind = self._kind(flat)
        visible = kind != _TRANSPARENT
        cased = tf.boolean_mask(kind == _CASED, visible)
        place = tf.cumsum(tf.cast(visible, tf.int32)) - 1
        before = tf.gather(cased, tf.maximum(place - 1, 0))
        after = tf.gather(cased, tf.minimum(place + 1, tf.size(cased) - 1))
        final = (flat == _CAPITAL_SIGMA) & before & ~after
        return spaced.with_flat_values(tf.where(final, _FINAL_SIGMA, flat))[:, 1:-1].flat_values


class CanonicalOrder(tf.Module):
    """Sorts neighbouring combining marks as normalization does (Unicode, section 3.11, Canonical Ordering Algorithm).

    Only marks that are not stripped as accents (category Mn) can make a difference to BERT; texts without them pass through.
    """

    def __init__(self):
        super().__init__()
        classes, may_matter = _combining_classes()
        self._combining_class = Property(classes)
        self._may_matter = Property(may_matter)

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """int32 [B, (n)] -> int32 [B, (n)], every row a permutation."""
        flat = texts.flat_values
        return texts.with_flat_values(tf.cond(self._needed(flat), lambda: tf.gather(flat, self._order(texts)[0]), lambda: flat))

    def with_places(
        self, texts: tf.RaggedTensor, starts: tf.Tensor, ends: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
        """As a call, with the places the characters have in a text; marks that change their order share theirs.

        Args:
          texts: int32 [B, (n)].
          starts, ends: int32 [sum of n], not decreasing within a text.

        Returns:
          The sorted texts, starts and ends.
        """
        flat = texts.flat_values
        flat, starts, ends = tf.cond(
            self._needed(flat), lambda: self._sorted_with_places(texts, starts, ends), lambda: (flat, starts, ends)
        )
        return texts.with_flat_values(flat), starts, ends

    def _needed(self, flat: tf.Tensor) -> tf.Tensor:
        return tf.reduce_any(self._may_matter(flat) != 0)

    def _order(self, texts: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The permutation, the run that each character belongs to and its combining class, all int [sum of n]."""
        combining_class = self._combining_class(texts.flat_values)
        # Every character that does not combine, and every text, begins a new run; runs stay in their order.
        run = tf.cumsum(tf.cast(combining_class == 0, tf.int64)) + tf.cast(texts.value_rowids(), tf.int64)
        key = run * 256 + tf.cast(combining_class, tf.int64)
        return tf.argsort(key, stable=True), run, combining_class

    def _sorted_with_places(
        self, texts: tf.RaggedTensor, starts: tf.Tensor, ends: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        order, run, combining_class = self._order(texts)
        # The character that a run begins with stays where it is and keeps its place.
        segment = 2 * run + tf.cast(combining_class != 0, tf.int64)
        segments = tf.reduce_max(segment) + 1
        moved = tf.cast(order != tf.range(tf.size(order)), tf.int32)
        shared = tf.gather(tf.math.unsorted_segment_max(moved, segment, segments), segment) == 1
        first = tf.gather(tf.math.unsorted_segment_min(starts, segment, segments), segment)
        last = tf.gather(tf.math.unsorted_segment_max(ends, segment, segments), segment)
        starts, ends = tf.where(shared, first, starts), tf.where(shared, last, ends)
        return tf.gather(texts.flat_values, order), tf.gather(starts, order), tf.gather(ends, order)


class Shielded(tf.Module):
    """Keeps some words from all that is done to characters, by moving theirs beyond the code points that there are.

    Args:
      words: none of them empty or with white space.
    """

    def __init__(self, words: Sequence[str]):
        super().__init__()
        self._words = tf.constant([word.encode() for word in words])

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """int32 [B, (n)] -> int32 [B, (n)]; a word is what stands between spaces."""
        flat = texts.flat_values
        words = tf.strings.split(encode(texts.with_flat_values(tf.where(flat < _CODE_POINTS, flat, _SHIELD)))).flat_values
        is_one = tf.reduce_any(words[:, tf.newaxis] == self._words, axis=1)
        shielded = tf.repeat(tf.cast(is_one, tf.int32), tf.strings.length(words, unit="UTF8_CHAR"))
        visible = tf.where(flat != ord(" "))
        return texts.with_flat_values(tf.tensor_scatter_nd_add(flat, visible, shielded * _CODE_POINTS))


class Unshielded(tf.Module):
    """Gives words that are `Shielded` their characters back."""

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """int32 [B, (n)] -> int32 [B, (n)]."""
        return texts.with_flat_values(tf.math.floormod(texts.flat_values, _CODE_POINTS))


def decode(texts: tf.Tensor) -> tf.RaggedTensor:
    """string [B] -> int32 [B, (n)]; bytes that are not UTF-8 are left out, as by Python's `decode(errors="ignore")`."""
    return tf.strings.unicode_decode(texts, "UTF-8", errors="ignore")


def encode(texts: tf.RaggedTensor) -> tf.Tensor:
    """int32 [B, (n)] -> string [B]."""
    return tf.strings.unicode_encode(texts, "UTF-8", errors="ignore")


def values_of(function: Callable[[str], int]) -> np.ndarray:
    """The values of a function for every code point, 0 where no characters are: int32 [0x110000]."""
    values = np.zeros(_CODE_POINTS, np.int32)
    values[list(USED)] = [function(chr(code_point)) for code_point in USED]
    return values


@functools.lru_cache(maxsize=1)
def _kinds_for_sigma() -> np.ndarray:
    """What `str.lower` sees in a character beside a sigma: 1 cased, 2 passed over, 0 anything else. int32 [0x110000]."""
    kinds = np.zeros(_CODE_POINTS, np.int32)
    for code_point in USED:
        character = chr(code_point)
        if (character + "Σ").lower().endswith("ς"):
            kinds[code_point] = _CASED
        elif ("A" + character + "Σ").lower().endswith("ς"):
            kinds[code_point] = _TRANSPARENT
    return kinds


@functools.lru_cache(maxsize=1)
def _combining_classes() -> tuple[np.ndarray, np.ndarray]:
    """The canonical combining class of every code point, and 1 for those that combine and are not stripped. int32 [0x110000]."""
    classes, may_matter = np.zeros([2, _CODE_POINTS], np.int32)
    for code_point in USED:
        classes[code_point] = unicodedata.combining(chr(code_point))
        may_matter[code_point] = classes[code_point] and unicodedata.category(chr(code_point)) != "Mn"
    return classes, may_matter


@functools.lru_cache(maxsize=16)
def _replacements(function: Callable[[str], str]) -> tuple[np.ndarray, np.ndarray]:
    """For every code point the row of its replacement, int32 [0x110000], and the rows, int32 [R, longest replacement]."""
    rows: dict[tuple[int, ...], int] = {(_ITSELF,): 0}
    indices = np.zeros(_CODE_POINTS, np.int32)
    for code_point in USED:
        character = chr(code_point)
        replacement = function(character)
        if replacement != character:
            row = tuple(_ITSELF if other == character else ord(other) for other in replacement)
            indices[code_point] = rows.setdefault(row, len(rows))
    width = max(map(len, rows))
    return indices, np.array([row + (_NOTHING,) * (width - len(row)) for row in rows], np.int32)
