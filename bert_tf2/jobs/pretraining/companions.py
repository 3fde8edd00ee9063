"""Weights for what a pre-trained model has beside its encoder, such as ELECTRA's generator."""

import dataclasses
import logging
from collections.abc import Mapping

import tf_keras

from bert_tf2.jobs.training.named_weights import Restored, told
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.tasks.pretraining.objective import Companion

logger = logging.getLogger(__name__)


def restored_companions(
    model: tf_keras.Model, parts: Mapping[str, Companion], sources: Mapping[str, Source], restored: Restored
) -> Restored:
    """Gives the companions of a model's encoder their weights.

    Args:
      model: the whole.
      parts: its companions by name.
      sources: those of the checkpoint.
      restored: what it gave to the rest of the model.

    Returns:
      The same with what it gave to them.

    Raises:
      UserError: as `load_encoder_weights`.
    """
    for name, part in parts.items():
        if name not in sources:
            restored.random[f"the {part.title}"] = f"has no {part.title}"
            continue
        loaded = load_encoder_weights(part.encoder, sources[name], part.config, head_model=model, companion=name)
        logger.info("%s: %s", part.title, loaded.summary())
        more = told(loaded, sources[name], part.heads, {}, on_pooler=False)
        restored = dataclasses.replace(
            restored, heads=[*restored.heads, part.title, *more.heads], random={**restored.random, **more.random}
        )
    return restored
