"""What an encoder's blocks compute on the way, for a loss that looks at it.

Within `observed`, every block notes what it gives, and its attention what its heads are made of. Nothing is computed for it, but
that the last block, of which few tokens may be wanted, computes all; the tensors belong to the function, or the body of the loop,
in which the encoder is called.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import tensorflow as tf

_context = threading.local()


@dataclasses.dataclass(frozen=True)
class Heads:
    """What the heads of a layer's attention are made of, each [B, N, L, D] in the dtype of the products.

    Attributes:
      query: divided by the square root of D, so that a score is its product with a key.
      key: the keys.
      value: the values times `value_scale`.
      value_scale: what dropout has put into the values.
    """

    query: tf.Tensor
    key: tf.Tensor
    value: tf.Tensor
    value_scale: float = 1.0

    def scores(self) -> tf.Tensor:
        """The attention scores before mask and softmax, float32 [B, N, L, L]."""
        return tf.cast(tf.matmul(self.query, self.key, transpose_b=True), tf.float32)

    def value_relations(self) -> tf.Tensor:
        """The values' scaled dot-products with each other (https://arxiv.org/abs/2002.10957), float32 [B, N, L, L]."""
        scale = 1 / (self.value_scale**2 * self.value.shape[-1] ** 0.5)
        return tf.cast(tf.matmul(self.value, self.value, transpose_b=True), tf.float32) * scale


@dataclasses.dataclass
class States:
    """What one call of an encoder went through.

    Attributes:
      hidden: float32 [B, L, H]: what enters the first layer, then what each layer gives.
      heads: of each layer whose attention computes all tokens.
    """

    hidden: list[tf.Tensor] = dataclasses.field(default_factory=list)
    heads: list[Heads] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def observed() -> Iterator[States]:
    """Collects what an encoder that is called in this thread goes through."""
    previous = getattr(_context, "states", None)
    _context.states = states = States()
    try:
        yield states
    finally:
        _context.states = previous


def is_observed() -> bool:
    """Whether somebody looks at what an encoder goes through that is called in this thread."""
    return getattr(_context, "states", None) is not None


def note_layer(entering: tf.Tensor, given: tf.Tensor) -> None:
    """Told by every layer: what it was given and what it made of that, [B, L, H]."""
    states: States | None = getattr(_context, "states", None)
    if states is not None:
        states.hidden += [given] if states.hidden else [entering, given]


def note_heads(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, value_scale: float) -> None:
    """Told by every attention that computes all tokens; see `Heads`."""
    states: States | None = getattr(_context, "states", None)
    if states is not None:
        states.heads.append(Heads(query, key, value, value_scale))
