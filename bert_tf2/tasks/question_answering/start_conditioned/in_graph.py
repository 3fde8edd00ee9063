"""A module that answers questions by XLNet's head: question and context as text in, answer, score and place out."""

import tensorflow as tf
import tf_keras

from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.in_graph import QuestionAnsweringModule
from bert_tf2.tasks.question_answering.in_graph_decoding import Highest, SpanDecoder
from bert_tf2.tasks.question_answering.start_conditioned.head import END, END_PLACES, NO_ANSWER, START, START_PLACES
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.text.tokenizer import Tokenizer


class ConditionedSpanDecoder(SpanDecoder):
    """Chooses the answers as `bert_tf2.tasks.question_answering.start_conditioned.decoding`: "" competes with no other answer."""

    def _most(self, scores: tf.Tensor, null: tf.Tensor) -> tf.Tensor | int:
        return self._options.searched

    def _difference(self, null: tf.Tensor, start_logit: tf.Tensor, end_logit: tf.Tensor) -> tf.Tensor:
        return null

    def _probabilities(self, scores: tf.Tensor, null: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # One more for where there is none.
        best = tf.concat([tf.nn.softmax(scores), tf.zeros([1], scores.dtype)], axis=0)[0]
        return best, tf.sigmoid(null)


class StartConditionedModule(QuestionAnsweringModule):
    """As `QuestionAnsweringModule`, of a model with `AnswerHead`.

    `score` is the answer's `probability` in `nbest_predictions.json`, for an empty answer in version 2.0 that of there being
    none; `null_score_difference` is the logit of the latter, the lowest of the windows', as in `null_odds.json`.
    """

    decoder = ConditionedSpanDecoder

    def __init__(self, model: tf_keras.Model, tokenizer: Tokenizer, windows: WindowOptions, decoding: DecodingOptions):
        super().__init__(model, tokenizer, windows, decoding)
        self._tops: tuple[int, int] = tuple(model.output[END].shape[1:])

    def found_in(self, outputs: dict[str, tf.Tensor], lengths: tf.Tensor) -> Highest:
        """What the model gives."""
        del lengths
        nothing = tf.zeros_like(outputs[START][:, 0])
        null = outputs[NO_ANSWER] if self._decoding.version_2 else nothing
        return Highest(outputs[START_PLACES], outputs[END_PLACES], outputs[START], outputs[END], null, nothing)

    @property
    def shapes(self) -> Highest:
        """The shapes of `found_in`: how many starts and ends there are is for the model to say."""
        starts, ends = [None, self._tops[0]], [None, *self._tops]
        return Highest(starts, ends, starts, ends, [None], [None])
