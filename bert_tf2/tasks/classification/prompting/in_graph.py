"""Texts in patterns inside a TensorFlow graph: the inputs that data preparation makes, for models that take raw text."""

from typing import Any

import tensorflow as tf

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.classification.prompting.rule import EncodedPattern, PlacedText, PromptRule
from bert_tf2.text.in_graph import in_graph_ids
from bert_tf2.text.ragged_rows import in_segments, ones_like, part_of_rows, special_in_rows, special_in_some_rows


class InGraphPrompts(tf.Module):
    """Texts -> their inputs; see `bert_tf2.tasks.classification.prompting.packing.text_packer`.

    Args:
      rule: of patterns.
      tokenizer: the tokenizer that prepared the training data.
      max_seq_length: the most ids of an input.
    """

    def __init__(self, rule: PromptRule, tokenizer: Any, max_seq_length: int):
        super().__init__()
        self._patterns, self._template, self._length = rule.encoded(tokenizer), tokenizer.template, max_seq_length
        self._mask_id, self._unknown = rule.mask_id, tokenizer.unk_id
        self._tokenize = in_graph_ids(tokenizer)

    def __call__(self, text: tf.Tensor, text_b: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Packs each text, or both, into every pattern.

        Args:
          text, text_b: string [B].

        Returns:
          `input_word_ids`, `input_mask`, `input_type_ids`: int32 [B, P, L], L the length of the longest input; padding is 0.
        """
        texts = (text, tf.fill(tf.shape(text), "") if text_b is None else text_b)
        slots = {
            part for pattern in self._patterns for segment in pattern.segments for part in segment if isinstance(part, PlacedText)
        }
        encoded = {slot: self._ids(texts[slot.text], slot.spaced) for slot in slots}
        found = [self._packed(pattern, encoded, tf.shape(text)[0]) for pattern in self._patterns]
        return {name: tf.stack(values, axis=1).to_tensor() for name, values in zip(INPUT_NAMES, zip(*found))}

    def _ids(self, text: tf.Tensor, spaced: bool) -> tf.RaggedTensor:
        ids = self._tokenize(tf.strings.join([" ", text]) if spaced else text)
        return ids.with_flat_values(tf.where(ids.flat_values == self._mask_id, self._unknown, ids.flat_values))

    def _packed(
        self, pattern: EncodedPattern, encoded: dict[PlacedText, tf.RaggedTensor], rows: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Ids, mask and segments of one pattern, int32 [B, (l)] each."""
        slots = {part.text: part for segment in pattern.segments for part in segment if isinstance(part, PlacedText)}
        none = tf.zeros([rows], tf.int64)
        first, second = (encoded[slots[text]].row_lengths() if text in slots else none for text in (0, 1))
        template = self._template
        room = tf.constant(self._length - pattern.fixed - pattern.special_tokens(template), tf.int64)
        # As `kept_lengths`.
        kept = (
            tf.minimum(first, tf.maximum(room - second, (room + 1) // 2)),
            tf.minimum(second, tf.maximum(room - first, room // 2)),
        )
        segments = []
        for segment in pattern.segments:
            parts = [
                part_of_rows(encoded[part], none, kept[part.text])
                if isinstance(part, PlacedText)
                else special_in_rows(part, rows)
                for part in segment
            ]
            segments.append(_joined(parts))
        begin, end = (special_in_rows(special, rows) for special in (template.begin, template.end))
        if len(segments) == 1:
            ids = _joined([begin, *segments, end])
            return ids, ones_like(ids), in_segments(template, ids.row_lengths(), ids)
        has_b = segments[1].row_lengths() > 0
        between = special_in_some_rows(template.between, has_b)
        ids = _joined([begin, segments[0], between, segments[1], end])
        before = tf.where(has_b, segments[0].row_lengths() + template.before_second, ids.row_lengths())
        return ids, ones_like(ids), in_segments(template, before, ids)


def _joined(parts: list) -> tf.RaggedTensor:
    ragged = [part if isinstance(part, tf.RaggedTensor) else tf.RaggedTensor.from_tensor(part) for part in parts]
    return tf.concat(ragged, axis=1)
