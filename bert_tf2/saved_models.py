"""What a SavedModel holds besides its program, such as a module of TF-Hub: weights, vocabulary, casing. Nothing of it is run.

The folder (https://www.tensorflow.org/guide/saved_model): `saved_model.pb`, `variables/variables.*` and `assets/`.
"""

import contextlib
import glob
import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from bert_tf2 import files
from bert_tf2.errors import UserError

_PROGRAM, _VARIABLES, _ASSETS = "saved_model.pb", "variables/variables", "assets"
_KERAS_METADATA = "keras_metadata.pb"
_CASING = "do_lower_case/.ATTRIBUTES/VARIABLE_VALUE"
# Names of the vocabularies in Google's modules, then anything of the kind.
_WORDPIECE, _SENTENCEPIECE = ("vocab.txt", "*.txt"), ("30k-clean.model", "*.model")
# As `tensorflow_hub.resolver` has them.
_CACHE, _DEFAULT_CACHE = "TFHUB_CACHE_DIR", "tfhub_modules"


def is_saved_model(folder: str) -> bool:
    """Whether a folder is a SavedModel, or was one before its program was taken away."""
    return any(files.exists(os.path.join(folder, name)) for name in (_PROGRAM, f"{_VARIABLES}.index"))


def weights_in(folder: str) -> str:
    """The prefix of the checkpoint in a SavedModel.

    Raises:
      UserError: there is none.
    """
    prefix = os.path.join(folder, _VARIABLES)
    if not files.exists(f"{prefix}.index"):
        raise UserError(f"{folder} holds {_PROGRAM} but no {_VARIABLES}.index, where its weights would be; copy it whole")
    return prefix


def folder_of(prefix: str) -> str | None:
    """The SavedModel whose weights a checkpoint is, by its prefix; None for other checkpoints."""
    return _folder_above(prefix, _VARIABLES)


def _folder_above(path: str, inside: str) -> str | None:
    if not f"/{path}".endswith(f"/{inside}"):
        return None
    folder = path.removesuffix(inside).rstrip("/") or "."
    return folder if is_saved_model(folder) else None


def located(handle: str) -> str:
    """The folder of a TF-Hub module: a folder itself, or the one that TF-Hub keeps for the address of a module.

    Args:
      handle: a path, or an address as `https://tfhub.dev/tensorflow/bert_en_uncased_L-12_H-768_A-12/4`.

    Raises:
      UserError: there is no such folder, it is no SavedModel, or TF-Hub's cache does not hold the module.
    """
    folder = _cached(handle) if files.is_web_address(handle) else files.expand(handle).rstrip("/")
    if is_saved_model(folder):
        return folder
    if files.is_web_address(handle):
        quoted, address = shlex.quote(folder), shlex.quote(f"{handle}?tf-hub-format=compressed")
        raise UserError(
            f"--hub_module_url={handle} is not in TF-Hub's cache, and nothing is downloaded from here; get it with: "
            f"mkdir -p {quoted} && curl -L {address} | tar -xz -C {quoted}"
        )
    found = "does not exist"
    if files.is_remote(folder) or os.path.isdir(folder):
        found = f"is no module: it holds neither {_VARIABLES}.index nor {_PROGRAM}"
    raise UserError(f"--hub_module_url={handle} {found}; give the folder that the module was unpacked into")


def _cached(handle: str) -> str:
    """Where TF-Hub keeps what it downloaded from an address."""
    cache = os.environ.get(_CACHE) or os.path.join(tempfile.gettempdir(), _DEFAULT_CACHE)
    return os.path.join(os.path.expanduser(cache), hashlib.sha1(handle.encode()).hexdigest())


def wordpiece_vocabulary_in(folder: str) -> str | None:
    """The path of the WordPiece vocabulary among a SavedModel's assets; None where there is none, or more than one."""
    return _asset(folder, _WORDPIECE)


def sentencepiece_model_in(folder: str) -> str | None:
    """The path of the SentencePiece model among a SavedModel's assets; None where there is none, or more than one."""
    return _asset(folder, _SENTENCEPIECE)


def _asset(folder: str, patterns: tuple[str, ...]) -> str | None:
    for pattern in patterns:
        path = os.path.join(folder, _ASSETS, pattern)
        found = [path] if files.exists(path) else []
        if "*" in pattern and not files.is_remote(folder):
            found = glob.glob(os.path.join(glob.escape(folder), _ASSETS, pattern))
        if len(found) == 1:
            return found[0]
    return None


def of_asset(path: str) -> str | None:
    """The SavedModel that a file is an asset of; None for other files."""
    return _folder_above(path, f"{_ASSETS}/{os.path.basename(path)}")


def casing_of(asset: str) -> bool | None:
    """Whether text is lower-cased for a vocabulary, as the SavedModel says whose asset it is; None where nothing says it.

    A module of TF2 has it as a variable (`module.resolved_object.do_lower_case`), one of TF1 as a constant in its program, which
    the signature `tokenization_info` names.

    Args:
      asset: the path of the vocabulary.
    """
    folder = of_asset(asset)
    if folder is None:
        return None
    prefix = os.path.join(folder, _VARIABLES)
    with _readable(folder):
        if files.exists(f"{prefix}.index"):
            import tensorflow as tf

            reader = tf.train.load_checkpoint(prefix)
            if reader.has_tensor(_CASING):
                return bool(reader.get_tensor(_CASING))
        said = _constants_of(folder, "tokenization_info").get("do_lower_case")
    return None if said is None else bool(said)


def _constants_of(folder: str, signature: str) -> dict[str, Any]:
    """The outputs of a signature that are constants in the program; none where there is no such signature."""
    import tensorflow as tf

    from bert_tf2.tensorflow_internals import SavedModel

    found: dict[str, Any] = {}
    for graph in SavedModel.FromString(_content(folder, _PROGRAM)).meta_graphs:
        if signature not in graph.signature_def:
            continue
        nodes = {node.name: node for node in graph.graph_def.node}
        for name, output in graph.signature_def[signature].outputs.items():
            node = nodes.get(output.name.split(":")[0])
            while node is not None and node.op == "Identity":
                node = nodes.get(node.input[0].split(":")[0])
            if node is not None and node.op == "Const":
                found[name] = tf.make_ndarray(node.attr["value"].tensor).item()
    return found


def number_in_keras_config(folder: str, name: str) -> int | None:
    """A number among the arguments of the layers in a SavedModel that Keras wrote, the first of this name; None without any.

    Keras keeps them as JSON: since TensorFlow 2.5 in a file of their own, before it in the program's.
    """
    for file in (_KERAS_METADATA, _PROGRAM):
        found = re.search(rb'"%s": (\d+)' % name.encode(), _content(folder, file))
        if found:
            return int(found[1])
    return None


def _content(folder: str, name: str) -> bytes:
    """The content of a file in a SavedModel; nothing where there is none."""
    path = os.path.join(folder, name)
    if not files.exists(path):
        return b""
    import tensorflow as tf

    with _readable(folder), tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


@contextlib.contextmanager
def _readable(folder: str) -> Iterator[None]:
    """Turns what is raised by damaged files into one line.

    Raises:
      UserError: a file is damaged.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, DecodeError, IndexError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise UserError(f"{folder}: {_PROGRAM} or {_VARIABLES}.* is damaged ({reason}); copy the folder again") from None
