"""The job of `python -m bert_tf2.convert_checkpoint`."""

import dataclasses
import logging
import os
from typing import TYPE_CHECKING

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.jobs.options import Options, option
from bert_tf2.jobs.runtime import job

if TYPE_CHECKING:
    from bert_tf2.models.checkpoints.convert import Converted
    from bert_tf2.models.config import BertConfig

logger = logging.getLogger(__name__)

_CONFIG_NAMES = ("bert_config.json", "config.json")


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
        "What to keep besides the encoder: pretrainer keeps the masked-LM and next-sentence heads, classifier and span theirs. "
        "Not given: the heads that the source holds.",
        choices=("encoder", "pretrainer", "classifier", "span"),
    )
    checkpoint_model_name: str = option(
        "encoder", "Name of the encoder in a tf2 checkpoint, as in tf.train.Checkpoint(encoder=model)."
    )
    vocab_file: str | None = option(None, "A vocabulary to put into a Hugging Face folder, so that its tokenizer loads too.")
    do_lower_case: bool = option(True, "Whether that vocabulary is for lower-cased text.")


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
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.checkpoints.formats import TITLES, open_source

    source = open_source(options.checkpoint_to_convert)
    config, config_path = _config(options, source.path)
    path = files.expand(options.converted_checkpoint_path)
    converted = convert(
        source,
        config,
        path,
        options.to,
        kind=options.converted_model,
        root_name=options.checkpoint_model_name,
        vocab_file=_vocabulary(options, config),
        do_lower_case=options.do_lower_case,
    )
    for note in source.notes:
        logger.warning("%s: %s", source.path, note)
    if not any(name.startswith("bert/pooler/") for name in converted.weights):
        logger.warning("%s has no pooler, so there is none in %s", source.path, path)
    if converted.unused:
        shown = ", ".join(converted.unused[:4]) + (", …" if len(converted.unused) > 4 else "")
        print(f"left out {len(converted.unused)} tensors that a {options.to} {converted.kind} does not hold: {shown}")
    print(
        f"wrote {path} ({TITLES[options.to]}, {converted.kind}) from {source.path} ({TITLES[source.format]}): "
        f"{len(converted.weights)} tensors, read back and equal bit for bit"
    )
    if options.to == "huggingface":
        config_path = os.path.join(path, "config.json")
    elif _write_config(path, config):
        config_path = _config_beside(path)
    print(f"use it with: --init_checkpoint={path} --bert_config_file={config_path}")
    return converted


def _check(options: ConvertCheckpointOptions) -> None:
    for name in ("checkpoint_to_convert", "converted_checkpoint_path"):
        if not getattr(options, name):
            raise UserError(f"--{name} is required. See --help")
    path = files.expand(options.converted_checkpoint_path)
    if options.to == "huggingface":
        return
    if options.vocab_file is not None:
        raise UserError(f"--vocab_file goes into a Hugging Face folder; with --to={options.to} leave it out")
    if path.endswith(("/", ".index")) or os.path.isdir(path):
        raise UserError(
            f"--converted_checkpoint_path={options.converted_checkpoint_path} must be a file name without .index, "
            f"for example {os.path.join(path.removesuffix('.index').rstrip('/'), 'bert_model.ckpt')}"
        )


def _config(options: ConvertCheckpointOptions, source_path: str) -> tuple["BertConfig", str]:
    """The configuration that was given, or the one beside the source; and its path."""
    import tensorflow as tf

    from bert_tf2.models.config import BertConfig

    if options.bert_config_file is not None:
        path = files.require_file(options.bert_config_file, "bert_config_file")
        return BertConfig.from_json_file(path), path
    directory = os.path.dirname(source_path) or "."
    for name in _CONFIG_NAMES:
        path = os.path.join(directory, name)
        if tf.io.gfile.exists(path):
            return BertConfig.from_json_file(path), path
    raise UserError(f"--bert_config_file is required: there is no {' or '.join(_CONFIG_NAMES)} in {directory}")


def _vocabulary(options: ConvertCheckpointOptions, config: "BertConfig") -> str | None:
    if options.vocab_file is None:
        return None
    from bert_tf2.text.vocabulary import load_vocabulary

    path = files.require_file(options.vocab_file, "vocab_file")
    size = len(load_vocabulary(path))
    if size != config.vocab_size:
        raise UserError(f"--vocab_file={path} has {size} entries, the configuration's vocab_size is {config.vocab_size}")
    return path


def _config_beside(prefix: str) -> str:
    return os.path.join(os.path.dirname(prefix), "bert_config.json")


def _write_config(prefix: str, config: "BertConfig") -> bool:
    """Puts bert_config.json beside a TensorFlow checkpoint; returns whether what lies there is this configuration."""
    import tensorflow as tf

    from bert_tf2.models.config import BertConfig

    path = _config_beside(prefix)
    if tf.io.gfile.exists(path):
        try:
            same = BertConfig.from_json_file(path) == config
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
