"""The options that every training command has: the flags of both dialects that do not know the task.

Names and defaults are those of the model garden's `official/legacy/bert` and of google-research/bert; where the two name
the same thing differently, both names work.
"""

import dataclasses
from typing import ClassVar

from bert_tf2.jobs.training.look_options import LookOptions
from bert_tf2.options import (
    at_least,
    between,
    fraction,
    ignored_option,
    not_negative,
    option,
    positive,
    refused_option,
)

MODEL = "Model"
OPTIMIZATION = "Optimization"
DEVICES = "Devices and speed"
CHECKPOINTS = "Checkpoints, evaluation and logging"


AUTO = "auto"


def _is_auto_or_number(value: str) -> str | None:
    return None if value == AUTO or (value.isascii() and value.isdecimal() and int(value)) else "must be auto or 1, 2, 3, …"


def _is_decay(value: float) -> str | None:
    return None if 0 < value < 1 else "must be above 0 and below 1"


# What the flags give that every training needs, see `require_given`.
NEEDED = {
    "model_dir or output_dir": "where checkpoints and results go",
    "bert_config_file": "the model's configuration, unless --hub_module_url names a module",
}
VOCABULARY = "the vocabulary of the model"


@dataclasses.dataclass(frozen=True)
class TrainingOptions(LookOptions):
    """Model, optimization, devices, checkpoints.

    Attributes:
      command: the program that takes them.
    """

    command: ClassVar[str] = ""

    bert_config_file: str | None = option(
        None,
        "The encoder's configuration, of BERT or another family, in Google's form (bert_config.json, albert_config.json, "
        "xlnet_config.json) or Hugging Face's (config.json).",
        section=MODEL,
        may_change=True,
        other_names=("albert_config_file", "model_config_path"),
    )
    init_checkpoint: str | None = option(
        None,
        "Pre-trained weights: a TF2 checkpoint of any model-garden layout, a TF1 google-research checkpoint, a Hugging Face "
        "folder or model.safetensors. The format is detected.",
        section=MODEL,
    )
    hub_module_url: str | None = option(
        None,
        "Instead of --init_checkpoint: a BERT or ALBERT of TF-Hub, its folder, or its address where TF-Hub's cache holds it. "
        "Weights, vocabulary and casing are read; its program is not run. The configuration is what the weights tell, unless "
        "--bert_config_file gives it.",
        section=MODEL,
        may_change=True,
        other_names=("albert_hub_module_handle",),
    )
    hub_module_trainable: bool = option(
        True,
        "Train the encoder too, of the module or of --init_checkpoint. False: only the layers behind it are trained; its weights "
        "stay as they are, and it computes without dropout.",
        section=MODEL,
    )

    train_batch_size: int = option(32, "Examples per training step, over all replicas.", check=at_least(1), section=OPTIMIZATION)
    learning_rate: float = option(5e-5, "Peak learning rate.", check=positive, section=OPTIMIZATION)
    end_lr: float = option(0.0, "Learning rate at the end of the decay.", check=not_negative, section=OPTIMIZATION)
    learning_rate_schedule: str = option(
        "linear",
        "How the learning rate falls after the warm-up.",
        choices=("linear", "cosine", "cosine_restarts", "polynomial", "constant"),
        section=OPTIMIZATION,
    )
    polynomial_power: float = option(1.0, "Power of the polynomial schedule.", check=positive, section=OPTIMIZATION)
    num_restart_cycles: int = option(1, "Cycles of cosine_restarts.", check=at_least(1), section=OPTIMIZATION)
    warmup_proportion: float = option(
        0.1, "Share of the training steps over which the learning rate rises from 0.", check=fraction, section=OPTIMIZATION
    )
    warmup_steps: float | None = option(
        None,
        "Warm-up in steps; instead of --warmup_proportion.",
        check=not_negative,
        section=OPTIMIZATION,
        other_names=("warmup_step",),
    )
    num_train_epochs: float = option(3.0, "Passes over the training data.", check=positive, section=OPTIMIZATION)
    optimizer_type: str = option(
        "adamw", "Optimizer.", choices=("adamw", "lamb"), section=OPTIMIZATION, other_names=("optimizer",)
    )
    weight_decay_rate: float = option(
        0.01,
        "Weight decay; layer norms and biases are excluded.",
        check=not_negative,
        section=OPTIMIZATION,
        other_names=("weight_decay",),
    )
    adam_beta_1: float = option(0.9, "Decay of the first moment.", check=fraction, section=OPTIMIZATION)
    adam_beta_2: float = option(0.999, "Decay of the second moment.", check=fraction, section=OPTIMIZATION)
    adam_epsilon: float = option(1e-6, "Epsilon of Adam and LAMB.", check=positive, section=OPTIMIZATION)
    adam_bias_correction: bool = option(
        True, "Adam's bias correction, as in the model garden; --noadam_bias_correction is the TF1 BERT.", section=OPTIMIZATION
    )
    clip_norm: float = option(
        1.0,
        "Largest global norm of the gradient, after aggregation; 0 switches clipping off.",
        check=not_negative,
        section=OPTIMIZATION,
        other_names=("clip",),
    )
    ema_decay: float | None = option(
        None,
        "Keep a moving average of the weights with this decay, such as 0.999: scores, checkpoints and exports are those of the "
        "average.",
        check=_is_decay,
        section=OPTIMIZATION,
    )
    gradient_accumulation_steps: int = option(
        1, "Divide every batch into this many parts, one after the other; the update stays that of the whole batch.",
        check=at_least(1), section=OPTIMIZATION,
    )  # fmt: skip
    micro_batch_size: str | int | None = option(
        None,
        "Rows of a replica that go through the model at once; the update stays that of the whole batch. A number, or auto: all "
        "of them, and half as many from where memory does not suffice; unset means auto on GPUs.",
        check=_is_auto_or_number,
        section=OPTIMIZATION,
    )
    seed: int | None = option(
        None, "Seed of head weights, data order and dropout; drawn and recorded when not given.",
        check=between(0, 2**32 - 1), section=OPTIMIZATION,
    )  # fmt: skip
    deterministic: bool = option(
        False, "Use deterministic operations, so that equal commands give equal bits.", section=OPTIMIZATION
    )

    distribution_strategy: str = option(
        "mirrored",
        "How replicas share the work.",
        choices=("off", "one_device", "mirrored", "multi_worker_mirrored", "tpu", "parameter_server"),
        short_name="ds",
        section=DEVICES,
        may_change=True,
    )
    num_gpus: int = option(
        1, "GPUs of this machine to use; -1 is all, 0 the CPU. Without a GPU, 1 trains on the CPU and says so.", short_name="ng",
        check=at_least(-1), section=DEVICES, may_change=True, other_names=("num_core_per_host",),
    )  # fmt: skip
    num_logical_cpus: int = option(
        1,
        "Without GPUs: divide the CPU into this many replicas, to try a distributed job.",
        check=at_least(1),
        section=DEVICES,
        may_change=True,
    )
    worker_hosts: str | None = option(
        None,
        "multi_worker_mirrored: comma-separated host:port of every worker (instead of TF_CONFIG).",
        section=DEVICES,
        may_change=True,
        comma_separated=True,
    )
    task_index: int = option(
        -1, "multi_worker_mirrored: index of this worker in --worker_hosts.", section=DEVICES, may_change=True
    )
    worker_timeout: float = option(
        600.0,
        "multi_worker_mirrored: seconds to wait for the other workers to start.",
        check=positive,
        section=DEVICES,
        may_change=True,
    )
    all_reduce_alg: str | None = option(
        None, "All-reduce: nccl or hierarchical_copy (mirrored), ring or nccl (multi_worker_mirrored).", short_name="ara",
        section=DEVICES, may_change=True,
    )  # fmt: skip
    allreduce_bytes_per_pack: int = option(
        0,
        "Sum gradients over replicas in packs of this many bytes; 0 is one pack.",
        check=not_negative,
        section=DEVICES,
        may_change=True,
    )
    tpu: str = option("", "tpu: name or address of the TPU; 'local' on a TPU VM.", section=DEVICES, may_change=True)
    tpu_zone: str | None = option(None, "tpu: zone of the TPU.", section=DEVICES, may_change=True)
    gcp_project: str | None = option(None, "tpu: Google Cloud project of the TPU.", section=DEVICES, may_change=True)
    use_tpu: bool = option(False, "TF1 name for --distribution_strategy=tpu.", section=DEVICES, may_change=True)
    tpu_name: str | None = option(None, "TF1 name for --tpu.", section=DEVICES, may_change=True, same_as="tpu")
    dtype: str = option(
        "fp32", "Number format of the computation.", choices=("fp32", "bf16", "fp16"), short_name="dt", section=DEVICES
    )
    loss_scale: str | float | None = option(
        None, "fp16: a fixed loss scale, or dynamic [default with fp16].", short_name="ls", section=DEVICES
    )
    enable_xla: bool | None = option(
        None, "Compile steps with XLA; unset means on GPUs, or as the run in --model_dir began.", section=DEVICES
    )
    compilation_cache: str | None = option(
        None,
        "Directory of compiled code, which later starts take; none keeps nothing; unset is the user's cache on GPUs.",
        section=DEVICES,
        may_change=True,
    )
    recompute: bool = option(
        False,
        "Keep nothing of the encoder's blocks for the gradient but their inputs, and compute the rest twice: much less memory, "
        "mostly for long rows, and more time.",
        section=DEVICES,
        may_change=True,
    )
    steps_per_loop: int | None = option(
        None,
        "Training steps run on the device between two visits of the host.",
        check=at_least(1),
        section=DEVICES,
        may_change=True,
    )
    iterations_per_loop: int | None = option(
        None,
        "TF1 name for --steps_per_loop.",
        check=at_least(1),
        section=DEVICES,
        may_change=True,
        other_names=("iterations",),
        same_as="steps_per_loop",
    )
    bucket_by_length: bool = option(
        True, "Put examples of like length into a batch and pad to the longest; off on TPU.", section=DEVICES
    )
    pack_sequences: bool | None = option(
        None,
        "Put several short examples into one row while training, without seeing each other: batches of one shape with little "
        "padding; unset means on TPU where the kind of task can, or as the run in --model_dir began.",
        section=DEVICES,
    )
    run_eagerly: bool = option(False, "Run operation by operation, for debugging.", section=DEVICES, may_change=True)
    tf_gpu_thread_mode: str | None = option(
        None,
        "GPU: thread pool of each GPU.",
        choices=("global", "gpu_private", "gpu_shared"),
        short_name="gt_mode",
        section=DEVICES,
        may_change=True,
    )
    per_gpu_thread_count: int = option(
        0, "GPU: threads per GPU with a private pool.", check=not_negative, short_name="pgtc", section=DEVICES, may_change=True
    )

    model_dir: str | None = option(
        None, "Directory of checkpoints and results.", short_name="md", section=CHECKPOINTS, may_change=True
    )
    output_dir: str | None = option(
        None,
        "TF1 name for --model_dir; records made from raw files go here too.",
        section=CHECKPOINTS,
        may_change=True,
        same_as="model_dir",
    )
    predict_checkpoint_path: str | None = option(
        None,
        "Checkpoint to evaluate, predict with or export; instead of --load_checkpoint.",
        section=CHECKPOINTS,
        may_change=True,
        other_names=("predict_ckpt",),
    )
    load_checkpoint: str = option(
        "newest",
        "Which checkpoint of --model_dir gives the scores, predictions and exports.",
        choices=("newest", "best"),
        section=CHECKPOINTS,
        may_change=True,
    )
    save_checkpoints_steps: int | None = option(
        None,
        "Save every N steps [default: at every evaluation].",
        check=at_least(1),
        section=CHECKPOINTS,
        may_change=True,
        other_names=("save_steps",),
    )
    keep_checkpoint_max: int = option(
        3,
        "Newest checkpoints to keep besides the best; 0 keeps all.",
        check=not_negative,
        section=CHECKPOINTS,
        may_change=True,
        other_names=("max_save",),
    )
    best_metric: str | None = option(
        None, "Metric that names the best checkpoint [default: the task's own].", section=CHECKPOINTS
    )
    early_stopping_patience: int = option(
        0,
        "Stop after this many evaluations without a better metric; 0 never stops early.",
        check=not_negative,
        section=CHECKPOINTS,
    )
    num_eval_per_epoch: int = option(1, "Evaluations per epoch.", check=at_least(1), section=CHECKPOINTS, may_change=True)
    on_corrupt_checkpoint: str = option(
        "fail",
        "Whether to stop at a damaged checkpoint or continue from the one before.",
        choices=("fail", "previous"),
        section=CHECKPOINTS,
        may_change=True,
    )
    log_steps: int = option(
        100, "Steps between two log lines and scalars.", check=at_least(1), section=CHECKPOINTS, may_change=True
    )
    track_with: str | None = option(
        None,
        "Tell scalars, flags, results and the report to wandb (Weights & Biases) or mlflow too; several with commas. Their own "
        "environment variables say where to (WANDB_MODE=offline, MLFLOW_TRACKING_URI).",
        section=CHECKPOINTS,
        may_change=True,
        comma_separated=True,
    )
    tracking_project: str | None = option(
        None,
        "--track_with: the project of wandb, the experiment of mlflow [default: WANDB_PROJECT, MLFLOW_EXPERIMENT_NAME, else "
        "bert_tf2].",
        section=CHECKPOINTS,
        may_change=True,
    )
    model_export_path: str | None = option(
        None,
        "Where to export SavedModels: this directory, and this name with _text for raw text.",
        section=CHECKPOINTS,
        may_change=True,
        other_names=("export_dir",),
    )
    export_version: str | None = option(
        None,
        "Export into numbered directories, as TensorFlow Serving takes them: --model_export_path/N/saved_model.pb, and "
        "likewise with _text. A number, or auto for the one after the highest that is there.",
        check=_is_auto_or_number,
        section=CHECKPOINTS,
        may_change=True,
    )
    sub_model_export_name: str | None = option(
        None, "Also save the encoder alone, as this name in the model directory.", section=CHECKPOINTS, may_change=True
    )

    datasets_num_private_threads: int | None = ignored_option(None, "records are read by TensorFlow's own threads")
    use_keras_compile_fit: bool = ignored_option(False, "there is one training loop")
    explicit_allreduce: bool = refused_option(False, "gradients are always reduced explicitly", also_accepted=(True,))
    scale_loss: bool = refused_option(
        False, "the loss is the mean over the whole batch on any number of replicas", also_accepted=(True,)
    )
    fp16_implementation: str = refused_option("keras", "the graph rewrite does not exist in TensorFlow 2; leave the flag out")
    gin_file: str | None = refused_option(None, "options are flags; there is no gin")
    gin_param: str | None = refused_option(None, "options are flags; there is no gin")
    num_tpu_cores: int = ignored_option(8, "TensorFlow asks the TPU for its cores")
    master: str | None = refused_option(None, "name the TPU with --tpu")

    @property
    def directory(self) -> str | None:
        """`--model_dir` or `--output_dir`."""
        return self.model_dir or self.output_dir

    @property
    def writes_train_summaries(self) -> bool:
        """Whether TensorBoard gets scalars of the training too."""
        return True
