"""The flags of XLNet's own `run_classifier.py` and `run_squad.py` (zihangdai/xlnet) that are more than other names of ours.

Those that are just other names stand with the options they name (`other_names`).
"""

import dataclasses
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2.errors import UserError
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import Options, fraction, ignored_option, option, refused_option

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig

logger = logging.getLogger(__name__)

_SECTION = "XLNet's own flags"
_SCHEDULES = {"poly": "linear", "cos": "cosine"}


def _is_dropout(value: float) -> str | None:
    return None if 0 <= value < 1 else "must be from 0 to below 1"


@dataclasses.dataclass(frozen=True)
class XLNetFlags(Options):
    """What `translated` and `with_dropout` make of them, or why they are refused."""

    min_lr_ratio: float | None = option(
        None, "End of the learning rate as a share of --learning_rate, instead of --end_lr.", check=fraction, section=_SECTION
    )
    decay_method: str | None = option(
        None,
        "How the learning rate falls, instead of --learning_rate_schedule: poly is its linear, cos its cosine.",
        choices=tuple(_SCHEDULES),
        section=_SECTION,
    )
    dropout: float | None = option(
        None,
        "Dropout of the encoder and in front of the head, instead of what the configuration says; XLNet's says nothing.",
        check=_is_dropout,
        section=_SECTION,
    )
    dropatt: float | None = option(
        None, "Dropout of attention, instead of what the configuration says.", check=_is_dropout, section=_SECTION
    )

    summary_type: str = refused_option("last", "the last token stands for the input, as in all published models")
    use_summ_proj: bool = refused_option(True, "the summary's layer is part of the model")
    clamp_len: int = refused_option(-1, "distances are not clamped, as in all published models")
    use_bfloat16: bool = refused_option(False, "give --dtype=bf16")
    num_hosts: int = refused_option(1, "give --distribution_strategy=multi_worker_mirrored and --worker_hosts")
    tpu_job_name: str | None = refused_option(None, "name the TPU with --tpu")
    init: str = refused_option("normal", "what no checkpoint gives begins with a normal distribution")
    init_std: float = refused_option(0.02, "the configuration says it: initializer_range")
    eval_split: str = refused_option("dev", "--do_eval is of the development set, --do_predict of the test set")
    eval_all_ckpt: bool = refused_option(False, "evaluate one with --predict_checkpoint_path, or give --num_eval_per_epoch")
    predict_dir: str | None = refused_option(None, "predictions go to --model_dir")
    predict_threshold: float = refused_option(0.0, "predictions hold the probabilities")
    overwrite_data: bool = ignored_option(False, "records are made anew when data, vocabulary or flags have changed")
    cls_scope: str | None = ignored_option(None, "a classifier's layer is found whatever task it is named by")
    is_regression: bool = ignored_option(False, "the task says whether its labels are numbers")
    init_range: float = ignored_option(0.1, "it is of --init=uniform")
    shuffle_buffer: int = ignored_option(2048, "all examples are shuffled")
    num_passes: int = ignored_option(1, "--num_train_epochs or --num_train_steps say how long the training is")


FlagOptions = TypeVar("FlagOptions", bound=TrainingOptions)


def settle_directories(options: TrainingOptions) -> None:
    """Tells that records go to `--model_dir` too where `--output_dir` names another place for them, as in XLNet's commands.

    Raises:
      UserError: both are given, and there are no raw files to make records of.
    """
    if not (options.model_dir and options.output_dir):
        return
    if not any(getattr(options, flag, False) for flag in ("do_train", "do_eval", "do_predict")):
        raise UserError("--model_dir and --output_dir are two names of one thing; give one")
    logger.warning(
        "--output_dir=%s is not used: records are kept beside the model, in --model_dir=%s", options.output_dir, options.model_dir
    )


def translated(options: FlagOptions) -> FlagOptions:
    """The options with those that two of XLNet's flags are in terms of.

    Raises:
      UserError: what they say is said already.
    """
    assert isinstance(options, XLNetFlags)
    changes: dict[str, Any] = {}
    if options.min_lr_ratio is not None:
        _refuse_both(options, "min_lr_ratio", "end_lr")
        changes["end_lr"] = options.min_lr_ratio * options.learning_rate
    if options.decay_method is not None:
        _refuse_both(options, "decay_method", "learning_rate_schedule")
        changes["learning_rate_schedule"] = _SCHEDULES[options.decay_method]
    return dataclasses.replace(options, min_lr_ratio=None, decay_method=None, **changes) if changes else options


def _refuse_both(options: Options, theirs: str, ours: str) -> None:
    default = next(field.default for field in dataclasses.fields(options) if field.name == ours)
    if getattr(options, ours) != default:
        raise UserError(f"--{theirs} and --{ours} are two names of one thing; give one")


def with_dropout(config: "BertConfig", options: XLNetFlags) -> "BertConfig":
    """The configuration with the dropouts of the flags that are given."""
    changes: dict[str, Any] = {}
    if options.dropout is not None:
        fields = {field.name for field in dataclasses.fields(config)}
        changes = {name: options.dropout for name in ("hidden_dropout_prob", "classifier_dropout_prob") if name in fields}
    if options.dropatt is not None:
        changes["attention_probs_dropout_prob"] = options.dropatt
    return dataclasses.replace(config, **changes) if changes else config
