"""TF1 checkpoints of google-research/bert: variables by name."""

import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bert_tf2.models.checkpoints import names
from bert_tf2.models.checkpoints.bundle import Bundle
from bert_tf2.models.checkpoints.source import Source, StoredTensor, in_table_order, no_encoder

_OPTIMIZER = re.compile(r"(/(adam|lamb)_[mv]|/Adam(_1)?|(^|/)(beta[12]_power|global_step|learning_rate))$", re.IGNORECASE)
_WORD_EMBEDDINGS = "bert/embeddings/word_embeddings"


def open_tf1(bundle: Bundle) -> Source:
    """Reads the table of a TF1 checkpoint; the variables may lie below a scope (`module/bert/…` in exported modules).

    Raises:
      UserError: it holds no BERT encoder.
    """
    scopes = sorted((name[: -len(_WORD_EMBEDDINGS)] for name in bundle.shapes if name.endswith(_WORD_EMBEDDINGS)), key=len)
    if not scopes:
        raise no_encoder(bundle.prefix, list(bundle.shapes))
    tensors, others, slots = {}, [], 0
    known = _known_names(bundle, scopes[0])
    for stored_name, shape in bundle.shapes.items():
        name = stored_name[len(scopes[0]) :]
        if stored_name.startswith(scopes[0]) and name in known and bundle.is_floating(stored_name):
            tensors[name] = StoredTensor(stored_name, shape, _reader(bundle, stored_name, shape))
        elif _OPTIMIZER.search(stored_name):
            slots += 1
        else:
            others.append(stored_name)
    tensors = in_table_order(tensors)
    if not any(name.startswith("bert/encoder/layer_") for name in tensors):
        raise no_encoder(bundle.prefix, list(bundle.shapes))
    step = int(bundle.read("global_step")) if bundle.shapes.get("global_step") == () else None
    return Source("tf1", bundle.prefix, tensors, sorted(others), slots, step=step)


def _known_names(bundle: Bundle, scope: str) -> set[str]:
    layers = 0
    while f"{scope}{names.block(layers)[0].name}" in bundle.shapes:
        layers += 1
    heads = names.head_weights()
    return {weight.name for weight in (*names.encoder(layers), *heads)}


def _reader(bundle: Bundle, stored_name: str, shape: tuple[int, ...]) -> Callable[[], np.ndarray]:
    return lambda: bundle.read_float32(stored_name, shape)


def write_tf1(prefix: str, tensors: dict[str, StoredTensor]) -> None:
    """Writes the weights under google-research's names; `tf.compat.v1.train.Saver` and its scripts restore them.

    Args:
      prefix: path without `.index`; overwritten.
      tensors: by the names of `names.Weight`.
    """
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(tensor.read()) for tensor in tensors.values()],
    )
