"""What the models as objects share that were exported to take text: how they are found, checked and fed."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, not_for_text, saved_model_in

Item = TypeVar("Item")
Predictor = TypeVar("Predictor", bound="SavedModelPredictor")


class SavedModelPredictor:
    """A SavedModel that takes text. A subclass says which, and what its answers are.

    Args:
      loaded: a SavedModel as TensorFlow loads it, with these inputs and outputs.

    Attributes:
      inputs: what `serving_default` takes.
      outputs: what it gives at least.
      wanted: what the model is, for messages: "a question answering model".
      which: which SavedModel to give, for messages.
    """

    inputs: ClassVar[tuple[str, ...]]
    outputs: ClassVar[tuple[str, ...]]
    wanted: ClassVar[str]
    which: ClassVar[str]

    def __init__(self, loaded: Any):
        # The signature alone does not keep the variables alive.
        self._loaded = loaded
        self._signature = loaded.signatures["serving_default"]

    @classmethod
    def from_saved_model(cls: type[Predictor], path: str) -> Predictor:
        """Loads what `--model_export_path=NAME` writes as NAME_text.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel, or it is another model's; the message says which to give.
        """
        path = files.expand(path).rstrip("/")
        if not files.is_remote(path) and not files.exists(path):
            raise UserError(f"--model: no such directory: {path}; {cls.which}")
        found = saved_model_in(path)
        if found is None:
            raise UserError(f"--model={path} is not a SavedModel (it holds no saved_model.pb); {cls.which}")
        loaded = load_saved_model(found)
        inputs, outputs = inputs_and_outputs(loaded)
        if inputs != sorted(cls.inputs) or not set(cls.outputs) <= set(outputs):
            raise not_for_text("model", path, loaded, cls.wanted, cls.which)
        return cls(loaded)


def in_batches(items: Iterable[Item], batch_size: int) -> Iterator[list[Item]]:
    """The items, so many at a time.

    Raises:
      ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1; got {batch_size}")
    items = iter(items)
    while batch := list(itertools.islice(items, batch_size)):
        yield batch
