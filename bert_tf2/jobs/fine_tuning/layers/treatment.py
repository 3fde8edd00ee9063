"""What fine-tuning does with single layers: rates of their own, and a beginning at random values."""

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.jobs.fine_tuning.layers.options import LayerOptions
from bert_tf2.models.encoder_layers import blocks_of, depths


def rate_factors(
    options: LayerOptions, learning_rate: float, model: tf_keras.Model, encoder: tf_keras.Model
) -> list[tuple[tf.Variable, float]]:
    """What the learning rate of each trained variable is multiplied with.

    In an encoder of L layers a weight of depth d (0 in the embeddings, 1 in the first layer, L + 1 in the pooler) has the
    learning rate lr * decay ** (L + 1 - d), as in Clark et al. 2020 (https://arxiv.org/abs/2003.10555) but with the last layer
    one step below the head, not two; the head has its own.

    Args:
      options: say how.
      learning_rate: of the whole, which `head_learning_rate` stands beside.
      model: what is trained.
      encoder: the part of it that the head stands on.
    """
    top, decay = len(blocks_of(encoder)) + 1, options.layerwise_lr_decay
    of_head = 1.0 if options.head_learning_rate is None else options.head_learning_rate / learning_rate
    of_encoder = {id(variable): decay ** (top - depth) for variable, depth in depths(encoder)}
    return [(variable, of_encoder.get(id(variable), of_head)) for variable in model.trainable_variables]


def values_of_last(encoder: tf_keras.Model, layers: int) -> list[tuple[tf.Variable, np.ndarray]]:
    """The weights of the last layers and of the pooler, with the values that they have now."""
    least = len(blocks_of(encoder)) + 1 - layers
    return [(variable, variable.numpy()) for variable, depth in depths(encoder) if depth >= least]
