"""Weights that a command names (`--init_checkpoint`, `--predict_checkpoint_path`), for the encoder and the task's head."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import tf_keras

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.loading import LoadReport, check_fits, load_encoder_weights
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import family_of
from bert_tf2.training import checkpointing


@dataclasses.dataclass(frozen=True)
class Restored:
    """What of a model a checkpoint gave.

    Attributes:
      loaded: weight by weight.
      heads: the titles of the heads that were restored whole.
      random: why other parts keep the values they had, by their titles: predicates of a sentence about the checkpoint.
    """

    loaded: LoadReport
    heads: list[str]
    random: dict[str, str]


def restore(
    encoder: tf_keras.Model,
    model: tf_keras.Model,
    source: Source,
    config: BertConfig,
    heads: Sequence[str],
    unusable: Mapping[str, str],
    on_pooler: bool,
) -> Restored:
    """Gives a model the weights of a checkpoint, its heads included.

    Args:
      encoder: the model's encoder.
      model: the whole.
      source: the checkpoint.
      config: the encoder's configuration.
      heads: the kinds of heads (`names.HEADS`) that the task needs.
      unusable: why `source` lacks a head that its file has, by kind.
      on_pooler: whether one of them looks at the pooled output.

    Raises:
      UserError: as `load_encoder_weights`.
    """
    loaded = load_encoder_weights(encoder, source, config, head_model=model)
    return told(loaded, source, heads, unusable, on_pooler)


def told(loaded: LoadReport, source: Source, heads: Sequence[str], unusable: Mapping[str, str], on_pooler: bool) -> Restored:
    """What a load came to; arguments as those of `restore`."""
    given, whole, random = set(loaded.loaded), [], {}
    for kind in heads:
        title = names.HEADS[kind].title
        if given.issuperset(weight.name for weight in names.HEADS[kind].weights):
            whole.append(title)
        else:
            other = f"has a {title} of another shape" if source.head(kind) else f"has no {title}"
            random[f"the {title}"] = unusable.get(kind, other)
    if on_pooler and not given.issuperset(weight.name for weight in names.POOLER):
        random["the pooler"] = "has no pooler"
    return Restored(loaded, whole, random)


def require_heads(path: str, flag: str, heads: Sequence[str], config: BertConfig) -> None:
    """Checks that a checkpoint holds heads that are of no use untrained; nothing but its table is read.

    Args:
      path: the checkpoint.
      flag: that names it, for the message.
      heads: their kinds.
      config: the encoder's configuration.

    Raises:
      UserError: it lacks one.
    """
    source = open_source(path).of_family(family_of(config))
    for kind in heads:
        if not source.head(kind):
            raise UserError(
                f"--{flag}={path} has no {names.HEADS[kind].title}, which this kind of task works with; give the checkpoint of a "
                "pre-training run, Google's bert_model.ckpt or a Hugging Face folder of BertForMaskedLM or BertForPreTraining, "
                "not one of an encoder alone or of another task"
            )


def require_trained(model_dir: str, options: TrainingOptions) -> None:
    """Without training there must be something to load; an empty directory must never give predictions.

    Raises:
      UserError: the directory holds no checkpoint and none is named.
    """
    if options.predict_checkpoint_path or options.init_checkpoint or checkpointing.latest_step(model_dir) is not None:
        return
    found = "is empty" if os.path.isdir(model_dir) and not os.listdir(model_dir) else "holds no checkpoint"
    if not files.is_remote(model_dir) and not os.path.isdir(model_dir):
        found = "does not exist"
    raise UserError(f"--model_dir={model_dir} {found}; train first, or name a trained model with --init_checkpoint")


def check_named_checkpoint(model_dir: str, options: TrainingOptions, config: BertConfig, trains: bool) -> None:
    """Opens the checkpoint that a command is going to read, before it writes anything; nothing but its table is read.

    Raises:
      UserError: it is not there, is none, or does not fit the configuration.
    """
    path = None if trains else options.predict_checkpoint_path
    # A run that goes on has weights of its own, and the first may have been moved away.
    if path is None and checkpointing.latest_step(model_dir) is None:
        path = options.init_checkpoint
    if path:
        check_fits(open_source(path), config)
