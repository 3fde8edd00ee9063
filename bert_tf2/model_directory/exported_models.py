"""Loading what `--model_export_path` wrote: a SavedModel, or the newest of its numbered versions."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf

_SURROGATE = re.compile("[\ud800-\udfff]")
_SAVED_MODEL = "saved_model.pb"


def saved_model_in(path: str) -> str | None:
    """The SavedModel that a directory is, or the one of the highest number in it; None where there is none.

    Args:
      path: a directory, local or remote.
    """
    if files.exists(os.path.join(path, _SAVED_MODEL)):
        return path
    numbers = [name for name in (name.rstrip("/") for name in files.names_in(path)) if name.isdecimal()]
    for number in sorted(numbers, key=int, reverse=True):
        if files.exists(os.path.join(path, number, _SAVED_MODEL)):
            return os.path.join(path, number)
    return None


def load_saved_model(path: str) -> Any:
    """Loads a SavedModel of ours, with the operations that a tokenizer in its graph is made of.

    A SavedModel is a program, which runs with the user's rights.

    Raises:
      UserError: it is none, or cannot be loaded.
    """
    file_kinds.refuse_lfs_pointer(os.path.join(path, _SAVED_MODEL))
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (registers the operations)

    try:
        return tf.saved_model.load(path)
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: cannot be loaded as a SavedModel ({reason}); export it again") from None


def not_for_text(flag: str, path: str, loaded: Any, wanted: str, which: str) -> UserError:
    """The error for a SavedModel that does not do what is wanted with text.

    Args:
      flag: that names it.
      path: the directory.
      loaded: what was loaded.
      wanted: what it should do: "a model that classifies text".
      which: which one to give instead.
    """
    from bert_tf2.models.encoder_parts import INPUT_NAMES

    inputs, outputs = inputs_and_outputs(loaded)
    if inputs == sorted(INPUT_NAMES):
        beside = f"{path}_text"
        cure = f"give the one beside it that takes text: --{flag}={beside}" if saved_model_in(beside) else which
        return UserError(f"--{flag}={path} takes token ids ({', '.join(INPUT_NAMES)}), not text; {cure}")
    takes = f"takes {', '.join(inputs)} and returns {', '.join(outputs)}" if inputs else "has no signature serving_default"
    return UserError(f"--{flag}={path} is not {wanted} (it {takes}); {which}")


def inputs_and_outputs(loaded: Any) -> tuple[list[str], list[str]]:
    """The names that `serving_default` takes and gives, sorted; none where there is no such signature.

    Args:
      loaded: a SavedModel as TensorFlow loads it, or a `bert_tf2.tasks.base.Export`, whose functions take by place as well.
    """
    signature = loaded.signatures.get("serving_default")
    if signature is None:
        return [], []
    by_place, by_name = signature.structured_input_signature
    return sorted([*(spec.name for spec in by_place), *by_name]), sorted(signature.structured_outputs)


def text_tensor(texts: Sequence[str], shape: tuple[int, ...] | None = None) -> "tf.Tensor":
    """Texts as the string tensor that a signature takes; half a surrogate pair, which no text holds, becomes U+FFFD.

    Args:
      texts: all of them, row by row.
      shape: of the tensor; None is one axis.
    """
    import tensorflow as tf

    # Bytes: TensorFlow would cut a str at a NUL.
    return tf.constant([_SURROGATE.sub("\ufffd", text).encode() for text in texts], tf.string, shape)
