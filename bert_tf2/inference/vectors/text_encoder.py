"""Vectors of texts from Python, with the model loaded once."""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.pretrained_files import config_and_tokenizer
from bert_tf2.inference.vectors.inputs import EncoderInput, InputMaker, Text, TokenIds, batch_of, checked
from bert_tf2.inference.vectors.settings import VectorSettings, input_length, trained_pooling

if TYPE_CHECKING:
    import numpy as np
    import tf_keras

    from bert_tf2.inference.vectors.whitening import Whitening
    from bert_tf2.text.tokenizer import Tokenizer

BATCHES_AT_ONCE = 32
"""Inputs are sorted by length among so many batches, which bounds the memory."""

# Lower than what any hidden state holds.
_LOWEST = -3e38


class TextEncoder:
    """Makes a vector of each text.

        encoder = TextEncoder.from_checkpoint("weights", pooling="mean", normalize=True)
        encoder.encode(["a delight from start to finish", ("a first text", "a second one")])  # float32 [2, D]

    An empty text has the vector of an input without any text, `[CLS] [SEP]`; zeros where special tokens are not pooled.

    Args:
      encoder: a built encoder with its weights.
      tokenizer: of the model's vocabulary.
      config: the encoder's.
      settings: how vectors are made.
      whitening: applied to them before they are normalised.
      dimension: how many directions of the whitening are kept; None for all.

    Raises:
      UserError: the model has no such layer, takes no input of such a length, or whitening or dimension are of other vectors.
    """

    def __init__(
        self,
        encoder: "tf_keras.Model",
        tokenizer: "Tokenizer",
        config: Any,
        settings: VectorSettings | None = None,
        whitening: "Whitening | None" = None,
        dimension: int | None = None,
    ):
        self.settings = settings or VectorSettings()
        self.encoder, self.tokenizer, self.config = encoder, tokenizer, config
        self._layers = self.settings.layer_numbers(config.num_hidden_layers)
        template = tokenizer.template
        self.max_seq_length = input_length(self.settings.max_seq_length, config.longest_input, template.special_tokens_of_pair)
        """The most tokens of an input."""
        self.inputs = InputMaker(
            tokenizer, self.max_seq_length, self.settings.special_tokens, self.settings.long_text == "windows"
        )
        """Makes the inputs; counts the texts that were cut."""
        self.whitening, self._dimension = whitening, dimension
        """What is applied to vectors before they are normalised; None for nothing."""
        if whitening is None and dimension is not None:
            raise UserError("--dimension is how many directions a whitening keeps; give --whitening_file too")
        if whitening is not None:
            whitening.check(self.identity, dimension)

    @classmethod
    def from_checkpoint(
        cls,
        path: str,
        *,
        vocab_file: str | None = None,
        bert_config_file: str | None = None,
        do_lower_case: bool | None = None,
        strip_accents: bool | None = None,
        sp_model_file: str | None = None,
        whitening_file: str | None = None,
        dimension: int | None = None,
        **settings: Any,
    ) -> "TextEncoder":
        """Loads the encoder of a checkpoint of any format and family.

        Args:
          path: a checkpoint (see `models.checkpoints.formats.detect_format`), or the directory of a training, whose newest is
            taken.
          vocab_file, bert_config_file, do_lower_case, strip_accents, sp_model_file: see `config_and_tokenizer`.
          whitening_file: a whitening that was fitted on such vectors.
          dimension: how many of its directions are kept.
          settings: the fields of `VectorSettings`.

        Raises:
          UserError: something is not there, or does not fit together.
        """
        import tf_keras

        from bert_tf2.inference.vectors.whitening import Whitening
        from bert_tf2.models.checkpoints.formats import open_source
        from bert_tf2.models.checkpoints.loading import load_encoder_weights
        from bert_tf2.models.families.base import family_of

        chosen = VectorSettings(**settings)
        if chosen.quantize == "int8":
            from bert_tf2.exporting.quantized_here import require_packages

            require_packages()
        whitening = None if whitening_file is None else Whitening.load(files.expand(whitening_file))
        source = open_source(path)
        config, tokenizer = config_and_tokenizer(
            source.path,
            vocab_file=vocab_file,
            bert_config_file=bert_config_file,
            do_lower_case=do_lower_case,
            strip_accents=strip_accents,
            sp_model_file=sp_model_file,
        )
        chosen.layer_numbers(config.num_hidden_layers)
        tf_keras.utils.set_random_seed(0)
        encoder = family_of(config).build(config)
        # The pooler is not used, so nobody needs to know where a checkpoint has none.
        load_encoder_weights(encoder, source, config, head_model=encoder)
        return cls(encoder, tokenizer, config, chosen, whitening, dimension)

    @classmethod
    def from_run(cls, model_dir: str, **settings: Any) -> "TextEncoder":
        """Loads the encoder of the newest checkpoint of a training's directory; see `from_checkpoint`.

        The pooling is that of the training, where it was one of vectors and `settings` do not say another.

        Raises:
          UserError: as there; or the training's vectors are those behind the pooler.
        """
        if "pooling" not in settings and (pooling := trained_pooling(model_dir)) is not None:
            settings["pooling"] = pooling
        return cls.from_checkpoint(model_dir, **settings)

    @functools.cached_property
    def dimension(self) -> int:
        """The length of a vector."""
        if self.whitening is not None:
            return self._dimension or self.whitening.dimension
        return self.settings.dimension(self.config.num_hidden_layers, self.config.hidden_size)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Identifies the model by what decides its hidden states, in whatever format it lies: SHA-256 in hexadecimal."""
        from bert_tf2.models.families.base import family_of

        config = self.config
        shape = [family_of(config).name, config.num_attention_heads, config.hidden_act, config.layer_norm_eps]
        digest = hashlib.sha256(json.dumps([*shape, self.tokenizer.fingerprint]).encode())
        pooler = {id(variable) for variable in self.encoder._pooler_layer.weights}
        for variable in self.encoder.weights:
            if id(variable) not in pooler:
                digest.update(variable.numpy().tobytes())
        return digest.hexdigest()

    @property
    def identity(self) -> dict[str, Any]:
        """What decides in which space the vectors lie: the model, how text is prepared, and how hidden states are pooled."""
        normalization = self.tokenizer.normalization
        # Only where they are: vectors of former versions know nothing of it.
        weights = {} if self.settings.quantize == "none" else {"quantize": self.settings.quantize}
        return weights | {
            "model": self.fingerprint,
            "do_lower_case": normalization.do_lower_case,
            "strip_accents": normalization.strip_accents,
            "pooling": self.settings.pooling,
            "layers": list(self._layers),
            "layer_combination": self.settings.layer_combination,
            "special_tokens": self.settings.special_tokens,
        }

    def encode(self, texts: str | Sequence[Text | TokenIds], batch_size: int = 32) -> "np.ndarray":
        """The vectors of texts or pairs of texts (or of `TokenIds`), float32 [N, D]; of a single text [D].

        Raises (here and below):
          UserError: one of them is no text; the message holds its index.
          JobError: the hidden states are not finite, or a batch does not fit into memory.
        """
        import numpy as np

        if isinstance(texts, str):
            return self.encode([texts], batch_size)[0]
        parts = list(self.encoded(texts, batch_size))
        return np.concatenate(parts) if parts else np.zeros((0, self.dimension), np.float32)

    def encoded(self, texts: Iterable[Text | TokenIds], batch_size: int = 32) -> Iterator["np.ndarray"]:
        """As `encode`, of `batch_size * BATCHES_AT_ONCE` texts at a time."""
        for pooled in self.pooled(texts, batch_size):
            yield self.finished(pooled)

    def finished(self, vectors: "np.ndarray") -> "np.ndarray":
        """Pooled vectors, float32 [N, D], whitened and normalised as the settings say."""
        import numpy as np

        if self.whitening is not None:
            vectors = self.whitening.applied(vectors, self._dimension)
        if self.settings.normalize:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.where(lengths > 0, lengths, 1)
        return vectors.astype(np.float32)

    def pooled(self, texts: Iterable[Text | TokenIds], batch_size: int = 32) -> Iterator["np.ndarray"]:
        """As `encoded`, before whitening and normalisation."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        numbered = enumerate(texts)
        while window := list(itertools.islice(numbered, batch_size * BATCHES_AT_ONCE)):
            of_texts = [self._inputs_of(f"texts[{index}]", text) for index, text in window]
            yield self._pooled_window(of_texts, batch_size)

    def _inputs_of(self, name: str, text: Text | TokenIds) -> list[EncoderInput]:
        if isinstance(text, TokenIds):
            return self.inputs.of_ids(list(text.ids), [])
        return self.inputs.inputs(*checked(name, text))

    def _pooled_window(self, of_texts: list[list[EncoderInput]], batch_size: int) -> "np.ndarray":
        """The pooled vectors of texts, each of one input or several."""
        import numpy as np

        inputs = [one for several in of_texts for one in several]
        order = sorted(range(len(inputs)), key=lambda row: len(inputs[row].ids))
        parts: list[np.ndarray] = []
        for first in range(0, len(order), batch_size):
            parts.append(self._computed([inputs[row] for row in order[first : first + batch_size]]))
        of_inputs = np.empty((len(inputs), parts[0].shape[1]), np.float32)
        of_inputs[order] = np.concatenate(parts)
        starts = np.cumsum([0, *(len(several) for several in of_texts[:-1])])
        tokens = np.array([[sum(int(one.pooled.sum()) for one in several)] for several in of_texts])
        found = []
        for part, values in zip(self.settings.parts, np.split(of_inputs, len(self.settings.parts), axis=1)):
            if part == "sum":
                found.append(np.add.reduceat(values, starts) / np.maximum(tokens, 1))
            else:
                found.append(np.where(tokens > 0, np.maximum.reduceat(values, starts), 0))
        return np.concatenate(found, axis=1).astype(np.float32)

    def _computed(self, inputs: list[EncoderInput]) -> "np.ndarray":
        import numpy as np
        import tensorflow as tf

        try:
            values = np.asarray(self._parts(*batch_of(inputs, self.tokenizer)))
        except tf.errors.ResourceExhaustedError:
            raise JobError(f"out of memory with a batch of {len(inputs)}: use a smaller --batch_size") from None
        if not np.isfinite(values).all():
            raise JobError("the model's hidden states are not finite; its weights are not usable")
        return values

    @functools.cached_property
    def _parts(self) -> Any:
        """A function from a batch to the parts of its pooled vectors, float32 [B, parts * D]."""
        if self.settings.quantize == "int8":
            from bert_tf2.inference.vectors.quantized import quantized

            return quantized(self.encoder, self._layers, self.settings.averages_layers, self.settings.parts)
        import tensorflow as tf

        batch = [tf.TensorSpec([None, None], tf.int32)] * 3 + [tf.TensorSpec([None, None], tf.bool)]
        settings, layers = self.settings, self._layers

        @tf.function(input_signature=batch, autograph=False)
        def parts(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor, pooled: tf.Tensor) -> tf.Tensor:
            inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": types}
            # TensorFlow computes only the blocks that are read.
            states = self.encoder(inputs, training=False)["encoder_outputs"]
            chosen = [states[layer] for layer in layers]
            hidden = tf.add_n(chosen) / len(chosen) if settings.averages_layers else tf.concat(chosen, axis=-1)
            made = {
                "first": lambda: hidden[:, 0],
                "sum": lambda: tf.matmul(tf.cast(pooled, tf.float32)[:, tf.newaxis], hidden)[:, 0],
                "max": lambda: tf.reduce_max(tf.where(pooled[..., tf.newaxis], hidden, _LOWEST), axis=1),
            }
            return tf.concat([made[part]() for part in settings.parts], axis=-1)

        return parts
