"""The options of `run_pretraining.py`: the model garden's dialect, google-research/bert's, and what both lack."""

import dataclasses
from typing import ClassVar

from bert_tf2.errors import UserError
from bert_tf2.jobs.training.distillation_options import DISTILLATION, DistillationOptions
from bert_tf2.jobs.training.training_options import CHECKPOINTS, NEEDED, OPTIMIZATION, TrainingOptions
from bert_tf2.options import at_least, fraction, not_negative, option, positive, refuse_given, require_given
from bert_tf2.tasks.pretraining.replaced_tokens.options import ReplacedTokenOptions

RECORDS = "Records, from create_pretraining_data.py"
TASK = "What to do"
EXPORTS = ("tf1", "huggingface")
DEFAULT_MAX_SEQ_LENGTH, DEFAULT_MAX_PREDICTIONS = 128, 20
_DEFAULT_WARMUP_STEPS = 10_000


@dataclasses.dataclass(frozen=True)
class PretrainingOptions(ReplacedTokenOptions, DistillationOptions, TrainingOptions):
    """What to train on, how long, and where results go."""

    command: ClassVar[str] = "run_pretraining.py"

    input_files: str | None = option(
        None, "Training records; comma-separated names and wildcards.", section=RECORDS, comma_separated=True
    )
    input_file: str | None = option(
        None, "TF1 name for --input_files.", section=RECORDS, comma_separated=True, same_as="input_files"
    )
    input_meta_data_path: str | None = option(
        None, "meta_data.json of the records [default: the one beside the first of them, if there].", section=RECORDS
    )
    eval_input_files: str | None = option(
        None, "Held-out records, of the same settings as the training records; comma-separated names and wildcards.",
        section=RECORDS,
        comma_separated=True,
    )  # fmt: skip
    max_seq_length: int | None = option(
        None,
        "Longest record in tokens [default: what the metadata says, else 128].",
        check=at_least(5),
        section=RECORDS,
    )
    max_predictions_per_seq: int | None = option(
        None,
        "Most masked tokens of a record [default: what the metadata says, else 20].",
        check=at_least(1),
        section=RECORDS,
    )
    use_next_sentence_label: bool | None = option(
        None, "Train the next-sentence head too [default: where the records hold pairs].", section=RECORDS
    )

    do_train: bool = option(False, "Train; what happens anyway unless only --do_eval is given.", section=TASK)
    do_eval: bool = option(
        False, "Evaluate, on --eval_input_files or else on --input_files; on with --eval_input_files.", section=TASK
    )
    eval_batch_size: int = option(8, "Examples per evaluation step; changes no result.", check=at_least(1), section=TASK)
    max_eval_steps: int = option(
        100, "Evaluate on the first so many steps' examples, in the order of the files; 0 for all.", check=not_negative,
        section=TASK,
    )  # fmt: skip

    num_train_steps: int | None = option(
        None, "Training steps; instead of --num_train_epochs times --num_steps_per_epoch.", check=at_least(1),
        section=OPTIMIZATION,
    )  # fmt: skip
    num_steps_per_epoch: int = option(
        1000,
        "Steps of an epoch, as the model garden counts them: between two evaluations and, by default, checkpoints.",
        check=at_least(1),
        section=OPTIMIZATION,
    )
    num_train_epochs: float = option(
        3.0, "Epochs of --num_steps_per_epoch steps, however many records there are.", check=positive, section=OPTIMIZATION
    )
    warmup_steps: float | None = option(
        None,
        "Steps over which the learning rate rises from 0 [default: 10000, or a tenth of a training shorter than 100000 steps].",
        check=not_negative,
        section=OPTIMIZATION,
    )
    num_warmup_steps: int | None = option(
        None, "TF1 name for --warmup_steps.", check=not_negative, section=OPTIMIZATION, same_as="warmup_steps"
    )
    warmup_proportion: float | None = option(  # type: ignore[assignment]  # None until `settled`, unlike in other trainings
        None,
        "Warm-up as a share of the training steps; instead of --warmup_steps.",
        check=lambda value: None if 0 <= value <= 1 else "must be between 0 and 1",
        section=OPTIMIZATION,
    )

    eval_every_steps: int | None = option(
        None, "Evaluate every N steps [default: --num_eval_per_epoch times in --num_steps_per_epoch].", check=at_least(1),
        section=CHECKPOINTS,
    )  # fmt: skip
    train_summary_interval: int | None = option(
        None,
        "Steps between TensorBoard scalars and log lines [default: --log_steps]; a negative number writes no scalars of the "
        "training.",
        section=CHECKPOINTS,
    )
    sub_model_export_name: str | None = option(
        "pretrained/bert_model",
        "The encoder alone is saved as this name in the model directory, followed by .ckpt- and the step.",
        section=CHECKPOINTS,
    )
    also_export: str | None = option(
        None,
        "Further forms, comma-separated, of the encoder with its heads, beside the encoder: tf1 (google-research/bert), "
        "huggingface (a folder that transformers loads).",
        section=CHECKPOINTS,
        comma_separated=True,
    )
    vocab_file: str | None = option(
        None, "The records' vocabulary: checked against them, and copied beside what is exported.", section=CHECKPOINTS
    )

    teacher: str | None = option(
        None,
        "Train after a teacher of the records' vocabulary: the directory of a pre-training, or a checkpoint of any format with "
        "its configuration and vocabulary beside it.",
        section=DISTILLATION,
    )
    distillation_alpha: float = option(
        0.5,
        "Share of the soft loss, of the masked words and pairs; the loss of the labels has the rest. Without soft, 1 learns "
        "nothing from the labels.",
        check=fraction,
        section=DISTILLATION,
    )

    @property
    def files(self) -> str | None:
        """`--input_files` or `--input_file`."""
        return self.input_files or self.input_file

    @property
    def writes_train_summaries(self) -> bool:
        """Unless `--train_summary_interval` is negative."""
        return self.train_summary_interval is None or self.train_summary_interval >= 0

    @property
    def trains(self) -> bool:
        """Whether there is training."""
        return self.do_train or not self.do_eval

    @property
    def evaluates(self) -> bool:
        """Whether there is an evaluation at the end."""
        return self.do_eval or bool(self.eval_input_files)

    @property
    def total_steps(self) -> int:
        """Steps of the whole training."""
        return self.num_train_steps or max(1, round(self.num_train_epochs * self.num_steps_per_epoch))

    @property
    def exports(self) -> tuple[str, ...]:
        """The forms of `--also_export`."""
        return tuple(filter(None, (self.also_export or "").replace(" ", "").lower().split(",")))


def settled(options: PretrainingOptions) -> PretrainingOptions:
    """Checks what single flags cannot, and fills in what follows from others.

    Raises:
      UserError: a flag is missing or contradicts another.
    """
    _check_names(options)
    _check_needed(options)
    wrong = [name for name in options.exports if name not in EXPORTS]
    if wrong:
        raise UserError(f"--also_export must be of {', '.join(EXPORTS)}; got '{wrong[0]}'")
    warmup = options.warmup_steps if options.warmup_steps is not None else options.num_warmup_steps
    if warmup is None and options.warmup_proportion is None:
        warmup = min(_DEFAULT_WARMUP_STEPS, options.total_steps // 10)
    interval = options.train_summary_interval
    return dataclasses.replace(
        options,
        warmup_steps=warmup,
        log_steps=interval if interval is not None and interval > 0 else options.log_steps,
    )


def _check_names(options: PretrainingOptions) -> None:
    for one, other in (
        ("model_dir", "output_dir"),
        ("input_files", "input_file"),
        ("warmup_steps", "num_warmup_steps"),
    ):
        if getattr(options, one) is not None and getattr(options, other) is not None:
            raise UserError(f"--{one} and --{other} are two names of one thing; give one")
    if options.warmup_proportion is not None and (options.warmup_steps, options.num_warmup_steps) != (None, None):
        raise UserError("--warmup_steps and --warmup_proportion are two ways to say one thing; give one")
    refuse_given(options, ("hub_module_trainable",), "is not for pre-training, which trains the encoder; leave it out")
    if options.num_train_steps is not None:
        refuse_given(options, ("num_train_epochs",), "does nothing beside --num_train_steps; give one")
    refuse_given(
        options,
        ("model_export_path", "export_version"),
        "is not for pre-training, whose model is not served; see --sub_model_export_name",
    )


def _check_needed(options: PretrainingOptions) -> None:
    records = {"input_files or input_file": "the records that create_pretraining_data.py wrote"}
    needed = {name: why for name, why in NEEDED.items() if name != "bert_config_file" or not options.makes_student}
    require_given(options, needed | (records if options.trains or not options.eval_input_files else {}))
    if options.predict_checkpoint_path and options.trains:
        raise UserError("--predict_checkpoint_path is for evaluation; with training use --init_checkpoint")
    watches = (
        options.best_metric is not None
        or options.early_stopping_patience > 0
        or options.eval_every_steps is not None
        or options.load_checkpoint == "best"
    )
    if watches and options.trains and not options.eval_input_files:
        raise UserError(
            "--best_metric, --load_checkpoint=best, --early_stopping_patience and --eval_every_steps evaluate while training: "
            "give held-out records with --eval_input_files"
        )
