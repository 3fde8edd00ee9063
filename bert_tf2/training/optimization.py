"""The optimizers of BERT: AdamW as in Devlin et al. 2018, LAMB (You et al. 2020), and loss scaling around them.

The update rules are the model garden's. Gradients are clipped by the trainer, after they are summed over replicas.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf
import tf_keras
from official.modeling.optimization.lamb import LAMB
from official.modeling.optimization.legacy_adamw import AdamWeightDecay

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tensorflow_internals import AdjustedCoefficients, AveragedWeights, PartialRates

OPTIMIZERS = ("adamw", "lamb")

# Layer normalization and biases are not decayed (and in LAMB not scaled to the norm of the weights).
EXCLUDED_FROM_DECAY = ("LayerNorm", "layer_norm", "bias")

Optimizer: TypeAlias = tf_keras.optimizers.legacy.Optimizer | tf_keras.mixed_precision.LossScaleOptimizer


class _WithoutBiasCorrection(AdjustedCoefficients):
    """Adam's moments used as they are, as in BERT's first release (google-research/bert#153).

    The correction divides by 1 - beta ** step; a power of 0 makes it a division by 1, in the same fused kernel.
    """

    def adjust(self, coefficients: dict[str, Any], dtype: tf.DType) -> None:
        none = tf.zeros([], dtype)
        coefficients.update(beta_1_power=none, beta_2_power=none)
        if "lr" in coefficients:  # what Adam uses for sparse gradients: the rate with the correction folded in
            coefficients["lr"] = coefficients["lr_t"]


class _AdamW(AveragedWeights, PartialRates, AdamWeightDecay):
    pass


class _LAMB(AveragedWeights, PartialRates, LAMB):
    pass


class AdamWeightDecayWithoutBiasCorrection(_WithoutBiasCorrection, _AdamW):
    """AdamW of the TF1 scripts."""


class LAMBWithoutBiasCorrection(_WithoutBiasCorrection, _LAMB):
    """LAMB without bias correction."""


def create_optimizer(
    learning_rate: float | tf_keras.optimizers.schedules.LearningRateSchedule,
    optimizer_type: str = "adamw",
    *,
    weight_decay_rate: float = 0.01,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-6,
    bias_correction: bool = True,
    excluded_from_decay: Sequence[str] = EXCLUDED_FROM_DECAY,
    loss_scale: str | float | None = None,
    rate_factors: Iterable[tuple[tf.Variable, float]] = (),
    average_decay: float | None = None,
) -> Optimizer:
    """Creates the optimizer; call it under the scope of the strategy.

    Args:
      learning_rate: a number or a schedule.
      optimizer_type: `adamw` or `lamb`.
      weight_decay_rate: decoupled weight decay, multiplied by the learning rate.
      beta_1: decay of the first moment.
      beta_2: decay of the second moment.
      epsilon: added to the root of the second moment.
      bias_correction: False for the behaviour of the TF1 scripts.
      excluded_from_decay: regular expressions; a variable whose name one of them finds is not decayed.
      loss_scale: for float16: `dynamic`, a number, or None for no scaling.
      rate_factors: variables with what their learning rate is multiplied with; 1 for all others. In AdamW the decay goes with it.
      average_decay: of a moving average of the weights, see `tensorflow_internals.AveragedWeights`; None for none.

    Raises:
      UserError: an unknown optimizer or a loss scale that is neither.
    """
    classes: dict[tuple[str, bool], Any] = {
        ("adamw", True): _AdamW,
        ("adamw", False): AdamWeightDecayWithoutBiasCorrection,
        ("lamb", True): _LAMB,
        ("lamb", False): LAMBWithoutBiasCorrection,
    }
    if optimizer_type not in OPTIMIZERS:
        raise UserError(
            f"unknown optimizer '{optimizer_type}'.{did_you_mean(optimizer_type, OPTIMIZERS)} Known: {', '.join(OPTIMIZERS)}"
        )
    optimizer = classes[optimizer_type, bias_correction](
        learning_rate=learning_rate,
        weight_decay_rate=weight_decay_rate,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
        exclude_from_weight_decay=list(excluded_from_decay),
    )
    optimizer.set_factors(rate_factors)
    optimizer.set_average(average_decay)
    return optimizer if loss_scale is None else _with_loss_scale(optimizer, loss_scale)


def _with_loss_scale(optimizer: Optimizer, loss_scale: str | float) -> Optimizer:
    if str(loss_scale).lower() == "dynamic":
        return tf_keras.mixed_precision.LossScaleOptimizer(optimizer)
    try:
        scale = float(loss_scale)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise UserError(f"--loss_scale must be 'dynamic' or a positive number; got '{loss_scale}'")
    return tf_keras.mixed_precision.LossScaleOptimizer(optimizer, dynamic=False, initial_scale=scale)


def is_dynamically_scaled(optimizer: Optimizer) -> bool:
    """Whether steps whose gradients are not finite are skipped by design."""
    return isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer) and optimizer.dynamic


def unscaled(optimizer: Optimizer) -> Any:
    """The optimizer itself, without the loss scaling around it."""
    return optimizer.inner_optimizer if isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer) else optimizer


def is_lamb(optimizer: Optimizer) -> bool:
    """Whether the optimizer's updates are scaled to the norms of what they change."""
    return isinstance(optimizer, LAMB)


def dense(gradient: tf.Tensor | tf.IndexedSlices | None) -> tf.Tensor | None:
    """The dense gradient: repeated rows summed.

    An embedding's gradient lists a row for every token. Only the sum has the right norm, and only dense gradients take the
    fused kernel.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, gradient.dense_shape[0])


def clip_by_global_norm(gradients: list[tf.Tensor], clip_norm: float) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Scales gradients down to a joint L2 norm of `clip_norm` (0 leaves them) and returns them with their norm before."""
    norm = tf.linalg.global_norm(gradients)
    if clip_norm > 0:
        gradients, _ = tf.clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    return list(gradients), norm
