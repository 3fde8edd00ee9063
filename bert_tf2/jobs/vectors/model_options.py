"""Which model makes vectors, and how: what the commands have in common."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.settings import (
    COMBINATIONS,
    LONG_TEXTS,
    QUANTIZATIONS,
    VectorSettings,
    read_layers,
    trained_pooling,
)
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.commands.asking import loading
from bert_tf2.options import Options, at_least, ignored_option, option, require_given, required

_MODEL, _VECTORS = "The model", "The vectors"


@dataclasses.dataclass(frozen=True)
class VectorModelOptions(Options):
    """A model and how its hidden states become vectors; a command adds `pooling`, whose choices are its own."""

    init_checkpoint: str | None = option(
        None,
        "A checkpoint of any family: of the model garden, google-research's TF1 bert_model.ckpt, a Hugging Face folder or "
        "model.safetensors. The format is detected.",
        section=_MODEL,
    )
    model_dir: str | None = option(
        None, "Instead of it the directory of a training, whose newest checkpoint is taken.", section=_MODEL
    )
    bert_config_file: str | None = option(
        None, "BERT configuration [default: the one beside the checkpoint, or the training's own].", section=_MODEL
    )
    vocab_file: str | None = option(
        None,
        "Vocabulary of the model: WordPiece's vocab.txt, RoBERTa's vocab.json with merges.txt beside it, the tokenizer.json of "
        "either, or a folder with one of them [default: the one beside the checkpoint].",
        section=_MODEL,
    )
    sp_model_file: str | None = option(
        None, "SentencePiece model, instead of --vocab_file [default: the one beside the checkpoint].", section=_MODEL
    )
    do_lower_case: bool | None = option(
        None,
        "Lower-case the text; right for uncased vocabularies [default: what tokenizer_config.json beside the vocabulary says, or "
        "true].",
        section=_MODEL,
    )
    strip_accents: bool | None = option(
        None, "Strip the accents of letters [default: what the tokenizer's files say, or as --do_lower_case].", section=_MODEL
    )
    layer_combination: str = option(
        "concat", "What is done with several --layers: put side by side, or averaged.", choices=COMBINATIONS, section=_VECTORS
    )
    special_tokens: bool = option(True, "Pool over [CLS] and [SEP] too.", section=_VECTORS)
    normalize: bool = option(False, "Give every vector the length 1.", section=_VECTORS)
    whitening_file: str | None = option(
        None,
        "A whitening that extract_features --fit_whitening made of this model's vectors; it is applied before --normalize.",
        section=_VECTORS,
    )
    dimension: int | None = option(
        None, "How many directions of --whitening_file are kept [default: all].", check=at_least(1), section=_VECTORS
    )
    max_seq_length: int | None = option(
        None,
        "The most tokens of an input, special ones included [default: 128, or the model's most if that is less].",
        check=at_least(4),
        section=_VECTORS,
    )
    long_text: str = option(
        "truncate",
        "A text that has more tokens is cut, or read in windows that overlap by a quarter: the vector is then of all its tokens.",
        choices=LONG_TEXTS,
        section=_VECTORS,
    )
    quantize: str = option(
        "none",
        "int8 computes with weights of 8 bits by ONNX Runtime (extra onnx), which is faster on processors with VNNI; vectors "
        "differ a little, by the batch too, and the model is converted at each start.",
        choices=QUANTIZATIONS,
        section=_VECTORS,
    )
    batch_size: int = option(32, "How many texts go through the model at a time.", check=at_least(1), section=_VECTORS)
    use_one_hot_embeddings: bool = ignored_option(False, "embeddings are looked up on every device")


MODEL_FILES = ("vocab_file", "bert_config_file", "do_lower_case", "strip_accents", "sp_model_file")
"""The options that say what belongs to a checkpoint."""
LAYERS_HELP = "Layers whose hidden states are taken: 0 is the first block, -1 the last, -2 the one before"


def check_model(options: VectorModelOptions, needed: Mapping[str, str] | None = None) -> None:
    """Checks that one model is given.

    Args:
      options: the command's.
      needed: what else it needs; see `require_given`.

    Raises:
      UserError: something is missing, or there are two models.
    """
    require_given(options, {"init_checkpoint or model_dir": "the model that makes the vectors", **(needed or {})})
    if options.init_checkpoint and options.model_dir:
        raise UserError("--init_checkpoint and --model_dir are two models; give one")
    if options.vocab_file is not None and options.sp_model_file is not None:
        raise UserError("--vocab_file and --sp_model_file are two vocabularies; give the model's own")


def settings_of(options: VectorModelOptions, pooling: str | None, layers: str | None) -> VectorSettings:
    """The settings that the flags ask for.

    Args:
      options: say all but how tokens are pooled, and of which layers.
      pooling: one of `POOLINGS`; None for that of the model's training, `mean` where it was not trained for vectors.
      layers: a comma list; None for the last one.

    Raises:
      UserError: two of them contradict each other, or `layers` holds no numbers.
    """
    return VectorSettings(
        pooling=pooling or (options.model_dir and trained_pooling(options.model_dir)) or "mean",
        layers=None if layers is None else read_layers(layers),
        layer_combination=options.layer_combination,
        special_tokens=options.special_tokens,
        normalize=options.normalize,
        max_seq_length=options.max_seq_length,
        long_text=options.long_text,
        quantize=options.quantize,
    )


def load_encoder(options: VectorModelOptions, settings: VectorSettings, whitening_file: str | None) -> TextEncoder:
    """Loads the model; see `TextEncoder.from_checkpoint`."""
    path = files.expand(required(options.init_checkpoint or options.model_dir))
    given: dict[str, Any] = {name: getattr(options, name) for name in MODEL_FILES}
    with loading(path):
        return TextEncoder.from_checkpoint(
            path,
            **given,
            whitening_file=whitening_file,
            dimension=None if whitening_file is None else options.dimension,
            **dataclasses.asdict(settings),
        )
