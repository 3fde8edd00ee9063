"""Which format a checkpoint has, by its content; and opening it."""

import json
import os

import tensorflow as tf

from bert_tf2 import file_kinds, files, saved_models
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import bundle, hugging_face, lora
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.checkpoints.tf1 import open_tf1
from bert_tf2.models.checkpoints.tf2 import open_tf2

TITLES = {"tf2": "TF2 object checkpoint", "tf1": "TF1 checkpoint", "huggingface": "Hugging Face"}


def detect_format(path: str) -> str:
    """`tf2`, `tf1` or `huggingface`, by the content of what lies at `path`.

    Args:
      path: a prefix (`bert_model.ckpt`), its `.index` or `.data-…` file, a directory (its latest checkpoint, a Hugging Face
        folder, or a SavedModel such as a module of TF-Hub), a safetensors file or the index of its shards.

    Raises:
      UserError: nothing is there, or it is something else; the message says what to do.
    """
    return _locate(path)[0]


def open_source(path: str) -> Source:
    """Opens a checkpoint of any format; nothing but its table is read.

    Raises:
      UserError: as `detect_format`; or it is damaged, or holds no encoder of a known family.
    """
    if (folder := lora.folder_of(path)) is not None:
        return lora.open_lora(folder, open_source)
    kind, path = _locate(path)
    if kind == "huggingface":
        return hugging_face.open_hugging_face(path)
    opened = bundle.Bundle(path)
    return open_tf2(opened) if kind == "tf2" else open_tf1(opened)


def _locate(path: str | None) -> tuple[str, str]:
    """The format and what to open: a prefix, a folder or a file."""
    if not path:
        raise UserError("no checkpoint given: expected a path, for example --init_checkpoint=bert_model.ckpt")
    path = files.expand(str(path))
    base = os.path.basename(path)
    if path.endswith(".index"):
        path = path.removesuffix(".index")
    elif ".data-" in base and "-of-" in base:
        path = path[: path.rindex(".data-")]
    if tf.io.gfile.exists(f"{path}.index"):
        return _tensorflow_format(path), path
    if tf.io.gfile.isdir(path):
        return _locate_in(path)
    if not tf.io.gfile.exists(path):
        raise bundle.missing(path)
    return "huggingface", _recognised_file(path)


def _tensorflow_format(prefix: str) -> str:
    opened = bundle.Bundle(prefix)
    return "tf2" if bundle.OBJECT_GRAPH in opened.shapes else "tf1"


def _locate_in(directory: str) -> tuple[str, str]:
    names = set(tf.io.gfile.listdir(directory))
    safetensors = names & {hugging_face.WEIGHTS, hugging_face.INDEX}
    prefix = bundle.latest_in(directory)
    if safetensors and prefix:
        raise UserError(f"{directory} holds {safetensors.pop()} and the checkpoint {prefix}; give the path of one of them")
    if prefix:
        return _tensorflow_format(prefix), prefix
    if safetensors:
        if files.is_remote(directory):
            raise UserError(f"safetensors are read from local files; copy {directory} to this machine first")
        return "huggingface", directory
    if saved_models.is_saved_model(directory):
        prefix = saved_models.weights_in(directory)
        return _tensorflow_format(prefix), prefix
    if "pytorch_model.bin" in names or "pytorch_model.bin.index.json" in names:
        raise _refused(os.path.join(directory, "pytorch_model.bin"), file_kinds.PICKLE)
    if "tf_model.h5" in names:
        raise _refused(os.path.join(directory, "tf_model.h5"), file_kinds.HDF5)
    raise bundle.missing(directory)


def _recognised_file(path: str) -> str:
    """Returns the path of a safetensors file or of the index of its shards.

    Raises:
      UserError: it is neither; the message says what it is where that can be told.
    """
    if files.is_remote(path):
        raise UserError(f"safetensors are read from local files; copy {path} to this machine first")
    kind = file_kinds.kind_of(path)
    if kind is file_kinds.SAFETENSORS:
        return path
    if kind is file_kinds.JSON:
        value = files.read_json(path)
        if isinstance(value, dict) and "weight_map" in value:
            return path
        found = file_kinds.json_kind(value) or f"a JSON file ({json.dumps(value)[:60]}…)"
        raise UserError(f"{path} is {found}, not weights; give the folder it lies in")
    if kind is not None and kind is not file_kinds.TEXT:
        raise _refused(path, kind)
    if os.path.getsize(path) == 0:
        raise UserError(f"{path} is empty")
    raise UserError(
        f"{path} is no checkpoint this program knows: neither a TensorFlow checkpoint (give its path without .index) "
        "nor a safetensors file"
    )


def _refused(path: str, kind: file_kinds.FileKind) -> UserError:
    return UserError(f"{path} is {kind.title}; {kind.cure or 'give a TensorFlow checkpoint or a model.safetensors'}")
