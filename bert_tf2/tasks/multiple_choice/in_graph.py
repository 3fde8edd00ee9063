"""Modules that choose: token ids or texts in, a probability of each choice out."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.base import Export
from bert_tf2.tasks.exports import signature, with_a_column
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.ragged_rows import in_segments, ones_like, part_of_rows, special_in_rows
from bert_tf2.text.tokenizer import Tokenizer

# What `str.strip` takes away.
_BLANK = r"[\s\p{Z}\x0b\x1c-\x1f\x{85}]*"


def token_ids_export(model: tf_keras.Model) -> Export:
    """A SavedModel whose `serving_default` takes int32 [B, C, L] `input_word_ids`, `input_mask` and `input_type_ids`.

    A choice that a question does not have is a row of zeros. The answer is `logits` float32 [B, C], and `probabilities`.
    """
    module = _TokenIdsModule(model)
    return Export(module, {"serving_default": module.choose}, "token ids in, logits out")


def text_export(model: tf_keras.Model, tokenizer: Tokenizer, options: PackingOptions, fills_blank: bool) -> Export:
    """A SavedModel whose `serving_default` is `ChoiceModule.choose`."""
    module = ChoiceModule(model, tokenizer, options, fills_blank)
    says = "questions with choices in, probabilities out"
    return Export(module, {"serving_default": module.choose}, says)


class _TokenIdsModule(tf.Module):
    def __init__(self, model: tf_keras.Model):
        super().__init__()
        self._variables = list(model.variables)
        self._logits_of = lambda inputs: model(inputs, training=False)

    @signature(*(tf.TensorSpec([None] * 3, tf.int32, name=name) for name in INPUT_NAMES))
    def choose(self, input_word_ids: tf.Tensor, input_mask: tf.Tensor, input_type_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self._logits_of(dict(zip(INPUT_NAMES, (input_word_ids, input_mask, input_type_ids))))
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}


class ChoiceModule(tf.Module):
    """Chooses as prediction does: the same tokens, layout and cuts.

    A program that loads a SavedModel with it imports `tensorflow_text` first.

    Args:
      model: see `build_choice_model`.
      tokenizer: the model's.
      options: how inputs are cut. Without `max_qa_length` question and choice are cut to their last tokens only where they do not
        fit at all.
      fills_blank: choices stand where a question has a blank (`_`), as in RACE.
    """

    def __init__(self, model: tf_keras.Model, tokenizer: Tokenizer, options: PackingOptions, fills_blank: bool):
        super().__init__()
        self._template = tokenizer.template
        options = options.of(self._template)
        options.check()
        # As in `QuestionAnsweringModule`: the variables are needed, the layers' functions are not.
        self._variables = list(model.variables)
        self._logits_of = lambda inputs: model(inputs, training=False)
        self._room = tf.constant(options.room, tf.int64)
        self._most_asked = tf.constant(options.max_qa_length or options.room, tf.int64)
        self._fills_blank = fills_blank
        self._tokenize = InGraphTokenizer(tokenizer, options.max_seq_length)

    @signature(
        tf.TensorSpec([None], tf.string, name="context"),
        tf.TensorSpec([None], tf.string, name="question"),
        tf.TensorSpec([None, None], tf.string, name="choices"),
    )
    def choose(self, context: tf.Tensor, question: tf.Tensor, choices: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers each question.

        Args:
          context, question: string [B], UTF-8; either may be empty.
          choices: string [B, C]; empty ones are none, so questions may have different numbers of choices.

        Returns:
          `probabilities`: float32 [B, C], 0 for what is no choice.
          `prediction`: int32 [B], the most probable choice's number from 0; -1 for a question without choices.
          `choice`: string [B], its text; empty for a question without choices.
        """
        there = ~_is_blank(choices)
        rows = tf.where(tf.reshape(there, [-1]))
        owner = rows[:, 0] // tf.maximum(tf.shape(choices, tf.int64)[1], 1)
        inputs = self._inputs(context, question, tf.gather_nd(tf.reshape(choices, [-1]), rows), owner)
        length = tf.shape(inputs[INPUT_NAMES[0]], tf.int64)[1:]
        size, shape = tf.size(choices, tf.int64)[tf.newaxis], tf.shape(choices, tf.int64)
        placed = {
            name: tf.reshape(tf.scatter_nd(rows, values, tf.concat([size, length], 0)), tf.concat([shape, length], 0))
            for name, values in inputs.items()
        }
        probabilities = tf.where(there, tf.nn.softmax(self._logits_of(placed)), 0.0)
        has_choice = tf.reduce_any(there, axis=1)
        # Nothing has no largest element.
        ranked = tf.pad(tf.where(there, probabilities, -1.0), [[0, 0], [0, 1]], constant_values=-2.0)
        best = tf.argmax(ranked, axis=1, output_type=tf.int32)
        named = tf.gather(tf.pad(choices, [[0, 0], [0, 1]], constant_values=""), best, batch_dims=1)
        return {
            "probabilities": probabilities,
            "prediction": tf.where(has_choice, best, -1),
            "choice": tf.where(has_choice, named, ""),
        }

    def _inputs(self, context: tf.Tensor, question: tf.Tensor, choice: tf.Tensor, owner: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `packing.ChoicePacker`, of the choices that there are: string [R] and their questions' numbers, int64 [R] -> the
        model's inputs, int32 [R, L] with L at least 1."""
        bare = _is_blank(context)
        first_ids = tf.gather(self._tokenize.ids(tf.where(bare, question, context)), owner)
        has_context = ~tf.gather(bare, owner)
        asked = self._asked(tf.gather(question, owner), choice, tf.gather(tf.where(bare, "", question), owner))
        second_ids = self._tokenize.ids(tf.where(has_context, asked, choice))
        first, second = first_ids.row_lengths(), second_ids.row_lengths()
        kept_second = tf.minimum(second, self._most_asked)
        kept_first = tf.minimum(first, tf.where(has_context, self._room, self._most_asked) - kept_second)
        head = part_of_rows(first_ids, tf.where(has_context, tf.constant(0, tf.int64), first - kept_first), kept_first)
        tail = part_of_rows(second_ids, second - kept_second, kept_second)
        template = self._template
        begin, between, end = (
            special_in_rows(special, tf.size(owner)) for special in (template.begin, template.between, template.end)
        )
        packed = tf.concat([begin, head, between, tail, end], axis=1)
        segments = in_segments(template, kept_first + template.before_second, packed)
        ragged = (packed, ones_like(packed), segments)
        return with_a_column({name: values.to_tensor() for name, values in zip(INPUT_NAMES, ragged)})

    def _asked(self, question: tf.Tensor, choice: tf.Tensor, shown: tf.Tensor) -> tf.Tensor:
        """Question and choice as one text; `shown` is the question, or nothing where it is no part of it."""
        joined = tf.where(_is_blank(shown), choice, tf.strings.join([shown, choice], " "))
        if not self._fills_blank:
            return joined
        pieces = tf.strings.split(tf.strings.regex_replace(question, "_+", "_"), "_")
        is_first = tf.ragged.range(pieces.row_lengths()).flat_values == 0
        before = tf.where(is_first, "", tf.gather(choice, pieces.value_rowids()))
        filled = tf.strings.reduce_join(pieces.with_values(tf.strings.join([before, pieces.flat_values])), axis=1)
        return tf.where(pieces.row_lengths() > 1, filled, joined)


def _is_blank(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_full_match(texts, _BLANK)
