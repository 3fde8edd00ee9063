"""SavedModels for serving: one that takes token ids, as the model garden's, and one that takes raw text."""

import itertools
import os
import shutil
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.errors import JobError, UserError
from bert_tf2.files import incomplete_name, is_remote, make_directory, names_in, sync
from bert_tf2.progress import during

NEXT_VERSION = "auto"
INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")

Outputs = Callable[[tf.Tensor], dict[str, tf.Tensor]]
Tokenize = Callable[[tf.Tensor, tf.Tensor | None], dict[str, tf.Tensor]]


def _with_a_column(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The inputs of the encoder, [0, 0] as [0, 1]: no texts have no longest one, but the encoder looks at the first token."""
    shape = tf.shape(inputs[INPUT_NAMES[0]])
    missing = tf.cast(tf.reduce_all(shape == 0), tf.int32)
    return {name: tf.pad(value, [[0, 0], [0, missing]]) for name, value in inputs.items()}


class _TokenIdsModule(tf.Module):
    def __init__(self, model: tf_keras.Model, outputs: Outputs):
        super().__init__()
        self.model = model
        self._outputs = outputs

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name=name) for name in INPUT_NAMES])
    def serve(self, input_word_ids: tf.Tensor, input_mask: tf.Tensor, input_type_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {"input_word_ids": input_word_ids, "input_mask": input_mask, "input_type_ids": input_type_ids}
        return self._outputs(self.model(_with_a_column(inputs), training=False))


class _TextModule(tf.Module):
    def __init__(self, model: tf_keras.Model, tokenize: Tokenize, outputs: Outputs):
        super().__init__()
        self.model = model
        self.tokenize = tokenize
        self._outputs = outputs

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._outputs(self.model(_with_a_column(self.tokenize(text, None)), training=False))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name) for name in ("text", "text_b")])
    def serve_pairs(self, text: tf.Tensor, text_b: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._outputs(self.model(_with_a_column(self.tokenize(text, text_b)), training=False))


def export_token_ids_model(model: tf_keras.Model, outputs: Outputs, path: str) -> None:
    """Writes a SavedModel whose `serving_default` takes the three int32 [-1, -1] tensors of the model garden's signature.

    Args:
      model: maps the encoder's inputs to the head's outputs.
      outputs: names what the model gives, for example `{"sentence_prediction": logits}`.
      path: the SavedModel's directory; must not exist or be empty.

    Raises:
      UserError: the directory holds something.
    """
    module = _TokenIdsModule(model, outputs)
    save_module(module, path, {"serving_default": module.serve.get_concrete_function()})


def export_text_model(
    model: tf_keras.Model, tokenize: Tokenize, outputs: Outputs, path: str, has_pairs: bool | None = None
) -> None:
    """Writes a SavedModel that takes raw text: `serving_default` one string [-1] `text`, `pairs` also `text_b`.

    The signatures are such as the training's texts: with single texts there is no `pairs`, and with pairs `serving_default` takes
    them too.

    A program that loads it imports `tensorflow_text` first: the tokenizer in the graph is made of its operations.

    Args:
      model: maps the encoder's inputs to the head's outputs.
      tokenize: a `tf.Module` from texts to the encoder's inputs, such as `bert_tf2.text.in_graph.InGraphTokenizer`.
      outputs: names what the model gives, for example label names and probabilities.
      path: the SavedModel's directory; must not exist or be empty.
      has_pairs: whether the model was trained on pairs; None where that is not known.

    Raises:
      UserError: the directory holds something.
    """
    module = _TextModule(model, tokenize, outputs)
    signatures = {"serving_default": (module.serve_pairs if has_pairs else module.serve).get_concrete_function()}
    if has_pairs is not False:
        signatures["pairs"] = module.serve_pairs.get_concrete_function()
    save_module(module, path, signatures)


def require_free_directory(path: str) -> None:
    """Refuses to write over what is there, and makes the directory that it will lie in.

    Raises:
      UserError: it is a file or a directory that is not empty, or the directory above cannot be made or written to.
    """
    _require_directory(path)
    if tf.io.gfile.exists(path) and tf.io.gfile.listdir(path):
        raise UserError(f"--model_export_path: {path} is not empty; name a new directory or remove it")


def _require_directory(path: str) -> None:
    """Refuses a file, and makes the directory above."""
    if not is_remote(path):
        make_directory(os.path.dirname(os.path.abspath(path)))
        if os.path.isfile(path):
            raise UserError(f"--model_export_path: {path} is a file; name a new directory")


def versioned(bases: Sequence[str], version: str | None) -> list[str]:
    """Where models are exported: their directories, or a numbered one in each, as TensorFlow Serving reads them.

    Args:
      bases: a directory for each model.
      version: the number of all of them; `auto` for the one after the highest that is there, 1 at first; None for none.

    Raises:
      UserError: something is there, or a directory that is to hold versions is a SavedModel itself.
    """
    if version is None:
        for path in bases:
            require_free_directory(path)
        return list(bases)
    there = {base: [int(name) for name in map(_name, names_in(base)) if name.isdecimal()] for base in bases}
    number = max([0, *itertools.chain.from_iterable(there.values())]) + 1 if version == NEXT_VERSION else int(version)
    for base, numbers in there.items():
        _require_directory(base)
        if tf.io.gfile.exists(os.path.join(base, "saved_model.pb")):
            raise UserError(
                f"--model_export_path: {base} is a SavedModel itself and cannot hold versions; name another directory"
            )
        if number in numbers:
            raise UserError(f"--export_version={number}: {base}/{number} is there; give another number, or {NEXT_VERSION}")
    return [os.path.join(base, str(number)) for base in bases]


def _name(entry: str) -> str:
    # Object stores end the names of directories with a slash.
    return entry.rstrip("/")


@during("exporting")
def save_module(module: tf.Module, path: str, signatures: dict[str, object]) -> None:
    """Writes a SavedModel, under a temporary name until it is whole.

    Args:
      module: what is saved.
      path: the SavedModel's directory; must not exist or be empty.
      signatures: concrete functions by name.

    Raises:
      UserError: the directory holds something or cannot be made.
      JobError: the disk is full or fails; nothing is left of the export.
    """
    path = path.rstrip("/")
    require_free_directory(path)
    temporary = path if is_remote(path) else incomplete_name(path)
    try:
        if is_remote(path):
            make_directory(path)
        tf.saved_model.save(module, temporary, signatures)
        if temporary != path:
            _publish(temporary, path)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        first_line = (str(reason).strip().splitlines() or [type(error).__name__])[0][:200]
        raise JobError(f"cannot write {path}: {first_line}; make room there, or name another --model_export_path") from error
    finally:
        if temporary != path:
            shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: str, path: str) -> None:
    """Flushes a finished export to the disk and gives it its name."""
    for folder, _, names in os.walk(temporary):
        for name in names:
            sync(os.path.join(folder, name))
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(temporary, path)
