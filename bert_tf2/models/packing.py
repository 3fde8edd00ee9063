"""Several examples in one row of the encoder, which their tokens share without seeing each other.

Within `packed` the encoder's first layers put the examples' tokens into packs, rows of tokens of whole examples one behind the
other; its blocks work on packs; and its last block gives every example its own tokens back. So what stands on an encoder meets
examples as always, and neither heads nor losses know of packs. Positions begin anew in every example, and attention is in blocks
(https://arxiv.org/abs/2107.02027).
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from bert_tf2.tensorflow_internals import outputs_read

_context = threading.local()

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
NEVER = -1e9


@dataclasses.dataclass(frozen=True)
class Packing:
    """Where the tokens of a batch's B examples, padded to S tokens, are in P packs of S slots.

    Attributes:
      slots: what a slot holds, as the number of a token among the B * S: int32 [P, S], -1 for none.
      places: where a token is, as the number of a slot among the P * S: int32 [B, S], -1 for none.
      firsts: which slots of a pack hold first tokens of examples: int32 [P, K], 0 for none.
      seats: which of the P * K of them is an example's: int32 [B], -1 for none.
    """

    slots: tf.Tensor
    places: tf.Tensor
    firsts: tf.Tensor
    seats: tf.Tensor

    @property
    def positions(self) -> tf.Tensor:
        """The position of each slot's token in its example: int32 [P, S]."""
        return tf.maximum(self.slots, 0) % tf.shape(self.slots)[1]

    @property
    def lasts(self) -> tf.Tensor:
        """Which slots hold last tokens of the examples whose first ones are in `firsts`: int32 [P, K], anything for none."""
        lengths = tf.reduce_sum(tf.cast(self.places >= 0, tf.int32), axis=1)
        examples = tf.maximum(tf.gather(self.slots, self.firsts, batch_dims=1), 0) // tf.shape(self.slots)[1]
        return self.firsts + tf.maximum(tf.gather(lengths, examples), 1) - 1

    @property
    def mask(self) -> tf.Tensor:
        """What is added to the attention scores: 0 between the tokens of one example, float32 [P, 1, S, S]."""
        # Slots that hold nothing attend to each other.
        examples = self.slots // tf.shape(self.slots)[1]
        is_other = tf.not_equal(examples[:, :, tf.newaxis], examples[:, tf.newaxis, :])
        return (tf.cast(is_other, tf.float32) * NEVER)[:, tf.newaxis]

    def of_tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Puts what belongs to tokens into packs: int32 [B, S] -> [P, S], 0 where there is no token."""
        return _taken(tf.reshape(ids, [-1]), self.slots)

    def examples(self, hidden: tf.Tensor, outputs: int | None) -> tf.Tensor:
        """Gives the examples their tokens back: float32 [P, S, H] -> [B, S, H], 0 where there is no token; or of first tokens
        [P, K, H] -> [B, 1, H]."""
        width = hidden.shape[-1]
        flat = tf.reshape(hidden, [-1, width])
        if outputs is not None:
            return _taken(flat, self.seats)[:, tf.newaxis]

        @tf.custom_gradient
        def apply(flat):
            # Nobody has two slots: the gradient is taken from where it is too, which is faster than to add it up.
            return _taken(flat, self.places), lambda upstream: _taken(tf.reshape(upstream, [-1, width]), self.slots, flat=True)

        return apply(flat)


@contextlib.contextmanager
def packed(packing: Packing | None) -> Iterator[None]:
    """Makes encoders that are called in this thread pack their examples; with None does nothing."""
    previous = current()
    _context.packing = packing
    try:
        yield
    finally:
        _context.packing = previous


def current() -> Packing | None:
    """How examples are packed; None where they are not."""
    return getattr(_context, "packing", None)


def is_only_read_at_its_end(encoder: tf_keras.Model, model: tf_keras.Model) -> bool:
    """Whether a model reads nothing that its encoder's blocks before the last give, which is of packs and not of examples."""
    read = outputs_read(model, encoder)
    # The encoder's outputs begin with those of its blocks.
    return read is not None and not read & set(range(len(encoder.output["encoder_outputs"]) - 1))


def _taken(values: tf.Tensor, places: tf.Tensor, flat: bool = False) -> tf.Tensor:
    """Rows of `values` by their numbers, 0 where the number is -1."""
    places = tf.reshape(places, [-1]) if flat else places
    taken = tf.gather(values, tf.maximum(places, 0))
    is_there = tf.cast(places >= 0, values.dtype)
    return taken * tf.reshape(is_there, tf.concat([tf.shape(is_there), [1] * (values.shape.rank - 1)], 0))
