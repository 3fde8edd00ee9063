"""Weights that a command names (`--init_checkpoint`, `--predict_checkpoint_path`), for the encoder and the task's head."""

import dataclasses
from collections.abc import Mapping, Sequence

import tf_keras

from bert_tf2.models.checkpoints import names
from bert_tf2.models.checkpoints.loading import LoadReport, load_encoder_weights
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig

# The heads that look at the pooled output.
_ON_POOLER = ("classifier", "next_sentence")


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
) -> Restored:
    """Gives a model the weights of a checkpoint, its heads included.

    Args:
      encoder: the model's encoder.
      model: the whole.
      source: the checkpoint.
      config: the encoder's configuration.
      heads: the kinds of heads (`names.HEADS`) that the task needs.
      unusable: why `source` lacks a head that its file has, by kind.

    Raises:
      UserError: as `load_encoder_weights`.
    """
    loaded = load_encoder_weights(encoder, source, config, head_model=model)
    given, whole, random = set(loaded.loaded), [], {}
    for kind in heads:
        title = names.HEAD_TITLES[kind]
        if given.issuperset(weight.name for weight in names.HEADS[kind]):
            whole.append(title)
        else:
            other = f"has a {title} of another shape" if source.head(kind) else f"has no {title}"
            random[f"the {title}"] = unusable.get(kind, other)
    if any(kind in _ON_POOLER for kind in heads) and not given.issuperset(weight.name for weight in names.POOLER):
        random["the pooler"] = "has no pooler"
    return Restored(loaded, whole, random)
