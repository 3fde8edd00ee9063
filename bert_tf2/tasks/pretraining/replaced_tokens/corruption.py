"""From records with masked tokens to what generator and discriminator are shown."""

from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import drawing
from bert_tf2.models.masked_lm import MaskedLM
from bert_tf2.tasks.pretraining.replaced_tokens.draws import RowDraws, drawn_tokens

# Streams of numbers that are independent of each other.
_KIND, _GROUP, _TOKEN = 1, 2, 3
# Of the chosen tokens 85 % become [MASK], the others stay; none becomes a random one.
_AS_MASK = 0.85
# Evaluations draw the same every time.
_EVALUATION_SEED = (12345, 0)


class Chosen(NamedTuple):
    """The tokens that are predicted, or some that only fill up and have the weight 0: lists of N.

    Attributes:
      rows, positions: where they stand, int32 [N].
      label_ids: what stands there, int32 [N].
      weights: float32 [N].
    """

    rows: tf.Tensor
    positions: tf.Tensor
    label_ids: tf.Tensor
    weights: tf.Tensor


class Corruption(tf_keras.layers.Layer):
    """Restores the text of records whose chosen tokens were masked in whatever way, and masks these as ELECTRA does.

    Args:
      mask_id: id of [MASK].
    """

    def __init__(self, mask_id: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._mask_id = mask_id

    def call(
        self, ids: tf.Tensor, mask: tf.Tensor, chosen: Chosen, training: bool | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Masks a batch.

        Args:
          ids, mask: tokens as the records have them, int32 [B, L]; `mask` is 0 for padding.
          chosen: which of them are predicted.
          training: draw from the step's seed instead of the evaluations'.

        Returns:
          The text, int32 [B, L]; the generator's input, int32 [B, L]; and for each chosen token the numbers that `Sampling` draws
          with, float32 [N, 2].
        """
        text = with_tokens(ids, chosen, chosen.label_ids)
        seed = drawing()[0] if training else tf.constant(_EVALUATION_SEED)
        draws = RowDraws(seed, text, mask)
        kind, group, token = (draws.uniform(stream, chosen.rows, chosen.positions) for stream in (_KIND, _GROUP, _TOKEN))
        masked = tf.where(kind < _AS_MASK, self._mask_id, chosen.label_ids)
        return text, with_tokens(text, chosen, masked), tf.stack([group, token], axis=1)


class Sampling(MaskedLM):
    """The generator's masked-LM head, which draws a token for each chosen place as well.

    Args:
      temperature: what the logits are divided by before.
      As `MaskedLM`.
    """

    def __init__(self, *args: Any, temperature: float, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._temperature = temperature

    def call(  # type: ignore[override]  # the table is the layer's own
        self, sequence_output: tf.Tensor, places: tf.Tensor, label_ids: tf.Tensor, draws: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Predicts tokens, compares them with what stood there, and draws.

        Args:
          sequence_output, places, label_ids: as for `MaskedLM`.
          draws: two random numbers for each place, float32 [N, 2].

        Returns:
          What `MaskedLM` gives, float32 [N] twice; and the drawn tokens, int32 [N], through which no gradient goes.
        """
        losses, right, likelihoods = self.compared(sequence_output, places, label_ids, self._table(), gives_likelihoods=True)
        return losses, right, drawn_tokens(likelihoods, self._temperature, draws[:, 0], draws[:, 1])


def with_tokens(ids: tf.Tensor, chosen: Chosen, tokens: tf.Tensor) -> tf.Tensor:
    """The rows int32 [B, L] with other tokens, int32 [N], at the chosen places; where the weight is 0 nothing changes."""
    rows, length = tf.unstack(tf.shape(ids))
    # What changes nothing goes to a place behind the row.
    places = chosen.rows * (length + 1) + tf.where(chosen.weights > 0, chosen.positions, length)
    flat = tf.reshape(tf.pad(ids, [[0, 0], [0, 1]]), [-1])
    changed = tf.tensor_scatter_nd_update(flat, places[:, tf.newaxis], tokens)
    return tf.reshape(changed, [rows, length + 1])[:, :length]
