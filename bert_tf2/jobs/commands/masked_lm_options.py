"""The options that name a model that guesses words, of every command that uses one."""

import dataclasses
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option, required

MODEL = "The model that guesses words"


@dataclasses.dataclass(frozen=True)
class MaskedLMOptions(Options):
    """Which model, and what belongs to it."""

    init_checkpoint: str | None = option(
        None,
        "A checkpoint with a masked-LM head: of run_pretraining.py (ckpt-N), of the model garden, google-research's TF1 "
        "bert_model.ckpt, a Hugging Face folder or model.safetensors. The format is detected.",
        section=MODEL,
    )
    model_dir: str | None = option(None, "The directory of a pre-training run, whose newest checkpoint is taken.", section=MODEL)
    bert_config_file: str | None = option(
        None,
        "BERT configuration [default: the one beside the checkpoint, or the pre-training run's own].",
        section=MODEL,
    )
    vocab_file: str | None = option(
        None,
        "Vocabulary of the model: WordPiece's vocab.txt, RoBERTa's vocab.json with merges.txt beside it, the tokenizer.json of "
        "either, or a folder with one of them [default: the one beside the checkpoint].",
        section=MODEL,
    )
    sp_model_file: str | None = option(None, "SentencePiece model, instead of --vocab_file.", section=MODEL)
    do_lower_case: bool | None = option(
        None,
        "Lower-case the text; right for uncased vocabularies [default: what tokenizer_config.json beside the vocabulary says, or "
        "true].",
        section=MODEL,
    )
    strip_accents: bool | None = option(
        None,
        "Strip the accents of letters [default: what the tokenizer's files say, or as --do_lower_case].",
        section=MODEL,
    )

    @property
    def model_path(self) -> str:
        """Where the model is."""
        return files.expand(required(self.init_checkpoint or self.model_dir))

    @property
    def beside_model(self) -> dict[str, Any]:
        """What else `MaskedLanguageModel.from_checkpoint` takes."""
        names = ("vocab_file", "bert_config_file", "do_lower_case", "strip_accents", "sp_model_file")
        return {name: getattr(self, name) for name in names}


def check_model(options: MaskedLMOptions) -> None:
    """Checks that one model and one vocabulary are named.

    Raises:
      UserError: two are.
    """
    if options.init_checkpoint and options.model_dir:
        raise UserError("--init_checkpoint and --model_dir are two models; give the one that guesses words")
    if options.vocab_file is not None and options.sp_model_file is not None:
        raise UserError("--vocab_file and --sp_model_file are two vocabularies; give the model's own")
