"""The job of `python -m bert_tf2.convert_checkpoint`."""

import dataclasses
import logging
import os
from typing import TYPE_CHECKING

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option, require_given, required
from bert_tf2.runtime import job
from bert_tf2.text.vocabulary import read_bytes

if TYPE_CHECKING:
    from bert_tf2.jobs.commands.conversion_source import ConversionSource
    from bert_tf2.models.checkpoints.convert import Converted
    from bert_tf2.models.config import BertConfig

logger = logging.getLogger(__name__)

_MODELS = (
    "encoder", "pretrainer", "discriminator", "classifier", "span", "start_conditioned", "tagger", "multiple_choice",
)  # fmt: skip
_OF_CLASSES = ("classifier", "tagger", "multiple_choice")


@dataclasses.dataclass(frozen=True)
class ConvertCheckpointOptions(Options):
    """What to convert, and to what."""

    checkpoint_to_convert: str | None = option(
        None,
        "The source: a TensorFlow checkpoint (its path without .index), a directory with one, a Hugging Face folder, or a "
        "safetensors file. The format is recognised by its content.",
    )
    converted_checkpoint_path: str | None = option(
        None, "What to write: exactly this prefix (tf2, tf1) or folder (huggingface). It must not exist yet."
    )
    to: str = option(
        "tf2",
        "tf2: objects, as the model garden writes and restores them; tf1: variables by google-research's names; huggingface: "
        "a folder with config.json and model.safetensors.",
        choices=("tf2", "tf1", "huggingface"),
    )
    bert_config_file: str | None = option(
        None, "The shape of the model (Google's or Hugging Face's form). Not given: the one that lies beside the source."
    )
    converted_model: str | None = option(
        None,
        "What to keep besides the encoder: pretrainer keeps the masked-LM and next-sentence heads, discriminator (ELECTRA), "
        "classifier, span, start_conditioned (XLNet's for answers), tagger (token classification) and multiple_choice theirs. "
        "Not given: the heads that the source holds, for what the files beside it say.",
        choices=_MODELS,
    )
    checkpoint_model_name: str = option(
        "encoder", "Name of the encoder in a tf2 checkpoint, as in tf.train.Checkpoint(encoder=model)."
    )
    vocab_file: str | None = option(
        None, "The model's vocabulary, which goes along. Not given: the one that lies beside the source."
    )
    sp_model_file: str | None = option(
        None, "The model's SentencePiece model, instead of --vocab_file.", other_names=("spm_model_file", "spiece_model_file")
    )
    do_lower_case: bool | None = option(
        None, "Whether that vocabulary is for lower-cased text [default: what the files beside it say, else true]."
    )
    strip_accents: bool | None = option(
        None, "Whether letters lose their accents for it [default: what the files beside it say, else as --do_lower_case]."
    )


def command(description: str = "Converts a BERT checkpoint between TF2, TF1 and Hugging Face.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(convert_checkpoint, ConvertCheckpointOptions, description)


@job
def convert_checkpoint(options: ConvertCheckpointOptions) -> "Converted":
    """Converts a checkpoint, verifies the result and prints how to use it.

    Raises:
      UserError: an option, the source or the configuration is wrong, or the target exists; nothing was written.
      JobError: the target could not be written; nothing is left of it.
    """
    _check(options)
    from bert_tf2.jobs.commands.conversion_source import find_source
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.checkpoints.formats import TITLES, open_source
    from bert_tf2.models.families.names import is_pooler

    source = open_source(required(options.checkpoint_to_convert))
    known = find_source(
        source.path,
        bert_config_file=options.bert_config_file,
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file,
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
    )
    _check_vocabulary(options, known, source.path)
    path = files.expand(required(options.converted_checkpoint_path))
    converted = convert(
        source,
        known.config,
        path,
        options.to,
        kind=options.converted_model or known.kind,
        root_name=options.checkpoint_model_name,
        tokenizer=known.tokenizer,
        label_names=known.label_names,
        problem_type=known.problem_type,
    )
    for note in source.notes:
        logger.warning("%s: %s", source.path, note)
    if not any(map(is_pooler, source.tensors)):
        logger.warning("%s has no pooler, so there is none in %s", source.path, path)
    if converted.kind in _OF_CLASSES and not known.label_names and source.shapes["output_bias"][0] > 1:
        logger.warning("%s: the names of the labels are not known; they are numbers in %s", source.path, path)
    if converted.unused:
        shown = ", ".join(converted.unused[:4]) + (", …" if len(converted.unused) > 4 else "")
        print(f"left out {len(converted.unused)} tensors that a {options.to} {converted.kind} does not hold: {shown}")
    print(
        f"wrote {path} ({TITLES[options.to]}, {converted.kind}) from {source.path} ({TITLES[source.format]}): "
        f"{len(converted.weights)} tensors, read back and equal bit for bit"
    )
    config_path = known.config_path
    if options.to == "huggingface":
        config_path = os.path.join(path, "config.json")
    else:
        if _write_config(path, known.config):
            config_path = _beside(path, "bert_config.json")
        classes = source.shapes["output_bias"][0] if converted.kind in _OF_CLASSES else None
        for name, content in known.files_beside(classes).items():
            _write_beside(_beside(path, name), content)
    print(f"use it with: --init_checkpoint={path} --bert_config_file={config_path}")
    return converted


def _check(options: ConvertCheckpointOptions) -> None:
    needed = {
        "checkpoint_to_convert": "the checkpoint to read",
        "converted_checkpoint_path": "where the converted one goes",
    }
    require_given(options, needed)
    path = files.expand(required(options.converted_checkpoint_path))
    if options.to == "huggingface":
        return
    if path.endswith(("/", ".index")) or os.path.isdir(path):
        raise UserError(
            f"--converted_checkpoint_path={options.converted_checkpoint_path} must be a file name without .index, "
            f"for example {os.path.join(path.removesuffix('.index').rstrip('/'), 'bert_model.ckpt')}"
        )


def _check_vocabulary(options: ConvertCheckpointOptions, known: "ConversionSource", source_path: str) -> None:
    """A Hugging Face folder without its vocabulary is of no use: transformers 5 makes [UNK] of every text there."""
    if known.tokenizer is None:
        if options.to == "huggingface":
            raise UserError(
                f"--to=huggingface needs the model's vocabulary, and there is none beside {source_path}; "
                "give it with --vocab_file=vocab.txt or --sp_model_file=spiece.model"
            )
        return
    size = known.tokenizer.vocab_size
    # Tables are padded; ids beyond them are not to be had.
    if size > known.config.vocab_size:
        flag = "sp_model_file" if known.tokenizer.kind == "sentencepiece" else "vocab_file"
        raise UserError(
            f"--{flag}: {known.tokenizer.file} has {size} entries, the configuration's vocab_size is only "
            f"{known.config.vocab_size}; give the vocabulary that belongs to the checkpoint"
        )


def _beside(prefix: str, name: str) -> str:
    return os.path.join(os.path.dirname(prefix), name)


def _write_beside(path: str, content: bytes) -> None:
    """Puts a file beside a TensorFlow checkpoint, unless there is one."""
    from bert_tf2.model_directory.model_files import write_whole

    if not files.exists(path):
        write_whole(path, content)
    elif read_bytes(path, "converted_checkpoint_path") != content:
        logger.warning("%s is there already and was left as it is", path)


def _write_config(prefix: str, config: "BertConfig") -> bool:
    """Puts bert_config.json beside a TensorFlow checkpoint; returns whether what lies there is this configuration."""
    from bert_tf2.models.families.base import read_config

    path = _beside(prefix, "bert_config.json")
    if files.exists(path):
        try:
            same = read_config(path) == config
        except UserError:
            same = False
        if not same:
            logger.warning("%s is of another model and was left as it is", path)
        return same
    files.write_json(path, config.to_dict())
    if config.hidden_act == "gelu_exact":
        logger.warning(
            "%s: hidden_act is 'gelu_exact', which Google's own programs do not know; for them write 'gelu' "
            "(the tanh approximation; each activation changes by up to 5e-4)",
            path,
        )
    return True
