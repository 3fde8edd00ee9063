"""A module that answers questions: question and context as text in, answer, score and place out."""

from typing import ClassVar

import tensorflow as tf
import tf_keras

from bert_tf2.tasks.base import Export
from bert_tf2.tasks.exports import signature
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.in_graph_decoding import Highest, SpanDecoder, highest
from bert_tf2.tasks.question_answering.in_graph_windows import InputPacker, Windows, cut
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.text.placing_in_graph import in_graph_placing_tokenizer
from bert_tf2.text.tokenizer import Tokenizer

INPUTS = ("question", "context")
# Windows that the model is run on at a time: with it memory does not grow with the length of a context.
_WINDOWS_AT_A_TIME = 16


class QuestionAnsweringModule(tf.Module):
    """Answers questions from their contexts as prediction does: the same tokens, windows and choice of the answer.

    Args:
      model: maps the encoder's inputs, int32 [N, L], to the logits `start_positions` and `end_positions`, float32 [N, L].
      tokenizer: the model's.
      windows: how contexts are cut; a context of any length is answered from.
      decoding: how answers are chosen; their text is always a slice of the context.

    Raises:
      UserError: an option cannot be used.

    Attributes:
      decoder: what chooses the answers.
    """

    decoder: ClassVar[type[SpanDecoder]] = SpanDecoder

    def __init__(self, model: tf_keras.Model, tokenizer: Tokenizer, windows: WindowOptions, decoding: DecodingOptions):
        super().__init__()
        self._place = in_graph_placing_tokenizer(tokenizer)
        windows = windows.of(tokenizer.template)
        windows.check()
        # A SavedModel needs the variables. Of a Keras model as an attribute it would hold every layer's functions besides, and
        # take far longer to write and to load.
        self._variables = list(model.variables)
        self._logits_of = lambda inputs: model(inputs, training=False)
        self._windows, self._decoding, self._template = windows, decoding, tokenizer.template
        self._pack = InputPacker(tokenizer)
        self._decode = self.decoder(decoding)

    def found_in(self, outputs: dict[str, tf.Tensor], lengths: tf.Tensor) -> Highest:
        """What answers are chosen from, of what the model gives for rows of these lengths, int32 [N]."""
        return highest(outputs["start_positions"], outputs["end_positions"], lengths, self._decoding.searched)

    @property
    def shapes(self) -> Highest:
        """The shapes of `found_in`."""
        return Highest(*[[None, self._decoding.searched]] * 4, *[[None]] * 2)

    @signature(*(tf.TensorSpec([None], tf.string, name=name) for name in INPUTS))
    def answer(self, question: tf.Tensor, context: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers each question from its context.

        Args:
          question, context: string [B], UTF-8; bytes that are not are left out. Both may be empty.

        Returns:
          `answer`: string [B], a slice of the context; empty for no answer, also in version 1.1 where no span counts and
            Google's program answers "empty".
          `score`: float32 [B], the answer's `probability` in `nbest_predictions.json`: the softmax over the logits' sums of
            the best answers with different texts (20, or `n_best_size` if that is more), "" among them where questions may
            have no answer (version 2.0). For an empty answer: the probability of "" in version 2.0, otherwise 0 (no token
            could be an answer).
          `start`, `end`: int32 [B], the answer's place in the context in code points, not bytes (of what is left without
            bytes that are not UTF-8): in Python `context[start:end] == answer`; -1 and -1 for no answer.
          `null_score_difference`, version 2.0 only: float32 [B], the logits' sum of "" minus that of the best other answer, as
            in `null_odds.json`; the answer is empty where it is above the threshold, whatever that was set to at export.
            1,000,000 where the context has no token.
        """
        question_ids = self._place(question).ids[:, : self._windows.max_query_length]
        placed = self._place(context)
        windows = cut(question_ids, placed.ids, self._windows, self._template.before_second)
        found = self._run_model(question_ids, placed.ids, windows)
        return self._decode(windows, found, placed)

    def _run_model(self, question_ids: tf.RaggedTensor, context_ids: tf.RaggedTensor, windows: Windows) -> Highest:
        """Runs the model on all windows, some at a time, those of about the same length together."""
        count = tf.size(windows.pair)
        order = tf.argsort(windows.ends, stable=True)

        def step(number, arrays):
            rows = order[number * _WINDOWS_AT_A_TIME : (number + 1) * _WINDOWS_AT_A_TIME]
            outputs = self._logits_of(self._pack(question_ids, context_ids, windows, rows))
            lengths = tf.gather(windows.ends, rows) + len(self._template.end)
            found = self.found_in(outputs, lengths)
            return number + 1, Highest(*(array.write(number, value) for array, value in zip(arrays, found)))

        steps = (count + _WINDOWS_AT_A_TIME - 1) // _WINDOWS_AT_A_TIME
        dtypes = Highest(tf.int32, tf.int32, *[tf.float32] * 4)
        arrays = Highest(
            *(tf.TensorArray(dtype, steps, infer_shape=False, element_shape=shape) for dtype, shape in zip(dtypes, self.shapes))
        )
        _, arrays = tf.while_loop(lambda number, _: number < steps, step, (tf.constant(0), arrays), parallel_iterations=1)
        back = tf.math.invert_permutation(order)
        return Highest(*(tf.gather(array.concat(), back) for array in arrays))


def answering_export(
    model: tf_keras.Model,
    tokenizer: Tokenizer,
    windows: WindowOptions,
    decoding: DecodingOptions,
    module_class: type[QuestionAnsweringModule] = QuestionAnsweringModule,
) -> Export:
    """A SavedModel whose `serving_default` takes `question` and `context`, string [-1], and answers.

    What it returns is said at `QuestionAnsweringModule.answer`. A program that loads it imports `tensorflow_text` first: the
    tokenizer in the graph is made of its operations. Nothing else of this project is needed there.

    Args and errors: as `QuestionAnsweringModule`, of which `module_class` is one.
    """
    module = module_class(model, tokenizer, windows, decoding)
    signatures = {"serving_default": module.answer}
    return Export(module, signatures, "question and context in, answer, score and its place out")
