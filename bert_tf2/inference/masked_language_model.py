"""A pre-trained model that guesses words, from a checkpoint: its encoder, its masked-LM head and its tokenizer."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.inference.pretrained_files import config_and_tokenizer

if TYPE_CHECKING:
    import tf_keras

    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.text.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class MaskedLanguageModel:
    """What guesses the words at masked places.

    Attributes:
      encoder: a built encoder with its weights, made `for_pretraining`.
      masked_lm: the head on it, `bert_tf2.models.masked_lm.MaskedLM`, with its weights.
      tokenizer: of the model's vocabulary.
      longest: the longest input in tokens, [CLS] and [SEP] included.
    """

    encoder: "tf_keras.Model"
    masked_lm: Any
    tokenizer: "Tokenizer"
    longest: int

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
    ) -> "MaskedLanguageModel":
        """Loads the encoder and the masked-LM head of a checkpoint.

        Args:
          path: a checkpoint of any format (see `models.checkpoints.formats.detect_format`), or the directory of a pre-training
            run, whose newest checkpoint is taken.
          vocab_file, bert_config_file, do_lower_case, strip_accents, sp_model_file: see `config_and_tokenizer`.

        Raises:
          UserError: something is not there, does not fit together, or the checkpoint has no masked-LM head.
        """
        import tf_keras

        from bert_tf2.models.checkpoints.formats import open_source
        from bert_tf2.models.checkpoints.loading import load_encoder_weights
        from bert_tf2.models.families.base import family_of
        from bert_tf2.tasks.pretraining.task import PretrainingTask

        source = open_source(path)
        if not any(one.head("masked_lm") for one in (source, *source.companions.values())):
            raise UserError(
                f"{source.path} has no masked-LM head, which guesses the words; give the checkpoint of a pre-training run "
                "(ckpt-…), Google's bert_model.ckpt or a Hugging Face folder of BertForMaskedLM or BertForPreTraining"
            )
        config, tokenizer = config_and_tokenizer(
            source.path,
            vocab_file=vocab_file,
            bert_config_file=bert_config_file,
            do_lower_case=do_lower_case,
            strip_accents=strip_accents,
            sp_model_file=sp_model_file,
        )
        source, config = _masked_lm_in(source, config)
        tf_keras.utils.set_random_seed(0)
        encoder = family_of(config).build(config, for_pretraining=True)
        model = PretrainingTask(config, next_sentence=False).build_model(encoder)
        load_encoder_weights(encoder, source, config, head_model=model)
        return cls(encoder, model.masked_lm, tokenizer, config.longest_input)


def _masked_lm_in(source: "Source", config: Any) -> tuple["Source", Any]:
    """What of a checkpoint guesses words, and its configuration: the encoder, or one that was trained beside it, a generator."""
    from bert_tf2.models.families.base import family_of

    family = family_of(config)
    source = source.of_family(family)
    for name, beside in source.companions.items():
        if name in family.companions and beside.head("masked_lm"):
            sizes = beside.family.weights.sizes(beside.shapes)
            if beside.num_attention_heads is not None:
                sizes["num_attention_heads"] = beside.num_attention_heads
            return beside, family.companions[name].config(config, sizes)
    return source, config
