"""The model of texts in patterns: what a masked-LM head finds there of each label's words."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.layers import Embedding
from bert_tf2.models.masked_lm import MaskedLM
from bert_tf2.models.own_weights import value
from bert_tf2.tasks.classification.prompting.rule import PromptRule
from bert_tf2.tasks.several_inputs import InputRows, OfInputs

SCORES = "label_scores"


class VerbalizerHead(MaskedLM):
    """A masked-LM head that looks at the words of labels: (float32 [R, L, H], int32 [R, L]) -> float32 [R, C].

    A label's score is the mean over its words (`_convert_single_mlm_logits_to_cls_logits` of timoschick/pet's pvp.py). A word of
    one token has its logit (Schick and Schütze 2021, https://arxiv.org/abs/2001.07676, section 3.1); where there are several
    masks, a word has the sum of the log-probabilities of its tokens, each at its mask, all masks unfilled, and masks behind its
    last one are not looked at (Schick and Schütze 2021, https://arxiv.org/abs/2009.07118, section 3.2, what training uses there).
    For words of one token both give the same softmax over labels.

    Args:
      config: shape of the encoder.
      words: the encoder's word embeddings.
      rule: of patterns and verbalizers.
    """

    def __init__(self, config: BertConfig, words: Embedding, rule: PromptRule, name: str = "cls/predictions"):
        super().__init__(config, words, name=name)
        self._rule, self._stored_table = rule, words.stored_table
        # By way of a function, so that the layer is none of this one's.
        self._trains_words = lambda: words.trainable
        self._words = [(word, label) for label, words in enumerate(rule.verbalizer_ids) for word in words]

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        """Without the table of words where the encoder's embeddings stay as they are: it is theirs."""
        found = super().trainable_weights
        return found if self._trains_words() else [one for one in found if one is not self.embedding_table]

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        """The others."""
        found = super().non_trainable_weights
        frozen = self.trainable and not self._trains_words()
        return [self.embedding_table, *found] if frozen else found

    def call(self, sequence_output: tf.Tensor, input_word_ids: tf.Tensor) -> tf.Tensor:  # type: ignore[override]
        """The scores of labels; the masks are looked for in the ids."""
        rows, length, masks = tf.shape(input_word_ids)[0], tf.shape(input_word_ids)[1], self._rule.masks
        first = tf.argmax(tf.cast(input_word_ids == self._rule.mask_id, tf.int32), axis=1, output_type=tf.int32)
        # Rows that only fill a batch up have none.
        places = tf.minimum(first[:, tf.newaxis] + tf.range(masks), length - 1) + length * tf.range(rows)[:, tf.newaxis]
        places = tf.reshape(places, [-1])
        if masks == 1:
            return tf.matmul(self._logits_of_words(self._transformed(sequence_output, places)), self._means())
        found = tf.reshape(tf.nn.log_softmax(self.logits(sequence_output, places)), [rows, -1])
        vocabulary = self.embedding_table.shape[0]
        looked_at = [place * vocabulary + token for word, _ in self._words for place, token in enumerate(word)]
        return tf.matmul(tf.gather(found, looked_at, axis=1), self._means())

    def _logits_of_words(self, hidden: tf.Tensor) -> tf.Tensor:
        """The logits of the labels' words of one token, in their order: [N, E] -> float32 [N, K]."""
        tokens = [word[0] for word, _ in self._words]
        # No word of a label is a vector of a pattern.
        table = tf.cast(tf.gather(self._stored_table(), tokens), self._product_dtype)
        product = tf.matmul(hidden, table, transpose_b=True)
        return tf.nn.bias_add(tf.cast(product, tf.float32), tf.gather(value(self.bias), tokens))

    def _means(self) -> tf.Tensor:
        """What makes labels' means of tokens' values: float32 [K, C]."""
        words = self._rule.verbalizer_ids
        rows = [(1 / len(words[label]), label) for word, label in self._words for _ in word]
        return tf.constant([[share if label == column else 0.0 for column in range(len(words))] for share, label in rows])


def build_prompt_model(
    encoder: tf_keras.Model, config: BertConfig, rule: PromptRule, number: int | None = None
) -> tf_keras.Model:
    """Puts the head on the encoder.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`.
      config: its shape.
      rule: of patterns and verbalizers.
      number: of the only pattern that is looked at, from 1; None for all.

    Returns:
      A model from a dict of int32 [B, P, L] (`input_word_ids`, `input_mask`, `input_type_ids`) to the scores of labels, float32
      [B, P, C], or [B, 1, C] of one pattern. Where an input is not there, they are 0.
    """
    inputs = {name: tf_keras.Input((None, None), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    used = inputs if number is None else {name: one[:, number - 1 : number] for name, one in inputs.items()}
    rows = InputRows(name="pattern_rows")(used)
    head = VerbalizerHead(config, encoder._embedding_layer, rule)
    scores = head(encoder(rows)["sequence_output"], rows["input_word_ids"])
    placed = OfInputs(name="pattern_scores")(scores, used["input_mask"])
    return tf_keras.Model(inputs=inputs, outputs=placed, name="bert_prompt_classifier")


def build_row_model(model: tf_keras.Model) -> tf_keras.Model:
    """What one input gives, int32 [R, L] -> `SCORES` float32 [R, C], by the layers of `build_prompt_model`'s model."""
    encoder = next(layer for layer in model.layers if isinstance(layer, tf_keras.Model))
    head = next(layer for layer in model.layers if isinstance(layer, VerbalizerHead))
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    scores = head(encoder(inputs)["sequence_output"], inputs["input_word_ids"])
    return tf_keras.Model(inputs, {SCORES: scores}, name="bert_prompt")


def mean_probabilities(scores: tf.Tensor) -> tf.Tensor:
    """The logarithm of the mean of the patterns' probabilities, which are as good as logits: [B, P, C] -> float32 [B, C]."""
    patterns = tf.cast(tf.shape(scores)[1], tf.float32)
    return tf.reduce_logsumexp(tf.nn.log_softmax(scores), axis=1) - tf.math.log(patterns)
