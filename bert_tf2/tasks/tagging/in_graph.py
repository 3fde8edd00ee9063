"""A module that tags texts: raw text in, entities with their places out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.tasks.exports import signature
from bert_tf2.tasks.tagging import crf
from bert_tf2.tasks.tagging.in_graph_words import InGraphWords, Joining
from bert_tf2.tasks.tagging.schemes import OUTSIDE, PLAIN, divided
from bert_tf2.text.in_graph import with_special
from bert_tf2.text.in_graph_offsets import InGraphPlacingTokenizer, PlacedIds
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

# Windows that the model is run on at a time: with it memory does not grow with the length of a text.
_WINDOWS_AT_A_TIME = 16
_PREFIXES = "OBIES"


class EntityTaggingModule(tf.Module):
    """Tags texts of any length.

    Words are what the tokenizer divides a text into before it looks for pieces: at white space, at punctuation marks and around
    ideographs. Windows and decoding are those of records.

    Args:
      model: maps the encoder's inputs, int32 [N, L], to `logits` float32 [N, L, C], and where it has a conditional random field
        to `transitions`.
      tokenizer: the model's.
      max_seq_length: the most tokens of a window.
      labels: tags in id order.
      scheme: how they are written; of plain tags every word is an entity.
      allowed: which tag may follow which, for a model with a conditional random field; see `schemes.transitions`.
      joins_signs: a point, comma, hyphen, underscore, & or @ between two letters or digits is inside a word, as in most data
        whose words were told apart by others.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        tokenizer: Tokenizer,
        max_seq_length: int,
        labels: Sequence[str],
        scheme: str,
        allowed: np.ndarray | None = None,
        joins_signs: bool = True,
    ):
        super().__init__()
        # A SavedModel needs the variables. Of a Keras model as an attribute it would hold every layer's functions besides, and
        # take far longer to write and to load.
        self._variables = list(model.variables)
        self._outputs_of = lambda inputs: model(inputs, training=False)
        self._tokenizer = tokenizer
        self._joining = None
        if isinstance(tokenizer, WordPieceTokenizer):
            self._place = InGraphPlacingTokenizer(tokenizer)
            self._joining = Joining(tokenizer) if joins_signs else None
        else:
            self._place = InGraphWords(tokenizer, joins_signs)
        self._template = tokenizer.template
        self._cut = _Cutter(max_seq_length - self._template.special_tokens)
        self._allowed = allowed
        parts = [(tag[:1], tag) if scheme == PLAIN else divided(tag) for tag in labels]
        types = sorted({kind for _, kind in parts})
        self._types = tf.constant(types)
        self._type_of = tf.constant([types.index(kind) for _, kind in parts], tf.int32)
        # Plain tags are as the S of IOBES.
        prefixes = ["S" if scheme == PLAIN else prefix for prefix, _ in parts]
        self._prefix_of = tf.constant([_PREFIXES.index(prefix) for prefix in prefixes], tf.int32)

    @signature(tf.TensorSpec([None], tf.string, name="text"))
    def tag(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Finds the entities of each text.

        Args:
          text: string [B], UTF-8; bytes that are not are left out. It may be empty.

        Returns:
          All entities, in the order of the texts and then of their places:
          `text_number`: int32 [E], the text that it is in, from 0.
          `type`: string [E].
          `text`: string [E], the slice of the text.
          `start`, `end`: int32 [E], its place in the text in code points, not bytes: in Python `text[start:end]`.
          `probability`: float32 [E], of its words having just these tags, whatever the others have.
        """
        placed = self._place(text)
        starts_word = placed.word_starts.flat_values
        if self._joining is not None:
            starts_word = self._joining(placed)
        emissions, transitions = self._run_model(placed)
        words = _Words.of(placed, starts_word)
        by_text = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(emissions, starts_word), words.number)
        # There may be no word at all.
        padded = by_text.to_tensor()
        padded = tf.pad(padded, [[0, 0], [0, tf.cast(tf.shape(padded)[1] == 0, tf.int32)], [0, 0]])
        tags = crf.decode(padded, words.number, transitions)
        return self._entities(placed, words, padded, tags, transitions)

    def _run_model(self, placed: PlacedIds) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The logits of every piece from the window that answers it, float32 [T, C], and the transitions between tags."""
        ids = placed.ids
        windows = self._cut(tf.cast(ids.row_lengths(), tf.int32), tf.cast(ids.row_starts(), tf.int32))
        lengths = windows.end - windows.begin
        order = tf.argsort(lengths, stable=True)
        classes = self._type_of.shape[0]
        # There may be no window; the transitions are wanted all the same.
        steps = tf.maximum((tf.size(order) + _WINDOWS_AT_A_TIME - 1) // _WINDOWS_AT_A_TIME, 1)

        def step(number, logits, places, transitions):
            rows = order[number * _WINDOWS_AT_A_TIME : (number + 1) * _WINDOWS_AT_A_TIME]
            begin, first, behind = (tf.gather(values, rows) for values in (windows.begin, windows.first, windows.behind))
            outputs = self._outputs_of(self._packed(ids.flat_values, begin, tf.gather(lengths, rows)))
            answered = tf.ragged.range(first, behind)
            row = tf.cast(answered.value_rowids(), tf.int32)
            within = answered.flat_values - tf.gather(begin, row) + len(self._template.begin)
            found = tf.gather_nd(outputs["logits"], tf.stack([row, within], axis=1))
            logits, places = logits.write(number, found), places.write(number, answered.flat_values)
            return number + 1, logits, places, outputs.get("transitions", transitions)

        arrays = [
            tf.TensorArray(dtype, steps, infer_shape=False, element_shape=shape)
            for dtype, shape in ((tf.float32, [None, classes]), (tf.int32, [None]))
        ]
        _, logits, places, transitions = tf.while_loop(
            lambda number, *_: number < steps,
            step,
            (tf.constant(0), *arrays, tf.zeros((classes + 1, classes + 1))),
            parallel_iterations=1,
        )
        emissions = tf.gather(logits.concat(), tf.math.invert_permutation(places.concat()))
        return emissions, None if self._allowed is None else crf.closed(transitions, self._allowed)

    def _packed(self, ids: tf.Tensor, begin: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """The inputs of windows, int32 [N, L]; `begin` counts in the flat ids."""
        template = self._template
        before = len(template.begin)
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        place = tf.range(longest + template.special_tokens)[tf.newaxis, :]
        end = lengths[:, tf.newaxis] + before
        inside, within = (place >= before) & (place < end), place < end + len(template.end)
        # There may be no ids at all.
        chosen = tf.gather(tf.concat([ids, [0]], axis=0), tf.where(inside, begin[:, tf.newaxis] + place - before, 0))
        segments = tf.fill(tf.shape(within), template.segments[0])
        if template.last_segment is not None:
            segments = tf.where(place == end + len(template.end) - 1, template.last_segment, segments)
        return {
            "input_word_ids": with_special(tf.where(inside, chosen, 0), place, [(0, template.begin), (end, template.end)]),
            "input_mask": tf.cast(within, tf.int32),
            "input_type_ids": tf.where(within, segments, 0),
        }

    def _entities(
        self, placed: PlacedIds, words: "_Words", emissions: tf.Tensor, tags: tf.Tensor, transitions: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        """The entities by conlleval's rules; see `scores.entities`."""
        is_word = tf.sequence_mask(words.number, tf.shape(tags)[1])
        prefix = tf.where(is_word, tf.gather(self._prefix_of, tags), _PREFIXES.index(OUTSIDE))
        kind = tf.gather(self._type_of, tags)
        before = tf.pad(prefix, [[0, 0], [1, 0]])[:, :-1]
        open_before = (before == _PREFIXES.index("B")) | (before == _PREFIXES.index("I"))
        may_go_on = (prefix == _PREFIXES.index("I")) | (prefix == _PREFIXES.index("E"))
        goes_on = open_before & may_go_on & (kind == tf.pad(kind, [[0, 0], [1, 0]])[:, :-1])
        inside = prefix != _PREFIXES.index(OUTSIDE)
        begins = tf.cast(tf.where(inside & ~goes_on), tf.int32)
        lasts = tf.cast(tf.where(inside & ~tf.pad(goes_on, [[0, 0], [0, 1]])[:, 1:]), tf.int32)
        row, first, last = begins[:, 0], begins[:, 1], lasts[:, 1]
        offset = tf.gather(tf.cumsum(words.number, exclusive=True), row)
        start, end = tf.gather(words.starts, offset + first), tf.gather(words.ends, offset + last)
        characters = placed.characters
        begin_of_text = tf.gather(tf.cast(characters.row_starts(), tf.int32), row)
        slices = tf.gather(characters.flat_values, tf.ragged.range(begin_of_text + start, begin_of_text + end))
        log_probability = crf.span_log_probabilities(emissions, words.number, transitions, tags, tf.stack([row, first, last], 1))
        return {
            "text_number": row,
            "type": tf.gather(self._types, tf.gather_nd(kind, begins)),
            "text": tf.strings.unicode_encode(slices, "UTF-8"),
            "start": start,
            "end": end,
            "probability": tf.minimum(tf.exp(log_probability), 1.0),
        }


class _Words(NamedTuple):
    """The words of all texts, one after the other: how many each text has, int32 [B], and where they start and end in their
    texts, int32 [sum of these]."""

    number: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor

    @classmethod
    def of(cls, placed: PlacedIds, starts_word: tf.Tensor) -> "_Words":
        number = tf.reduce_sum(tf.cast(placed.ids.with_flat_values(starts_word), tf.int32), axis=1)
        # A text's first token always starts a word.
        ends_word = tf.concat([starts_word[1:], tf.ones([tf.minimum(tf.size(starts_word), 1)], tf.bool)], axis=0)
        starts, ends = placed.starts.flat_values, placed.ends.flat_values
        return cls(number, tf.boolean_mask(starts, starts_word), tf.boolean_mask(ends, ends_word))


class _Windows(NamedTuple):
    """All windows of a batch of texts; what they show and answer counts in the flat tokens. int32 [N] each."""

    begin: tf.Tensor
    end: tf.Tensor
    first: tf.Tensor
    behind: tf.Tensor


class _Cutter:
    """`windows.cut` of many texts at once."""

    def __init__(self, room: int):
        self._room = room

    def __call__(self, tokens: tf.Tensor, first_token: tf.Tensor) -> _Windows:
        """The windows of texts with so many tokens, int32 [B], of which the first stands at `first_token` of the flat ones."""
        room, step = self._room, max(self._room // 2, 1)
        count = tf.where(tokens > 0, 1 + tf.maximum(tokens - room + step - 1, 0) // step, 0)
        text = tf.repeat(tf.range(tf.size(count)), count)
        number = tf.cast(tf.ragged.range(count).flat_values, tf.int32)
        tokens, last = tf.gather(tokens, text), number == tf.gather(count, text) - 1

        def begin_of(number: tf.Tensor) -> tf.Tensor:
            return tf.minimum(number * step, tf.maximum(tokens - room, 0))

        begin = begin_of(number)
        end = tf.minimum(begin + room, tokens)
        behind = tf.where(last, tokens, (begin_of(number + 1) + end + 1) // 2)
        first = tf.where(number == 0, 0, tf.pad(behind, [[1, 0]])[:-1])
        offset = tf.gather(first_token, text)
        return _Windows(begin + offset, end + offset, first + offset, behind + offset)
