"""The model: the input of each choice goes through the encoder and gets one logit (Radford et al. 2018)."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.pooled_head import classification_head
from bert_tf2.tasks.several_inputs import InputRows, OfInputs

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
NO_CHOICE = -1e9


def build_choice_model(encoder: tf_keras.Model, dropout_rate: float, initializer_range: float) -> tf_keras.Model:
    """Puts dropout and a layer with one output on the encoder's pooled output.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`.
      dropout_rate: dropout on the pooled output while training.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.

    Returns:
      A model from a dict of int32 [B, C, L] (`input_word_ids`, `input_mask`, `input_type_ids`) to logits float32 [B, C];
      `NO_CHOICE` where a question has fewer than C choices: there `input_mask` is 0 throughout.
    """
    inputs = {name: tf_keras.Input((None, None), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    rows = InputRows(name="choice_rows")(inputs)
    logits = classification_head(encoder(rows)["pooled_output"], 1, dropout_rate, initializer_range)
    outputs = OfInputs(NO_CHOICE, name="choice_logits")(logits, inputs["input_mask"])[:, :, 0]
    return tf_keras.Model(inputs=inputs, outputs=outputs, name="bert_multiple_choice")


def build_row_model(model: tf_keras.Model) -> tf_keras.Model:
    """The logit of one choice for each row, int32 [R, L] -> float32 [R], by the layers of `build_choice_model`'s model."""
    encoder = next(layer for layer in model.layers if isinstance(layer, tf_keras.Model))
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    logits = model.get_layer("sentence_prediction")(encoder(inputs)["pooled_output"])
    return tf_keras.Model(inputs, {"logits": logits[:, 0]}, name="bert_choice")
