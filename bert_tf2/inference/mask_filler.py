"""Filling [MASK] in texts from Python, with the model loaded once."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.inference.filled_texts import with_spaced_token, with_token
from bert_tf2.inference.masked_language_model import MaskedLanguageModel
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, token_text
from bert_tf2.text.vocabulary import MASK

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras

    from bert_tf2.text.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may stand in the place of a [MASK].

    Attributes:
      token: of the vocabulary; `##` marks the continuation of a word, in byte-level BPE `Ġ` a space before it.
      probability: among the whole vocabulary, 0 to 1.
      text: the text with the token in this place; other masks stay.
    """

    token: str
    probability: float
    text: str


class MaskFiller:
    """Fills [MASK] with the tokens that a model finds likeliest there.

        filler = MaskFiller.from_checkpoint("bert_model.ckpt", vocab_file="vocab.txt", bert_config_file="bert_config.json")
        filler.fill("Paris is the [MASK] of France.")[0][0].token

    Args:
      encoder: a built encoder with its weights, made `for_pretraining`.
      masked_lm: the head on it, `bert_tf2.models.masked_lm.MaskedLM`, with its weights.
      tokenizer: of the model's vocabulary.
      longest: the longest input in tokens, [CLS] and [SEP] included.
    """

    def __init__(self, encoder: "tf_keras.Model", masked_lm: Any, tokenizer: "Tokenizer", longest: int):
        from bert_tf2.text.tokenizer import mask_id_of

        self._encoder, self._masked_lm, self._tokenizer, self._longest = encoder, masked_lm, tokenizer, longest
        self._mask_id = mask_id_of(tokenizer)
        self._is_byte_level = isinstance(tokenizer, ByteLevelBPETokenizer)

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
    ) -> "MaskFiller":
        """Loads the encoder and the masked-LM head of a checkpoint; see `MaskedLanguageModel.from_checkpoint`."""
        model = MaskedLanguageModel.from_checkpoint(
            path,
            vocab_file=vocab_file,
            bert_config_file=bert_config_file,
            do_lower_case=do_lower_case,
            strip_accents=strip_accents,
            sp_model_file=sp_model_file,
        )
        return cls(model.encoder, model.masked_lm, model.tokenizer, model.longest)

    def fill(self, text: str, top_k: int = 5) -> list[list[Candidate]]:
        """The likeliest tokens for each [MASK] of a text, the likeliest first.

        Raises (here and below):
          UserError: the text holds no [MASK], or is longer than the model can take.
        """
        return self.fill_all([text], top_k)[0]

    def fill_all(self, texts: Iterable[str], top_k: int = 5, batch_size: int = 16) -> list[list[list[Candidate]]]:
        """As `fill`, for several texts in their order."""
        return list(self.filled(texts, top_k, batch_size))

    def filled(self, texts: Iterable[str], top_k: int = 5, batch_size: int = 16) -> Iterator[list[list[Candidate]]]:
        """As `fill_all`, one batch of texts at a time."""
        if top_k < 1 or batch_size < 1:
            raise ValueError(f"top_k and batch_size must be at least 1; got {top_k} and {batch_size}")
        texts = iter(texts)
        while batch := list(itertools.islice(texts, batch_size)):
            yield from self._fill_batch(batch, min(top_k, self._tokenizer.vocab_size))

    def encoded(self, text: str) -> list[int]:
        """The ids of a text as an input, with [MASK] (or `<mask>`, where the vocabulary calls it so) as one token.

        In byte-level BPE the white space before it belongs to it, as in RoBERTa's own tokenizer.
        """
        parts = text.split(self._mark(text))
        if len(parts) == 1:
            raise UserError(f"the text holds no {MASK}: {text[:60]!r}; write {MASK} where a word is to be found")
        if self._is_byte_level:
            parts = [*map(str.rstrip, parts[:-1]), parts[-1]]
        ids = self._tokenizer.encode(parts[0])
        for part in parts[1:]:
            ids += [self._mask_id, *self._tokenizer.encode(part)]
        ids = self._tokenizer.template.packed(ids)
        if len(ids) > self._longest:
            raise UserError(f"the text has {len(ids)} tokens, more than the model's {self._longest}: {text[:60]!r}; shorten it")
        return ids

    def _mark(self, text: str) -> str:
        return self._tokenizer.mask_token if self._tokenizer.mask_token in text else MASK

    def _with_token(self, text: str, place: int, token: str) -> str:
        mark = self._mark(text)
        return with_spaced_token(text, place, token_text(token), mark) if self._is_byte_level else with_token(text, place, token)

    def _fill_batch(self, texts: list[str], top_k: int) -> list[list[list[Candidate]]]:
        import numpy as np

        rows = [self.encoded(text) for text in texts]
        length = max(map(len, rows))
        ids = np.full((len(rows), length), self._tokenizer.pad_id, np.int32)
        mask = np.zeros_like(ids)
        for row, of_row in enumerate(rows):
            ids[row, : len(of_row)], mask[row, : len(of_row)] = of_row, 1
        is_mask = ids == self._mask_id
        most = int(is_mask.sum(1).max())
        # The places of the masks first, in their order; what a row has fewer than others is not looked at.
        positions = np.argsort(~is_mask, axis=1, kind="stable")[:, :most].astype(np.int32)
        where = np.argwhere(np.take_along_axis(is_mask, positions, axis=1))
        probabilities, tokens = self._best(ids, mask, positions, (where[:, 0] * most + where[:, 1]).astype(np.int32), top_k)
        found: list[list[list[Candidate]]] = [[] for _ in texts]
        for row, best, best_tokens in zip(where[:, 0].tolist(), probabilities.numpy().tolist(), tokens.numpy().tolist()):
            names = [self._tokenizer.id_to_token(token) for token in best_tokens]
            place = len(found[row])
            found[row].append(
                [Candidate(name, value, self._with_token(texts[row], place, name)) for name, value in zip(names, best)]
            )
        return found

    @functools.cached_property
    def _best(self) -> Any:
        import tensorflow as tf

        tokens = self._tokenizer.vocab_size

        @tf.function(
            input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3
            + [tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)],
            autograph=False,
        )
        def best(ids: "tf.Tensor", mask: "tf.Tensor", positions: "tf.Tensor", places: "tf.Tensor", top_k: "tf.Tensor") -> Any:
            inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": tf.zeros_like(ids)}
            inputs["output_positions"] = positions
            logits = self._masked_lm.logits(self._encoder(inputs, training=False)["sequence_output"], places)
            return tf.math.top_k(tf.nn.softmax(logits[:, :tokens]), top_k)

        return best
