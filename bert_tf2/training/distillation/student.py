"""A student that begins as some layers of its teacher."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

Parts = tuple[tf_keras.Model, tf_keras.Model]
"""A model, and the encoder in it."""


def take_layers(student: Parts, teacher: Parts, layers: Sequence[int]) -> None:
    """Gives a student the teacher's embeddings, pooler and heads, and for each of its layers one of the teacher's.

    Args:
      student: of the teacher's configuration, with as many layers as `layers` names.
      teacher: a model of the same task.
      layers: of the teacher, counted from 0.
    """
    (model, encoder), (whole, its_encoder) = student, teacher
    blocks, its_blocks = list(encoder._transformer_layers), list(its_encoder._transformer_layers)
    for block, layer in zip(blocks, layers, strict=True):
        _copy(its_blocks[layer], block)
    for mine, its in zip(_others(encoder, blocks), _others(its_encoder, its_blocks), strict=True):
        _copy(its, mine)
    for mine, its in zip(_others(model, [encoder]), _others(whole, [its_encoder]), strict=True):
        _copy(its, mine)


def _others(model: tf_keras.Model, without: Sequence[tf_keras.layers.Layer]) -> list[tf_keras.layers.Layer]:
    left_out = set(map(id, without))
    return [layer for layer in model.layers if layer.weights and id(layer) not in left_out]


def _copy(source: tf.Module, target: tf.Module) -> None:
    for variable, value in zip(target.weights, source.weights, strict=True):
        variable.assign(value.numpy())
