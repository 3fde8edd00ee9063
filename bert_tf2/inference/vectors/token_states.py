"""Hidden states of tokens, and Google's lines of them."""

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2.errors import JobError
from bert_tf2.inference.vectors.inputs import EncoderInput, Text, batch_of, checked
from bert_tf2.inference.vectors.settings import layer_numbers

if TYPE_CHECKING:
    import tensorflow as tf

    from bert_tf2.inference.vectors.text_encoder import TextEncoder

BATCHES_AT_ONCE = 4
"""All tokens' states are large; rows of like length are looked for among so many batches only."""
_DIGITS = 6


class TokenStates:
    """The hidden states of every token, special ones included.

    Args:
      encoder: the model; long texts are cut.
      layers: which blocks' states: from 0, or from -1 for the last.

    Raises:
      UserError: the model has no such layer.
    """

    def __init__(self, encoder: "TextEncoder", layers: Sequence[int] = (-1, -2, -3, -4)):
        self._encoder, self.layers = encoder, tuple(layers)
        self._numbers = layer_numbers(layers, encoder.config.num_hidden_layers)

    def of_texts(self, texts: Iterable[Text], batch_size: int = 32) -> Iterator[tuple[list[str], np.ndarray]]:
        """The tokens of each text or pair, and their states float32 [layers, L, H].

        Raises:
          UserError: one of them is no text.
          JobError: the hidden states are not finite.
        """
        for one, states in each_input(self._encoder, texts, batch_size, self._states):
            yield tokens_of(self._encoder, one), states[:, : len(one.ids)]

    def lines(self, texts: Iterable[Text], batch_size: int = 32, first: int = 0) -> Iterator[str]:
        """The lines of google-research/bert's `extract_features.py`: values of six digits, the texts numbered from `first`."""
        for number, (tokens, states) in enumerate(self.of_texts(texts, batch_size), first):
            values = np.round(states.astype(np.float64), _DIGITS).tolist()
            features = [
                {"token": token, "layers": [{"index": layer, "values": of[place]} for layer, of in zip(self.layers, values)]}
                for place, token in enumerate(tokens)
            ]
            yield json.dumps({"linex_index": number, "features": features}) + "\n"

    @functools.cached_property
    def _states(self) -> Any:
        import tensorflow as tf

        encoder, numbers = self._encoder.encoder, self._numbers

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3, autograph=False)
        def states(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
            inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": types}
            found = encoder(inputs, training=False)["encoder_outputs"]
            return tf.stack([found[number] for number in numbers], axis=1)

        return states


def each_input(
    encoder: "TextEncoder", texts: Iterable[Text], batch_size: int, compute: "Callable[..., tf.Tensor]"
) -> Iterator[tuple[EncoderInput, np.ndarray]]:
    """What is computed of each text, in their order.

    Args:
      encoder: makes the inputs.
      texts: texts and pairs.
      batch_size: how many go through the model at a time.
      compute: from ids, mask and segments int32 [B, L] to [B, …], padding included.
    """
    numbered = enumerate(texts)
    while window := list(itertools.islice(numbered, batch_size * BATCHES_AT_ONCE)):
        inputs = [encoder.inputs.inputs(*checked(f"texts[{index}]", text))[0] for index, text in window]
        order = sorted(range(len(inputs)), key=lambda row: len(inputs[row].ids))
        found: list[Any] = [None] * len(inputs)
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            values = compute(*batch_of([inputs[row] for row in rows], encoder.tokenizer)[:3]).numpy()
            if not np.isfinite(values).all():
                raise JobError("the model's hidden states are not finite; its weights are not usable")
            for row, value in zip(rows, values):
                found[row] = value
        yield from zip(inputs, found)


def tokens_of(encoder: "TextEncoder", one: EncoderInput) -> list[str]:
    """The tokens of an input."""
    return [encoder.tokenizer.id_to_token(id) for id in one.ids]
