"""What stays of a model, by importance."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.models.checkpoints.pruning import Kept
from bert_tf2.pruning.importance import Importance


def most_important(importance: Importance, heads: int, neurons: int, layers: Sequence[int]) -> Kept:
    """The heads and neurons that matter most in each layer; of those that matter alike the first.

    Args:
      importance: of every layer.
      heads, neurons: how many stay in each layer.
      layers: the layers that stay.
    """
    return Kept(
        tuple(layers),
        tuple(_largest(importance.heads[layer], heads) for layer in layers),
        tuple(_largest(importance.neurons[layer], neurons) for layer in layers),
    )


def _largest(values: np.ndarray, number: int) -> tuple[int, ...]:
    return tuple(sorted(np.argsort(-values, kind="stable")[:number].tolist()))
