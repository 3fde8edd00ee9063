"""From options of distillation to what the floors below compute: losses with their weights, projections between widths."""

import tensorflow as tf
import tf_keras

from bert_tf2.jobs.training.distillation_options import DistillationOptions
from bert_tf2.models.config import BertConfig
from bert_tf2.training.distillation.layer_losses import WidthProjections
from bert_tf2.training.distillation.layer_map import layer_map
from bert_tf2.training.distillation.names import ATTENTION, COSINE, HIDDEN, MINILM, SOFT
from bert_tf2.training.distillation.task import Losses


def losses_of(options: DistillationOptions, student: BertConfig, teacher: BertConfig) -> Losses:
    """What the loss of a student is made of; without `soft` an alpha of 1 leaves nothing of the task's own loss.

    Raises:
      UserError: `--layer_map` does not fit the two.
    """
    weights = options.losses
    layers: tuple[tuple[int, int], ...] = ()
    if HIDDEN in weights or ATTENTION in weights:
        layers = layer_map(options.layer_map, student.num_hidden_layers, teacher.num_hidden_layers)
    return Losses(
        alpha=options.distillation_alpha if SOFT in weights else 0.0,
        unlabelled=float(SOFT in weights and getattr(options, "unlabelled_data_path", None) is not None),
        temperature=options.distillation_temperature,
        hidden=weights.get(HIDDEN, 0.0),
        cosine=weights.get(COSINE, 0.0),
        attention=weights.get(ATTENTION, 0.0),
        minilm=weights.get(MINILM, 0.0),
        layers=layers,
        learns_labels=options.distillation_alpha < 1,
    )


def with_projections(
    model: tf_keras.Model, losses: Losses, student: BertConfig, teacher: BertConfig, strategy: tf.distribute.Strategy
) -> WidthProjections | None:
    """Puts projections to the teacher's width beside a model that is to be trained; None where it needs none.

    They are saved and trained with it until `without_projections`.
    """
    if not losses.hidden or teacher.hidden_size == student.hidden_size:
        return None
    with strategy.scope():
        projections = WidthProjections(student, teacher.hidden_size, name="distillation")
        projections.build(tf.TensorShape([None, None, student.hidden_size]))
    model.distillation = projections
    return projections


def without_projections(model: tf_keras.Model) -> None:
    """Makes a trained model the task's again."""
    if hasattr(model, "distillation"):
        del model.distillation
