"""TF2 checkpoints of encoders as our own models save them, for families whose layout in the model garden is not written."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

# Of places that name a variable of the word embeddings, the references that lead to it.
_OF_WORDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("embedding_layer",): ("embedding_layer", "embeddings"),
    ("mask_embedding",): ("embedding_layer", "mask_embedding"),
}


def own_encoder(variables: Mapping[tuple[str, ...], tf.Variable], blocks: int) -> tf.Module:
    """The parts of an encoder as bare objects.

    Args:
      variables: by the places of their weights (`names.Weight.place`).
      blocks: how many there are.
    """
    parts: dict[str, Any] = {}
    for place, variable in variables.items():
        *steps, last = _OF_WORDS.get(place, place)
        node = parts
        for step in steps:
            node = node.setdefault(step, {})
        node[last] = variable
    encoder = _object({name: part for name, part in parts.items() if name != "transformer_layers"})
    encoder._transformer_layers = [_object(parts["transformer_layers"][str(index)]) for index in range(blocks)]
    return encoder


def _object(parts: dict[str, Any]) -> tf.Module:
    """An object with variables, and with other objects as private attributes."""
    made = tf.Module()
    for name, part in parts.items():
        setattr(made, *((f"_{name}", _object(part)) if isinstance(part, dict) else (name, part)))
    return made
