"""From training options to the objects of the floors below: strategy, schedule, optimizer, trainer configuration."""

import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import math
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import __version__, files
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.micro_batch import check_micro_batch, parts_of_batch
from bert_tf2.jobs.training.training_options import AUTO, TrainingOptions
from bert_tf2.memory import keep_freed_memory
from bert_tf2.options import info, not_default, tell_ignored
from bert_tf2.progress import during
from bert_tf2.runtime import ended_by_sigterm
from bert_tf2.training.compiled.cache import keep_compiled_code
from bert_tf2.training.reporting.tracking import Tracking

if TYPE_CHECKING:
    import tensorflow as tf

    from bert_tf2.data.batches.pipeline import Padding
    from bert_tf2.training.optimization import Optimizer
    from bert_tf2.training.regularisation.adversarial import Adversary
    from bert_tf2.training.trainer_config import TrainerConfig

logger = logging.getLogger(__name__)

POLICIES = {"fp32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}


def check_training_options(options: TrainingOptions) -> None:
    """Checks what single flags cannot.

    Raises:
      UserError: two flags contradict each other.
    """
    tell_ignored(options)
    if options.price_per_hour and not options.dry_run:
        raise UserError(f"--price_per_hour={options.price_per_hour:g} can do nothing without --dry_run, which estimates the time")
    if options.export_version and not options.model_export_path:
        raise UserError(f"--export_version={options.export_version} needs --model_export_path, the directory of all versions")
    if options.loss_scale is not None and options.dtype != "fp16":
        raise UserError(f"--loss_scale={options.loss_scale} can do nothing with --dtype={options.dtype}; it is for --dtype=fp16")
    if options.steps_per_loop and options.iterations_per_loop and options.steps_per_loop != options.iterations_per_loop:
        raise UserError("--steps_per_loop and --iterations_per_loop are two names of one thing; give one")
    if options.num_logical_cpus > 1 and options.num_gpus > 1:
        raise UserError("--num_logical_cpus divides the CPU and --num_gpus names GPUs; give one of them")
    if options.worker_hosts and options.distribution_strategy != "multi_worker_mirrored":
        raise UserError("--worker_hosts needs --distribution_strategy=multi_worker_mirrored")
    if options.tracking_project and not options.track_with:
        raise UserError(f"--tracking_project={options.tracking_project} can do nothing without --track_with")
    if options.track_with:
        from bert_tf2.training.tracking.known import names_of

        names_of(options.track_with)
    check_micro_batch(options, is_tpu(options))
    if options.compilation_cache and (options.enable_xla is False or options.run_eagerly):
        why = "--run_eagerly" if options.run_eagerly else "--noenable_xla"
        raise UserError(f"--compilation_cache={options.compilation_cache} can do nothing with {why}, which compiles nothing")
    if options.tpu and options.tpu_name and options.tpu != options.tpu_name:
        raise UserError("--tpu and --tpu_name are two names of one thing; give one")


@during("starting TensorFlow")
def configure_tensorflow(options: TrainingOptions) -> None:
    """Applies the thread, determinism and debugging options; to be called before the first TensorFlow operation."""
    if options.tf_gpu_thread_mode:
        os.environ["TF_GPU_THREAD_MODE"] = options.tf_gpu_thread_mode
    if options.per_gpu_thread_count:
        os.environ["TF_GPU_THREAD_COUNT"] = str(options.per_gpu_thread_count)

    keep_freed_memory()
    if options.enable_xla is not False and not options.run_eagerly:
        on_gpu = options.num_gpus != 0 and options.num_logical_cpus < 2 and not is_tpu(options)
        keep_compiled_code(options.compilation_cache, on_gpu)
    import tensorflow as tf

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    if options.run_eagerly:
        tf.config.run_functions_eagerly(True)


def create_strategy(options: TrainingOptions, model_dir: str) -> "tf.distribute.Strategy":
    """The `tf.distribute.Strategy` that the options ask for."""
    from bert_tf2.training import distribution

    name = "tpu" if options.use_tpu else options.distribution_strategy
    create = functools.partial(
        distribution.create_strategy,
        name,
        num_gpus=options.num_gpus,
        num_logical_cpus=options.num_logical_cpus,
        all_reduce_alg=options.all_reduce_alg,
        worker_hosts=options.worker_hosts,
        task_index=options.task_index,
        tpu=options.tpu or options.tpu_name,
        tpu_zone=options.tpu_zone,
        gcp_project=options.gcp_project,
        model_dir=model_dir,
        worker_timeout=options.worker_timeout,
    )
    # Workers wait for each other here.
    with ended_by_sigterm():
        strategy = create()
    _advise_number_format(options)
    return strategy


def lost_workers_named(strategy: "tf.distribute.Strategy", model_dir: str) -> contextlib.AbstractContextManager[None]:
    """A context manager that ends the job in one line when another worker is lost; does nothing for one worker."""
    from bert_tf2.training import checkpointing, distribution, workers

    def saved() -> str:
        step = checkpointing.latest_step(model_dir)
        if step is None:
            return f"{model_dir} holds no checkpoint yet; start all workers again"
        return f"step {step} is saved in {model_dir}; start all workers again with the same command to go on from there"

    return workers.lost_workers_named(saved) if distribution.is_multi_worker(strategy) else contextlib.nullcontext()


def _advise_number_format(options: TrainingOptions) -> None:
    """Warns of 16-bit arithmetic on a processor that has none and emulates it."""
    import tensorflow as tf

    on_gpu = options.num_gpus != 0 and options.num_logical_cpus < 2 and bool(tf.config.list_physical_devices("GPU"))
    if options.dtype == "fp32" or is_tpu(options) or on_gpu:
        return
    native = {"bf16": ("amx_bf16", "avx512_bf16"), "fp16": ("amx_fp16", "avx512_fp16")}[options.dtype]
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            known = next((line.split() for line in file if line.startswith(("flags", "Features"))), [])
    except OSError:
        return
    if known and not any(flag in known for flag in (*native, "bf16", "asimdhp")):
        logger.warning("this CPU has no %s arithmetic and emulates it: --dtype=fp32 is faster here", options.dtype)


def is_tpu(options: TrainingOptions) -> bool:
    """Whether the job runs on a TPU, where shapes are fixed."""
    return options.use_tpu or options.distribution_strategy == "tpu"


def compiles(options: TrainingOptions, strategy: "tf.distribute.Strategy", as_before: bool | None) -> bool:
    """Whether steps are compiled: as was said, else as the training in the directory began, else on GPUs. A TPU compiles anyway.

    Args:
      options: say it, or leave it open.
      strategy: where the model lives.
      as_before: what was decided for the training that goes on; None where there is none.
    """
    from bert_tf2.training import distribution

    if options.run_eagerly:
        return False
    if options.enable_xla is not None or as_before is not None:
        return bool(as_before if options.enable_xla is None else options.enable_xla)
    return distribution.on_gpus(strategy)


def tracking(options: TrainingOptions, model_dir: str, is_chief: bool) -> Tracking:
    """Who is told of the run besides its directory."""
    if not options.track_with or not is_chief:
        return Tracking()
    from bert_tf2.training.tracking.known import names_of
    from bert_tf2.training.tracking.tracked import Tracked

    return Tracked(names_of(options.track_with), model_dir, options.tracking_project)


def has_static_shapes(options: TrainingOptions) -> bool:
    """Whether shapes are known before a step runs."""
    return is_tpu(options) or bool(options.enable_xla)


def padding(options: TrainingOptions, most: Mapping[str, int], fixed_length: bool = False) -> "Padding":
    """The sizes of batches: tokens are those of the longest row, a few fixed numbers under XLA, one on TPU or with
    `--nobucket_by_length`; other axes are fixed on TPU and under XLA.

    Args:
      options: say where the job runs.
      most: the most of a row by axis, such as `{"tokens": max_seq_length}`.
      fixed_length: one number of tokens wherever it runs.
    """
    from bert_tf2.data.batches.pipeline import Padding

    static = has_static_shapes(options)
    one_length = is_tpu(options) or fixed_length or not options.bucket_by_length
    fixed = {axis: size for axis, size in most.items() if (one_length if axis == TOKENS else static)}
    return Padding(fixed, most, full_batches=static)


def create_optimizer(
    options: TrainingOptions,
    train_steps: int,
    rate_factors: "Iterable[tuple[tf.Variable, float]]" = (),
    earlier_ends: Sequence[int] = (),
) -> "Optimizer":
    """The optimizer with its learning-rate schedule; call it under the strategy's scope.

    Args:
      options: say which.
      train_steps: of the whole training.
      rate_factors: see `bert_tf2.training.optimization.create_optimizer`.
      earlier_ends: steps at which the training had ended before it was made longer.
    """
    from bert_tf2.training import optimization, schedules

    def schedule(steps: int) -> schedules.WarmUpThenDecay:
        warmup = options.warmup_steps
        if warmup is None:
            warmup = schedules.warmup_steps_from_proportion(steps, options.warmup_proportion)
        return schedules.WarmUpThenDecay(
            options.learning_rate,
            steps,
            int(warmup),
            options.learning_rate_schedule,
            options.end_lr,
            options.polynomial_power,
            options.num_restart_cycles,
        )

    ends = [0, *earlier_ends, train_steps]
    parts = [schedule(end - start) for start, end in itertools.pairwise(ends)]
    learning_rate = schedules.OneAfterAnother(parts, earlier_ends) if earlier_ends else parts[0]
    return optimization.create_optimizer(
        learning_rate,
        options.optimizer_type,
        weight_decay_rate=options.weight_decay_rate,
        beta_1=options.adam_beta_1,
        beta_2=options.adam_beta_2,
        epsilon=options.adam_epsilon,
        bias_correction=options.adam_bias_correction,
        loss_scale=(options.loss_scale or "dynamic") if options.dtype == "fp16" else None,
        rate_factors=rate_factors,
        average_decay=options.ema_decay,
    )


def trainer_config(
    options: TrainingOptions,
    model_dir: str,
    *,
    replicas: int,
    seed: int,
    train_steps: int,
    pause_step: int,
    eval_every_steps: int,
    save_every_steps: int,
    metric: str,
    adversary: "Adversary | None" = None,
) -> "TrainerConfig":
    """The trainer's configuration."""
    from bert_tf2.training.trainer_config import TrainerConfig

    default_loop = min(100, eval_every_steps or train_steps) if is_tpu(options) else 1
    return TrainerConfig(
        model_dir=model_dir,
        train_steps=train_steps,
        pause_step=pause_step,
        seed=seed,
        steps_per_loop=options.steps_per_loop or options.iterations_per_loop or default_loop,
        save_checkpoints_steps=options.save_checkpoints_steps or save_every_steps,
        keep_checkpoint_max=options.keep_checkpoint_max,
        eval_every_steps=eval_every_steps,
        log_steps=options.log_steps,
        train_summaries=options.writes_train_summaries,
        best_metric=metric if eval_every_steps else None,
        early_stopping_patience=options.early_stopping_patience,
        gradient_accumulation_steps=parts_of_batch(options, replicas),
        # Packs have the shape of the parts that a training began with.
        halves_micro_batches=options.micro_batch_size == AUTO and not options.pack_sequences,
        clip_norm=options.clip_norm,
        enable_xla=bool(options.enable_xla),
        allreduce_bytes_per_pack=options.allreduce_bytes_per_pack,
        on_corrupt_checkpoint=options.on_corrupt_checkpoint,
        adversary=adversary,
    )


def train_steps(steps_per_epoch: int, num_train_epochs: float) -> int:
    """Steps of the whole training; at least 1. An epoch holds every example, its last batch may be smaller."""
    return max(1, math.ceil(steps_per_epoch * num_train_epochs - 1e-9))


def google_train_steps(
    examples: int, options: TrainingOptions, is_tf1_dialect: bool, parts: int = 1, limit: int | None = None
) -> int:
    """Steps as the ancestors count them, rounded down; at least 1.

    google-research/bert rounds the whole training: `int(len(train_examples) / train_batch_size * num_train_epochs)`. The model
    garden rounds an epoch, its classifier the part of an epoch between two evaluations (`official/legacy/bert`).

    Args:
      examples: how many there are; questions, not windows, in google-research/bert's SQuAD.
      options: give the batch size and the epochs.
      is_tf1_dialect: whether to count as google-research/bert.
      parts: of an epoch, in the garden's classifier.
      limit: the garden's `--train_data_size`, which it compares with a part.
    """
    batch, epochs = options.train_batch_size, options.num_train_epochs
    if is_tf1_dialect:
        return max(1, int(examples / batch * epochs))
    part = examples // parts if limit is None else min(examples // parts, limit)
    return max(1, int(part // batch * epochs * parts))


def length_identity(options: Any) -> dict[str, Any]:
    """What a run's identity says of how long the training is."""
    return not_default(options, ("steps_rounding", "num_train_steps"))


def settle_seed(options: TrainingOptions, model_dir: str) -> int:
    """The run's seed: `--seed`, else the one recorded in the directory, else a new one."""
    if options.seed is not None:
        return options.seed
    path = os.path.join(model_dir, "run_config.json")
    if not files.is_remote(path) and os.path.exists(path):
        recorded = files.read_json(path).get("run", {}).get("seed")
        if isinstance(recorded, int):
            return recorded
    return random.SystemRandom().randrange(2**31)


def run_identity(options: TrainingOptions, *, seed: int, config: Any, data: dict[str, Any]) -> dict[str, Any]:
    """What defines the run's result and must be the same when it is resumed: data, initial weights, hyper-parameters."""
    common = {
        field.name: getattr(options, field.name) for field in dataclasses.fields(TrainingOptions) if not info(field).may_change
    }
    init = options.init_checkpoint
    if init and not files.is_remote(init):
        init = os.path.realpath(files.expand(init))
    if options.micro_batch_size == AUTO:
        # What it comes to, the training notes itself.
        common["micro_batch_size"] = None
    identity = common | {"seed": seed, "init_checkpoint": init, "bert_config": config.to_dict(), "data": data}
    return json.loads(json.dumps(identity))


def run_circumstances(strategy: "tf.distribute.Strategy") -> dict[str, Any]:
    """What is worth recording but may change: it decides the last bits of the result only."""
    import tensorflow as tf

    from bert_tf2.training.distribution import describe

    return {
        "bert_tf2": __version__,
        "tensorflow": tf.__version__,
        "strategy": describe(strategy),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
    }
