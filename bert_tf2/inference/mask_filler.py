"""Filling [MASK] in texts from Python, with the model loaded once."""

import dataclasses
import functools
import itertools
import logging
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.model_directory.model_files import CONFIG_NAMES
from bert_tf2.text.vocabulary import FILE_NAMES, MASK, vocabulary_in
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    import tensorflow as tf
    import tf_keras

    from bert_tf2.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

_CONTINUES, _BEGINS = "##", "▁"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """What may stand in the place of a [MASK].

    Attributes:
      token: of the vocabulary; `##` marks the continuation of a word.
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
        """Loads the encoder and the masked-LM head of a checkpoint.

        Args:
          path: a checkpoint of any format (see `models.checkpoints.formats.detect_format`), or the directory of a pre-training
            run, whose newest checkpoint is taken.
          vocab_file: the vocabulary; None for the vocab.txt or tokenizer.json beside the checkpoint.
          bert_config_file: the configuration; None for the one beside the checkpoint, or the run's own.
          do_lower_case, strip_accents: how the text is prepared; None for what `load_tokenizer` finds beside the vocabulary.
          sp_model_file: a SentencePiece model instead of a vocabulary.

        Raises:
          UserError: something is not there, does not fit together, or the checkpoint has no masked-LM head.
        """
        import tf_keras

        from bert_tf2.model_directory.metadata_checks import check_size
        from bert_tf2.models.checkpoints.formats import open_source
        from bert_tf2.models.checkpoints.loading import load_encoder_weights
        from bert_tf2.models.encoder import build_encoder
        from bert_tf2.tasks.pretraining.task import PretrainingTask
        from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

        source = open_source(path)
        if not source.head("masked_lm"):
            raise UserError(
                f"{source.path} has no masked-LM head, which guesses the words; give the checkpoint of a pre-training run "
                "(ckpt-…), Google's bert_model.ckpt or a Hugging Face folder of BertForMaskedLM or BertForPreTraining"
            )
        config = _config(bert_config_file, source.path)
        vocab_file = None if sp_model_file else vocab_file or _vocabulary_beside(source.path)
        _require_both(config is not None, bool(vocab_file or sp_model_file), _directory(source.path))
        tokenizer = load_tokenizer(
            vocab_file=vocab_file,
            sp_model_file=sp_model_file,
            tokenization="SentencePiece" if sp_model_file else "WordPiece",
            do_lower_case=do_lower_case,
            strip_accents=strip_accents,
        )
        for warning in warnings_of(tokenizer):
            logger.warning("%s", warning)
        check_size(f"{tokenizer.file} has {tokenizer.vocab_size}", tokenizer.vocab_size, config, bert_config_file)
        tf_keras.utils.set_random_seed(0)
        encoder = build_encoder(config, for_pretraining=True)
        model = PretrainingTask(config, next_sentence=False).build_model(encoder)
        load_encoder_weights(encoder, path, config, head_model=model)
        return cls(encoder, model.masked_lm, tokenizer, config.max_position_embeddings)

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
        """The ids of a text between [CLS] and [SEP], with [MASK] as one token."""
        parts = text.split(MASK)
        if len(parts) == 1:
            raise UserError(f"the text holds no {MASK}: {text[:60]!r}; write {MASK} where a word is to be found")
        ids = [self._tokenizer.cls_id, *self._tokenizer.encode(parts[0])]
        for part in parts[1:]:
            ids += [self._mask_id, *self._tokenizer.encode(part)]
        ids.append(self._tokenizer.sep_id)
        if len(ids) > self._longest:
            raise UserError(f"the text has {len(ids)} tokens, more than the model's {self._longest}: {text[:60]!r}; shorten it")
        return ids

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
            found[row].append([Candidate(name, value, with_token(texts[row], place, name)) for name, value in zip(names, best)])
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


def with_token(text: str, place: int, token: str) -> str:
    """A text with one of its masks, counted from 0, replaced by a token; a continuation joins the word before it."""
    parts = text.split(MASK)
    before, after = MASK.join(parts[: place + 1]), MASK.join(parts[place + 1 :])
    if token.startswith(_CONTINUES) and len(token) > len(_CONTINUES):
        return before.rstrip() + token.removeprefix(_CONTINUES) + after
    return before + token.removeprefix(_BEGINS) + after


def _config(bert_config_file: str | None, source_path: str) -> Any:
    from bert_tf2.models.config import BertConfig

    if bert_config_file is not None:
        return BertConfig.from_json_file(files.require_file(bert_config_file, "bert_config_file"))
    directory = _directory(source_path)
    for name in CONFIG_NAMES:
        if files.exists(os.path.join(directory, name)):
            return BertConfig.from_json_file(os.path.join(directory, name))
    run = files.read_object(directory, RUN_CONFIG).get("run", {})
    known = run.get("bert_config") if isinstance(run, dict) else None
    return BertConfig.from_dict(known) if isinstance(known, dict) else None


def _vocabulary_beside(source_path: str) -> str | None:
    directory = _directory(source_path)
    return vocabulary_in(directory) or vocabulary_in(os.path.join(directory, "pretrained"))


def _require_both(has_config: bool, has_vocabulary: bool, directory: str) -> None:
    missing = {} if has_config else {"--bert_config_file": CONFIG_NAMES}
    missing |= {} if has_vocabulary else {"--vocab_file (or --sp_model_file)": FILE_NAMES}
    if missing:
        listed = (f"{flag} is required: there is no {' or '.join(names)} in {directory}" for flag, names in missing.items())
        raise UserError("; ".join(listed))


def _directory(source_path: str) -> str:
    return source_path if not files.is_remote(source_path) and os.path.isdir(source_path) else os.path.dirname(source_path) or "."
