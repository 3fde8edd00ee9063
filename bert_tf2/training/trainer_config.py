"""How long and how to train, and how a training ended."""

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bert_tf2.training.regularisation.adversarial import Adversary


@dataclasses.dataclass(frozen=True)
class TrainerConfig:
    """How long and how to train.

    Attributes:
      model_dir: the run's directory.
      train_steps: total number of steps.
      pause_step: the step after which a call ends, to be gone on with by another; None for the last.
      seed: decides dropout; with the plan's seed it decides the result.
      steps_per_loop: steps in one call of the graph; signals and failures are looked at between calls.
      save_checkpoints_steps: a checkpoint is written after every so many steps, and at the end; 0 for the end only.
      keep_checkpoint_max: how many of the newest are kept besides the best; 0 keeps all.
      eval_every_steps: `evaluate` is called after every so many steps, and at the end; 0 for the end only.
      train_summaries: write TensorBoard scalars of the training, not only of evaluations.
      log_steps: the mean loss is reported after every so many steps.
      best_metric: the metric of `evaluate` that names the best checkpoint; None for no best checkpoint.
      early_stopping_patience: training ends after so many evaluations in a row without a new best; 0 never.
      gradient_accumulation_steps: parts in which a batch goes through the model.
      halves_micro_batches: where a step does not fit into memory, batches go through the model in more parts from there on.
      clip_norm: joint L2 norm that gradients are clipped to; 0 for none.
      enable_xla: compile the step.
      allreduce_bytes_per_pack: gradients are summed over replicas in packs of this size; 0 for one pack.
      on_corrupt_checkpoint: `fail`, or `previous` to go back to the checkpoint before.
      adversary: as for `TrainStep`.
    """

    model_dir: str
    train_steps: int
    pause_step: int | None = None
    seed: int = 0
    steps_per_loop: int = 1
    save_checkpoints_steps: int = 0
    keep_checkpoint_max: int = 5
    eval_every_steps: int = 0
    log_steps: int = 100
    train_summaries: bool = True
    best_metric: str | None = None
    early_stopping_patience: int = 0
    gradient_accumulation_steps: int = 1
    halves_micro_batches: bool = False
    clip_norm: float = 1.0
    enable_xla: bool = False
    allreduce_bytes_per_pack: int = 0
    on_corrupt_checkpoint: str = "fail"
    adversary: "Adversary | None" = None


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
      history: entries `{"kind": "train" | "loss" | "eval", "step": …}` from the first step on, resumed or not.
      final_step: the step of the weights that the model has now.
      best_step: the step of the best evaluation, whose checkpoint is kept; None without evaluation.
      best_value: its value of the best metric.
      stopped_early: the patience was used up.
      already_finished: the directory held the run as far as it was to go; nothing was trained.
    """

    history: list[dict[str, Any]]
    final_step: int
    best_step: int | None
    best_value: float | None
    stopped_early: bool
    already_finished: bool
