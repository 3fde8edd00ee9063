"""The options of fine-tuning with adapters (LoRA)."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.options import Options, at_least, not_default, option, positive

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig

LORA = "LoRA"
TARGETS = ("query", "key", "value", "attention_output", "intermediate", "output")
"""The layers of a block that take an adapter, by the names of their variables."""


_OF_ALL_WEIGHTS = {
    "reinit_layers": "layers that begin at random values would stay so",
    "layerwise_lr_decay": "adapters begin alike in all layers and learn at one rate",
}


def targets_in(value: str) -> tuple[str, ...]:
    """The layers that a text such as `query,value` names, in the order of the computation.

    Raises:
      ValueError: it does not name layers; the message says what is wrong.
    """
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if name not in TARGETS:
            raise ValueError(f"must be some of {', '.join(TARGETS)}, separated by commas.{did_you_mean(name, TARGETS)}")
        if names.count(name) > 1:
            raise ValueError(f"must name {name} once")
    return tuple(name for name in TARGETS if name in names)


def _names_targets(value: str) -> str | None:
    try:
        targets_in(value)
    except ValueError as error:
        return str(error)
    return None


@dataclasses.dataclass(frozen=True)
class LoraOptions(Options):
    """Which adapters are trained instead of the encoder's weights."""

    lora_rank: int | None = option(
        None,
        "Train adapters of this rank beside kernels that stay as they are (LoRA), the head, and the pooler where that stands on "
        "it. The model that is saved and exported is whole, with the adapters in its kernels; MODEL_DIR/lora has them alone.",
        check=at_least(1),
        section=LORA,
    )
    lora_alpha: float | None = option(
        None, "The adapters' products are multiplied by alpha / rank [default: alpha is the rank].", check=positive, section=LORA
    )
    lora_targets: str = option(
        "query,value",
        f"The layers of every block that have adapters, separated by commas: {', '.join(TARGETS)}.",
        check=_names_targets,
        section=LORA,
    )


def check_lora(options: Any, config: "BertConfig") -> None:
    """Checks what the options say against the encoder and against others.

    Args:
      options: `LoraOptions` with those of layers and of training.
      config: of the encoder.

    Raises:
      UserError: there can be no such adapters, or two options contradict each other.
    """
    rank = options.lora_rank
    if rank is None:
        for name, value in not_default(options, ("lora_alpha", "lora_targets")).items():
            raise UserError(f"--{name}={value} says how adapters are, and there are none: give --lora_rank too, for example 8")
        return
    given = f"--lora_rank={rank}"
    if options.teacher:
        raise UserError(f"{given} leaves a student's layers as they are: leave it out, or leave --teacher out")
    if not options.init_checkpoint:
        raise UserError(f"{given} needs --init_checkpoint: without it the weights beside the adapters stay random")
    for name, value in not_default(options, _OF_ALL_WEIGHTS).items():
        raise UserError(f"{given} and --{name}={value}: {_OF_ALL_WEIGHTS[name]}; leave one of them out")
    if (options.freeze_layers or 0) >= config.num_hidden_layers:
        raise UserError(
            f"{given} and --freeze_layers={options.freeze_layers}: the model has {config.num_hidden_layers} layers, and frozen "
            "ones have no adapters; give fewer"
        )
    for target in targets_in(options.lora_targets):
        # Of the axes of a kernel the shorter one is its greatest rank.
        wide = config.intermediate_size if target in ("intermediate", "output") else config.attention_width
        most = min(config.hidden_size, wide)
        if rank > most:
            raise UserError(f"{given}: the kernel of {target} is {config.hidden_size} by {wide}; give at most {most}")
