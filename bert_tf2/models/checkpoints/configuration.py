"""The configuration of an encoder as its weights tell it, for checkpoints that come without one, such as modules of TF-Hub."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from bert_tf2 import files, saved_models
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import read_config

logger = logging.getLogger(__name__)

_HEAD_SIZE = 64
_ALBERT = "albert"
# Of the models that Google published, by hidden_size: what no weight of a block that stands for all layers can tell
# (https://github.com/google-research/albert, the same in versions 1 and 2).
_ALBERTS = {
    768: {"num_hidden_layers": 12, "num_attention_heads": 12},
    1024: {"num_hidden_layers": 24, "num_attention_heads": 16},
    2048: {"num_hidden_layers": 24, "num_attention_heads": 16},
    4096: {"num_hidden_layers": 12, "num_attention_heads": 64},
}


def read_configuration(path: str) -> BertConfig:
    """Reads the configuration in a file, or what the weights of a SavedModel tell of it; what they do not tell is logged.

    Args:
      path: of `--bert_config_file`: a bert_config.json or config.json, or the folder of a SavedModel.

    Raises:
      UserError: there is no such file, it is none, or the weights do not tell all that is needed.
    """
    folder = None if files.is_web_address(path) else files.expand(path)
    if folder is None or not saved_models.is_saved_model(folder):
        return read_config(files.require_file(path, "bert_config_file"))
    source = open_source(folder)
    config, assumed = _told_by(source, folder)
    google = {"hidden_act": config.hidden_act, "hidden_dropout_prob": config.hidden_dropout_prob, **assumed}
    logger.info(
        "%s: the weights are those of %s: %d layers, hidden_size %d, vocab_size %d; not told by them, so as Google has it: %s "
        "(if that is wrong, give --bert_config_file)",
        folder,
        config.form.title,
        config.num_hidden_layers,
        config.hidden_size,
        config.vocab_size,
        ", ".join(f"{name} {value}" for name, value in google.items()),
    )
    return config


def _told_by(source: Source, folder: str) -> tuple[BertConfig, Mapping[str, int]]:
    """The configuration, and those of its numbers that are Google's because the weights do not tell them."""
    known = dict(source.family.weights.sizes(source.shapes))
    if source.num_attention_heads is not None:
        known["num_attention_heads"] = source.num_attention_heads
    if "num_hidden_layers" not in known and (layers := saved_models.number_in_keras_config(folder, "num_layers")):
        known["num_hidden_layers"] = layers
    assumed = {name: number for name, number in _published(source, known["hidden_size"]).items() if name not in known}
    missing = [name for name in ("num_hidden_layers", "num_attention_heads") if name not in known | assumed]
    if missing:
        raise UserError(
            f"{folder}: its weights do not tell {' and '.join(missing)}; give the module's configuration with --bert_config_file"
        )
    fields = {field.name for field in dataclasses.fields(source.family.config)}
    numbers: dict[str, Any] = {name: number for name, number in (known | assumed).items() if name in fields}
    return source.family.config(**numbers), assumed


def _published(source: Source, hidden_size: int) -> Mapping[str, int]:
    """What Google's own models of a width have."""
    if source.family.name == _ALBERT:
        return _ALBERTS.get(hidden_size, {})
    return {} if hidden_size % _HEAD_SIZE else {"num_attention_heads": hidden_size // _HEAD_SIZE}
