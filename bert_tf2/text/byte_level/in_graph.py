"""Byte-level BPE inside a TensorFlow graph: `ByteLevelBPETokenizer` for models that take raw text."""

import functools
import itertools

import numpy as np
import tensorflow as tf

from bert_tf2.text import code_points
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, alphabet
from bert_tf2.text.byte_level.vocabulary import ByteLevelVocabulary

_OTHER, _LETTER, _NUMBER, _WHITE_SPACE = range(4)
# In the same order a character of each kind but the last.
_SAMPLES = "!a1"
_SPACE, _APOSTROPHE = ord(" "), ord("'")
_NONE = np.iinfo(np.int32).max


class InGraphByteLevelBPE(tf.Module):
    """The ids of texts, by TensorFlow's own operations alone.

    Args:
      tokenizer: gives the same ids.
    """

    def __init__(self, tokenizer: ByteLevelBPETokenizer):
        super().__init__()
        self._add_prefix_space = tokenizer.source.add_prefix_space
        self._splitter = _WordSplitter()
        self._merger = _Merger(tokenizer.source, tokenizer.unk_id)

    def __call__(self, text: tf.Tensor) -> tf.RaggedTensor:
        """string [B] -> int32 [B, (n)], without special tokens; bytes that are not UTF-8 are left out."""
        words, row = self._splitter(code_points.decode(self.begun(text)))
        words, number = tf.unique(words)
        ids = tf.gather(self._merger(words), number)
        by_row = tf.RaggedTensor.from_value_rowids(ids, row, nrows=tf.size(text, tf.int64), validate=False)
        return by_row.merge_dims(1, 2)

    def begun(self, text: tf.Tensor) -> tf.Tensor:
        """The texts as they are tokenized, string [B]: some models' begin with a space."""
        if not self._add_prefix_space:
            return text
        text = code_points.encode(code_points.decode(text))
        as_it_is = (text == "") | (tf.strings.substr(text, 0, 1) == " ")
        return tf.where(as_it_is, text, tf.strings.join([" ", text]))


class _WordSplitter(tf.Module):
    r"""Cuts texts into words as GPT-2's regular expression does, which RE2 cannot (it looks ahead):

    `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

    So a word is a run of characters of one kind with the space before it; of white space before something visible the last
    character stands apart, or is that space.
    """

    def __init__(self):
        super().__init__()
        self._kind = code_points.Property(_kinds())

    def __call__(self, characters: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """int32 [B, (n)] -> the words, string [W], and the row of each, int64 [W]."""
        flat, row = characters.flat_values, characters.value_rowids()
        begins = self._begins(flat, row)
        word = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        words = tf.RaggedTensor.from_value_rowids(flat, word, validate=False)
        return code_points.encode(words), tf.boolean_mask(row, begins)

    def _begins(self, flat: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """Whether a word begins with a character, bool [sum of n]."""
        kind = self._kind(flat)
        first = row != _shifted(row, 1, -1)
        before, blank, ahead = _shifted(kind, 1, _OTHER), kind == _WHITE_SPACE, _shifted(kind, -1, _WHITE_SPACE)
        last_blank = blank & (ahead != _WHITE_SPACE) & ~_shifted(first, -1, True)
        after_blank = before == _WHITE_SPACE
        begins = tf.where(blank, ~after_blank | last_blank, tf.where(after_blank, _shifted(flat, 1, 0) != _SPACE, kind != before))
        return self._with_contractions(begins | first, first, flat)

    def _with_contractions(self, begins: tf.Tensor, first: tf.Tensor, flat: tf.Tensor) -> tf.Tensor:
        """The beginnings, `'s` and its like as words of their own wherever their apostrophe begins a word."""
        # Characters of the next text do not count.
        next_ = tf.where(_shifted(first, -1, True), -1, _shifted(flat, -1, -1))
        second_next = tf.where(_shifted(first, -1, True), -1, _shifted(next_, -1, -1))
        begins_one = begins & (flat == _APOSTROPHE)
        short = begins_one & tf.reduce_any(next_[:, tf.newaxis] == [ord(letter) for letter in "stmd"], axis=1)
        pairs = [(next_ == ord(one)) & (second_next == ord(other)) for one, other in ("re", "ve", "ll")]
        long = begins_one & tf.reduce_any(pairs, axis=0)
        inside = _shifted(short | long, 1, False) | _shifted(long, 2, False)
        return (begins & ~inside) | _shifted(short, 2, False) | _shifted(long, 3, False)


class _Merger(tf.Module):
    """Merges the bytes of words: in every round all occurrences of the pair of each word that was learned first.

    Where no merged token holds two bytes one after the other, no merge ever goes across them: there words are cut beforehand,
    which makes many short stretches of a long one (of a sentence of ideographs, say) and few rounds.
    """

    def __init__(self, vocabulary: ByteLevelVocabulary, unk_id: int):
        super().__init__()
        byte_of, ids = alphabet(), vocabulary.ids
        id_of_byte = [unk_id] * 256
        for character, byte in byte_of.items():
            id_of_byte[byte] = ids.get(character, unk_id)
        self._id_of_byte = tf.constant(id_of_byte, tf.int32)
        self._size = len(vocabulary.tokens)
        # Of a pair that stands in the list twice the last place counts, as in all readers.
        ranks = {(ids[first], ids[second]): rank for rank, (first, second) in enumerate(vocabulary.merges)}
        order = sorted(ranks)
        self._pairs = tf.constant([first * self._size + second for first, second in order], tf.int64)
        self._ranks = tf.constant([ranks[pair] for pair in order], tf.int32)
        self._merged = tf.constant([ids[first + second] for first, second in vocabulary.merges], tf.int32)
        touching = np.zeros(1 << 16, bool)
        for token in map("".join, vocabulary.merges):
            spelled = [byte_of.get(character, 0) for character in token]
            touching[[one * 256 + other for one, other in itertools.pairwise(spelled)]] = True
        self._touching = tf.constant(touching)

    def __call__(self, words: tf.Tensor) -> tf.RaggedTensor:
        """string [W] -> ids, int32 [W, (n)]."""
        characters = tf.strings.bytes_split(words)
        word = characters.value_rowids()
        values = tf.cast(tf.reshape(tf.io.decode_raw(characters.flat_values, tf.uint8), [-1]), tf.int32)
        pair = _shifted(values, 1, 0) * 256 + values
        begins = (word != _shifted(word, 1, -1)) | ~tf.gather(self._touching, pair)
        stretch = tf.cumsum(tf.cast(begins, tf.int32)) - 1
        ids, stretch = self._merge(tf.gather(self._id_of_byte, values), stretch)
        word_of_stretch = tf.boolean_mask(word, begins)
        return tf.RaggedTensor.from_value_rowids(
            ids, tf.gather(word_of_stretch, stretch), nrows=tf.size(words, tf.int64), validate=False
        )

    def _merge(self, ids: tf.Tensor, stretch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids and the stretch that each stands in, both int32 [N], without and with all merges; stretches stay apart."""
        stretches = tf.reduce_max(tf.concat([stretch, [-1]], axis=0)) + 1

        def step(ids, stretch, ranks):
            best = tf.gather(tf.math.unsorted_segment_min(ranks, stretch, stretches), stretch)
            merging = _every_other((ranks == best) & (best != _NONE))
            ids = tf.where(merging, tf.gather(self._merged, tf.where(merging, ranks, 0)), ids)
            kept = ~_shifted(merging, 1, False)
            ids, stretch = tf.boolean_mask(ids, kept), tf.boolean_mask(stretch, kept)
            return ids, stretch, self._ranks_of(ids, stretch)

        ids, stretch, _ = tf.while_loop(
            lambda ids, stretch, ranks: tf.reduce_any(ranks != _NONE),
            step,
            (ids, stretch, self._ranks_of(ids, stretch)),
            shape_invariants=(tf.TensorShape([None]),) * 3,
        )
        return ids, stretch

    def _ranks_of(self, ids: tf.Tensor, stretch: tf.Tensor) -> tf.Tensor:
        """The place among the merges of each id with the next one, int32 [N]; `_NONE` where they are not to be merged."""
        pairs = tf.cast(ids, tf.int64) * self._size + tf.cast(_shifted(ids, -1, 0), tf.int64)
        places = tf.minimum(tf.searchsorted(self._pairs, pairs), tf.size(self._pairs) - 1)
        found = (tf.gather(self._pairs, places) == pairs) & (stretch == _shifted(stretch, -1, -1))
        return tf.where(found, tf.gather(self._ranks, places), _NONE)


def _shifted(values: tf.Tensor, by: int, fill: int | bool) -> tf.Tensor:
    """The values [N] moved `by` places to the right, or to the left where it is negative."""
    filling = tf.fill([abs(by)], tf.cast(fill, values.dtype))
    count = tf.size(values)
    if by > 0:
        return tf.concat([filling, values], axis=0)[:count]
    return tf.concat([values, filling], axis=0)[-by : count - by]


def _every_other(flags: tf.Tensor) -> tf.Tensor:
    """Of neighbouring flags, bool [N], the first, third, …: in `aaa` the pair `aa` stands twice and is merged once."""
    place = tf.range(tf.size(flags))
    begins = flags & ~_shifted(flags, 1, False)
    run = tf.maximum(tf.cumsum(tf.cast(begins, tf.int32)) - 1, 0)
    begin = tf.concat([tf.boolean_mask(place, begins), [0]], axis=0)
    return flags & ((place - tf.gather(begin, run)) % 2 == 0)


@functools.lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    """What the library `tokenizers`, which knows another version of Unicode than Python, takes every code point for: int32
    [0x110000]."""
    from tokenizers import pre_tokenizers

    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    # Half pairs are no characters; a space would join what follows it.
    used = [c for c in code_points.USED if not 0xD800 <= c < 0xE000 and c != _SPACE]
    characters = "".join(map(chr, used))
    kinds = np.zeros(0x110000, np.int32)
    kinds[_SPACE] = _WHITE_SPACE
    for _, (start, end) in split(characters):
        joins = [len(split(sample + characters[start])) == 1 for sample in _SAMPLES]
        kinds[used[start:end]] = joins.index(True) if any(joins) else _WHITE_SPACE
    return kinds
