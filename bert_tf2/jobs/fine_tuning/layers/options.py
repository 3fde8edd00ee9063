"""The options of fine-tuning that treat some layers otherwise than others."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.layers.lora_options import LoraOptions, check_lora
from bert_tf2.options import at_least, not_default, option, positive, share

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig

LAYERS = "Layers"


@dataclasses.dataclass(frozen=True)
class LayerOptions(LoraOptions):
    """Which layers are trained, from what, and how fast."""

    freeze_layers: int | None = option(
        None,
        "Leave the embeddings and the first N layers as they are: less time and memory for a step. 0: the embeddings alone.",
        check=at_least(0),
        section=LAYERS,
    )
    layerwise_lr_decay: float = option(
        1.0,
        "Learning rate of each layer as a share of that of the layer above it: the head's is --learning_rate, the last layer's "
        "this share of it, and so on down to the embeddings.",
        check=share,
        section=LAYERS,
        other_names=("lr_layer_decay_rate",),
    )
    head_learning_rate: float | None = option(
        None, "Peak learning rate of what stands on the encoder, instead of --learning_rate.", check=positive, section=LAYERS
    )
    reinit_layers: int = option(
        0,
        "Begin the last N layers and the pooler at random values instead of --init_checkpoint's.",
        check=at_least(0),
        section=LAYERS,
    )


def layers_asked(options: LayerOptions) -> dict[str, Any]:
    """What is asked for, by flag; nothing of defaults."""
    return not_default(options, (field.name for field in dataclasses.fields(LayerOptions)))


def check_layers(options: Any, config: "BertConfig") -> None:
    """Checks what the options say against the encoder.

    Args:
      options: `LayerOptions` with those of training.
      config: of the encoder.

    Raises:
      UserError: there are not so many, they share their weights, or two options contradict each other.
    """
    asked, layers = layers_asked(options), config.num_hidden_layers
    frozen = options.freeze_layers or 0
    if not options.hub_module_trainable:
        for name in asked:
            if name != "head_learning_rate":
                raise UserError(f"--{name}={asked[name]} can do nothing with --hub_module_trainable=false, which trains no layer")
    for name in ("freeze_layers", "reinit_layers"):
        if (asked.get(name) or 0) > layers:
            raise UserError(f"--{name}={asked[name]}: the model has {layers} layers; give at most {layers}")
    if config.own_blocks < layers:
        for name in ("layerwise_lr_decay", "reinit_layers", *(["freeze_layers"] if frozen else [])):
            if name in asked:
                raise UserError(
                    f"--{name}={asked[name]}: the {layers} layers of this model share their weights and cannot be treated each "
                    "in its own way; leave it out" + (", or give 0 for the embeddings alone" if name == "freeze_layers" else "")
                )
    for name, then in (("reinit_layers", "all layers begin at random values"), ("freeze_layers", "what is frozen stays random")):
        if name in asked and not options.init_checkpoint and not options.teacher:
            raise UserError(f"--{name}={asked[name]} needs --init_checkpoint: without it {then}")
    if frozen + options.reinit_layers > layers:
        raise UserError(
            f"--freeze_layers={frozen} and --reinit_layers={options.reinit_layers} are more than the model's {layers} layers: a "
            "layer would begin at random values and stay there"
        )
    check_lora(options, config)
