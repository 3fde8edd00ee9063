"""Giving a model the weights of a checkpoint, and saying what happened to every one of them."""

import dataclasses
import logging
from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import formats, object_graph
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.base import Family, family_of
from bert_tf2.progress import during

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What a restore did.

    Attributes:
      format: `tf2`, `tf1` or `huggingface`.
      path: what was read.
      loaded: weights that got a value, by the names of `names.Weight`.
      missing: weights of the model that the checkpoint does not hold; they keep the values they had.
      unused: what else the checkpoint holds, by its own names.
      mismatched: weights of a head whose shapes differ, as `name checkpoint's shape vs. the model's`; they keep their values.
      optimizer_slots: variables of an optimizer in the checkpoint, left alone.
      notes: choices made while reading.
    """

    format: str
    path: str
    loaded: list[str]
    missing: list[str]
    unused: list[str]
    mismatched: list[str]
    optimizer_slots: int
    notes: list[str]

    def summary(self) -> str:
        """One line of counts with the first names of what was not loaded, then the notes."""
        parts = [
            f"loaded {len(self.loaded)} weights from {self.path} ({formats.TITLES[self.format]})",
            _counted("missing", self.missing),
            _counted("unused", self.unused),
            _counted("mismatched", self.mismatched),
        ]
        if self.optimizer_slots:
            parts.append(f"{self.optimizer_slots} optimizer variables left alone")
        return "; ".join(parts + self.notes)


def _counted(what: str, items: list[str]) -> str:
    return f"{what} {len(items)}" + (f" ({_first(items)})" if items else "")


def _first(items: list[str], count: int = 4) -> str:
    return ", ".join(items[:count]) + (", …" if len(items) > count else "")


@during("reading the weights")
def load_encoder_weights(
    encoder: tf_keras.Model,
    path: str | Source,
    config: BertConfig,
    head_model: tf_keras.Model | None = None,
    companion: str | None = None,
) -> LoadReport:
    """Gives an encoder the weights of a checkpoint of any format.

    Shapes are compared before any tensor is read. A checkpoint without a pooler is accepted: the pooler keeps the values it
    had, as `transformers` does it. Without `head_model` this is a warning; with it, whether the head stands on the pooler is
    for the caller to know.

    Args:
      encoder: a built encoder, ours or the model garden's, or a model that contains one.
      path: see `formats.detect_format`; or the checkpoint as `formats.open_source` opened it.
      config: what the encoder was built from; for the message when it is not the checkpoint's.
      head_model: also give its heads (masked LM, next sentence, classifier, span) what the checkpoint has for them; weights
        missing there, or of another shape, are reported and keep their values.
      companion: the encoder is what `head_model` has by this name beside another (`Family.companions`), and so are its heads.

    Raises:
      UserError: there is no such checkpoint, it is damaged, or it is of another architecture; nothing was changed, unless the
        damage is inside a tensor.
    """
    source = path if isinstance(path, Source) else formats.open_source(path)
    source = fitted(source, config)
    family = family_of(config)
    variables = living_variables(encoder, family.weights.of(config), family)
    if not variables:
        raise ValueError("the model holds no encoder of the configuration's family")
    _check_complete(source, variables)
    if head_model is not None:
        variables |= living_variables(head_model, names.head_weights(), family, companion)
    mismatched = _mismatched(source, variables)
    missing = [name for name in variables if name not in source.tensors]
    loaded = [name for name in variables if name in source.tensors and name not in mismatched]
    for name in loaded:
        assign(name, variables[name], source.tensors[name])
    unused = [tensor.stored_name for name, tensor in source.tensors.items() if name not in variables] + source.others
    if head_model is None and any(map(names.is_pooler, missing)):
        logger.warning("%s has no pooler; it starts from random values", source.path)
    return LoadReport(
        source.format,
        source.path,
        loaded,
        missing,
        unused,
        [f"{name} {shapes}" for name, shapes in mismatched.items()],
        source.optimizer_slots,
        source.notes,
    )


def living_variables(
    model: tf_keras.Model, weights: Iterable[names.Weight], family: Family, companion: str | None = None
) -> dict[str, tf.Variable]:
    """The living variables by plain names, in the order of `weights`; of a companion where one is named."""
    whole = object_graph.find(object_graph.LiveNode(model), family)
    found = (whole if companion is None else whole.companions[companion]).variables
    return {weight.name: found[weight.name].variable for weight in weights if weight.name in found}


def _shape(name: str, variable: tf.Variable) -> tuple[int, ...]:
    """The plain shape of a variable laid out as the garden's."""
    shape = names.plain_shape(name, tuple(variable.shape))
    return shape[::-1] if object_graph.is_logits_kernel(name) else shape


def _mismatched(source: Source, variables: dict[str, tf.Variable]) -> dict[str, str]:
    """The weights whose shapes differ, with the checkpoint's shape and the model's."""
    return {
        name: f"{source.shapes[name]} vs. {_shape(name, variable)}"
        for name, variable in variables.items()
        if name in source.tensors and source.shapes[name] != _shape(name, variable)
    }


def assign(name: str, variable: tf.Variable, tensor: StoredTensor) -> None:
    """Reads a weight and gives it to a variable that is laid out as the garden's."""
    value = tensor.read()
    if object_graph.is_logits_kernel(name):
        value = value.T
    variable.assign(np.reshape(value, tuple(variable.shape)))


def plain_value(name: str, variable: tf.Variable) -> np.ndarray:
    """What a variable that is laid out as the garden's holds, in its plain form: the inverse of `assign`."""
    value = variable.numpy()
    value = value.T if object_graph.is_logits_kernel(name) else value
    return np.reshape(value, _shape(name, variable))


def fitted(source: Source, config: BertConfig) -> Source:
    """The checkpoint as a model of this configuration takes it: where that has fewer layers only the first, with a warning.

    Raises:
      UserError: as `check_fits`.
    """
    source = source.of_family(family_of(config))
    check_fits(source, config)
    table = source.family.weights
    layers, wanted = table.blocks_in(source.shapes), getattr(config, table.counts)
    if layers == wanted:
        return source
    logger.warning(
        "%s has %d layers and the configuration %d (num_hidden_layers): the first %d are taken",
        source.path, layers, wanted, wanted,
    )  # fmt: skip
    return source.first_layers(wanted)


def check_fits(source: Source, config: BertConfig) -> None:
    """Checks the sizes that shapes tell against a configuration, which may have fewer layers; nothing but the table is read.

    Raises:
      UserError: they differ; the message names every difference.
    """
    family = family_of(config)
    source = source.of_family(family)
    if family.name != source.family.name:
        raise UserError(
            f"{source.path} is a checkpoint of {source.family.title}, the configuration is one of {family.title}; give the "
            f"configuration that belongs to the checkpoint"
        )
    sizes = family.weights.sizes(source.shapes)
    if source.num_attention_heads is not None:
        sizes["num_attention_heads"] = source.num_attention_heads
    differing = [
        f"{field} {size} in the checkpoint, {getattr(config, field)} in the configuration"
        for field, size in sizes.items()
        if size != getattr(config, field)
    ]
    only_deeper = len(differing) == 1 and sizes.get("num_hidden_layers", 0) > config.num_hidden_layers
    if differing and not only_deeper:
        hint = ""
        if sizes.get("vocab_size") != config.vocab_size:
            hint = " (vocab_size 30522 is the English uncased vocabulary, 28996 the cased, 21128 the Chinese one)"
        raise UserError(
            f"{source.path} does not fit the configuration: {'; '.join(differing)}{hint}. "
            "Give the bert_config.json that belongs to the checkpoint"
        )


def _check_complete(source: Source, variables: dict[str, tf.Variable]) -> None:
    """Checks that every encoder variable but the pooler's gets a value of its shape."""
    wrong = [f"{name} {shapes}" for name, shapes in _mismatched(source, variables).items()]
    if wrong:
        raise UserError(
            f"{source.path}: {len(wrong)} of {len(variables)} weights have another shape than the model's: {_first(wrong, 6)}"
        )
    absent = [name for name in variables if name not in source.tensors and not names.may_be_absent(name)]
    if absent:
        raise UserError(
            f"{source.path}: {len(absent)} of {len(variables)} weights of the encoder are missing: {_first(absent, 6)}"
        )


def read_heads(path: str) -> dict[str, dict[str, np.ndarray]]:
    """The heads that a checkpoint of any format holds whole.

    Returns:
      By kind (`masked_lm`, `next_sentence`, `classifier`, `span`): float32 arrays by the names of `names.Weight`.
    """
    source = formats.open_source(path)
    heads = {kind: source.head(kind) for kind in names.HEADS}
    return {kind: {name: tensor.read() for name, tensor in head.items()} for kind, head in heads.items() if head}
