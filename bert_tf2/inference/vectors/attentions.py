"""Attention weights of texts."""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2.inference.vectors.inputs import Text
from bert_tf2.inference.vectors.settings import layer_numbers
from bert_tf2.inference.vectors.token_states import each_input, tokens_of

if TYPE_CHECKING:
    from bert_tf2.inference.vectors.text_encoder import TextEncoder


class Attentions:
    """How much the tokens of a text attend to each other, by layer and head.

    Args:
      encoder: the model; long texts are cut.
      layers: which: from 0, or from -1 for the last; None for all.

    Attributes:
      layers: from 0.

    Raises:
      UserError: the model has no such layer.
    """

    def __init__(self, encoder: "TextEncoder", layers: Sequence[int] | None = None):
        count = encoder.config.num_hidden_layers
        self._encoder, self.layers = encoder, layer_numbers(range(count) if layers is None else layers, count)

    def of_texts(self, texts: Iterable[Text], batch_size: int = 8) -> Iterator[tuple[list[str], np.ndarray]]:
        """The tokens of each text or pair, and float32 [layers, heads, L, L]: how much each attends to each; rows add up to 1.

        Raises:
          UserError: one of them is no text.
          JobError: the weights are not finite.
        """
        for one, weights in each_input(self._encoder, texts, batch_size, self._weights):
            length = len(one.ids)
            yield tokens_of(self._encoder, one), weights[:, :, :length, :length]

    @functools.cached_property
    def _weights(self) -> Any:
        import tensorflow as tf

        from bert_tf2.models.attention_weights import attention_weights_of

        compute = attention_weights_of(self._encoder.encoder, self.layers)

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3, autograph=False)
        def weights(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
            return compute({"input_word_ids": ids, "input_mask": mask, "input_type_ids": types})

        return weights
