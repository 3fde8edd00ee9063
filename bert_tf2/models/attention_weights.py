"""The attention weights of an encoder of any family, for looking at: no training computes them apart."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.models.block import TransformerBlock


def attention_weights_of(encoder: tf_keras.Model, layers: Sequence[int]) -> Callable[[Mapping[str, tf.Tensor]], tf.Tensor]:
    """A function from the inputs of an encoder to its attention weights, float32 [B, layers, N, L, L].

    The last axis adds up to 1: how much the token of the axis before it attends to each.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`; not one made for few outputs or for pre-training.
      layers: from 0.
    """
    outputs = encoder.output["encoder_outputs"]
    blocks: list[TransformerBlock] = list(encoder._transformer_layers)
    # What enters each layer: the embeddings, then what the layer before it gives.
    entering = [blocks[0].get_input_at(0), *outputs[:-1]]
    adder = encoder.get_layer("self_attention_mask").output
    model = tf_keras.Model(encoder.inputs, [adder, *(entering[layer] for layer in layers)])

    def weights(inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        adder, *hidden = model([inputs[name] for name in model.input_names], training=False)
        # A block may stand for several layers.
        of_layers = [blocks[layer * len(blocks) // len(outputs)] for layer in layers]
        return tf.stack([block.attention_weights(one, adder) for block, one in zip(of_layers, hidden)], axis=1)

    return weights
