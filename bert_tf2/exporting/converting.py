"""What all targets need to convert a model: its graph, a converter that keeps silent, and its errors in one line."""

import contextlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from bert_tf2.errors import JobError, UserError
from bert_tf2.exporting.target import Conversion
from bert_tf2.models.converted import for_converter
from bert_tf2.models.encoder_parts import INPUT_NAMES

# As TFLite's converter tells them; tf2onnx leaves them in the model.
_OPERATIONS = (re.compile(r"'tf\.(\w+)' op is neither"),)
_SHOWN = 3


def traced(conversion: Conversion, rows: int | None, own_forms: bool = False) -> Any:
    """The function to convert, from the three inputs int32 [rows, length] by name.

    Args:
      conversion: see there.
      rows: None for any number.
      own_forms: the layers keep their own forms, which TensorFlow is fastest at; otherwise they have those that converters know.
    """
    specs = [tf.TensorSpec([rows, conversion.length], tf.int32, name=name) for name in INPUT_NAMES]

    @tf.function(input_signature=specs, autograph=False)
    def serve(input_word_ids: tf.Tensor, input_mask: tf.Tensor, input_type_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = dict(zip(INPUT_NAMES, (input_word_ids, input_mask, input_type_ids)))
        with contextlib.nullcontext() if own_forms else for_converter():
            return conversion.outputs(inputs)

    serve.get_concrete_function()
    return serve


def saved(function: Any, path: str) -> None:
    """Writes what `traced` gave as a SavedModel, with its variables."""
    module, concrete = tf.Module(), function.get_concrete_function()
    module.serve, module.held = function, list(concrete.graph.variables)
    tf.saved_model.save(module, path, {"serving_default": concrete})


@contextlib.contextmanager
def converting(name: str, function: Any) -> Iterator[None]:
    """Keeps what a converter prints away from the user, and tells its errors in one line.

    Args:
      name: of the target.
      function: what `traced` gave.

    Raises:
      UserError: the target lacks an operation, which is named with the layer that makes it.
      JobError: the converter failed otherwise.
    """
    with tempfile.TemporaryFile() as printed:
        try:
            with _printing_to(printed.fileno()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (UserError, JobError, MemoryError):
            raise
        except Exception as error:
            printed.seek(0)
            text = f"{printed.read().decode(errors='replace')}\n{error}"
            refuse_lacking(name, [kind for pattern in _OPERATIONS for kind in pattern.findall(text)], function, error)
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise JobError(f"--to={name}: the converter failed: {first[:200]}") from error


def refuse_lacking(name: str, kinds: Iterable[str], function: Any, cause: Exception | None = None) -> None:
    """Refuses operations that a target lacks, with the layers they stand in; does nothing where there are none.

    Args:
      name: of the target.
      kinds: of operations, as TensorFlow calls them.
      function: what `traced` gave.
      cause: what the converter raised.

    Raises:
      UserError: there are some.
    """
    if not (kinds := list(dict.fromkeys(kinds))):
        return
    places = _places(function.get_concrete_function().graph)
    named = [f"{kind} (in {places[kind]})" if kind in places else kind for kind in kinds]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    raise UserError(
        f"--to={name}: the format has no operation for {', '.join(named[:_SHOWN])}{more}; export to another format, or write "
        "that layer with other operations"
    ) from cause


def _places(graph: Any) -> dict[str, str]:
    """The name of the first operation of each kind, in a graph and the functions it calls."""
    found: dict[str, str] = {}
    definition = graph.as_graph_def()
    nodes = [definition.node, *(function.node_def for function in definition.library.function)]
    for some in nodes:
        for node in some:
            found.setdefault(node.op, node.name)
    return found


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keeps away what libraries print that have no other way to be told not to."""
    with open(os.devnull, "wb") as nowhere, _printing_to(nowhere.fileno()):
        yield


@contextlib.contextmanager
def _printing_to(descriptor: int) -> Iterator[None]:
    """What this process prints goes elsewhere, also what libraries in C++ print."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    former = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(descriptor, number)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, copy in zip((1, 2), former):
            os.dup2(copy, number)
            os.close(copy)
