"""A kind of task, and the table of all kinds: what both ends, data preparation and training, are looked up by."""

import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING, Any

from bert_tf2 import tasks
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.options import Options
from bert_tf2.registry import Registry

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task
    from bert_tf2.tasks.preparation import Preparation


class Kind:
    """A kind of task. A subclass is registered by the name that commands call it by:

        @kinds.register("tagging")
        class Tagging(Kind):
            ...

    Its module is imported to define flags, so it imports nothing heavy at its top.

    Attributes:
      name: set when it is registered; the value of `--fine_tuning_task_type`.
      task_type: what metadata call it, as `bert_tagging`.
      data_options: frozen dataclass on `bert_tf2.options.Options` with the flags that it adds to data preparation; None for none.
      run_options: the same for training. Kinds may share an option by sharing the class that declares it.
    """

    name: str = ""
    task_type: str = ""
    data_options: type[Options] | None = None
    run_options: type[Options] | None = None

    def needed(self, options: Any) -> dict[str, str]:
        """What flags give that data preparation needs of this kind, by name; see `bert_tf2.options.require_given`.

        Here: an own file for each output and an output for each own file.

        Raises:
          UserError: two things are given that exclude each other.
        """
        own = given_files(options)
        if not own:
            return {
                " or ".join(_FILES): "the files to make records of",
                " or ".join(f"{split}_data_output_path" for split in SPLITS): "the records to write",
            }
        needed: dict[str, str] = {}
        for split in SPLITS:
            file, output = f"{split}_file", f"{split}_data_output_path"
            needed |= {output: f"where the records of --{file} go"} if file in own else {}
            needed |= {file: f"the file whose records go to --{output}"} if getattr(options, output) else {}
        return needed

    def check(self, options: Any) -> None:
        """Checks what several options of data preparation must agree in, before anything heavy is imported.

        Args:
          options: those that all kinds have, and those of this kind.

        Raises:
          UserError: they do not.
        """

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """Checks the options of data preparation against the training of the model that the rows are for.

        Args:
          options: of data preparation.
          meta: metadata of the training.
          named: the flag that names them, for messages.

        Returns:
          What the preparation takes of the training besides the task and the length, by option, to tell the user.

        Raises:
          UserError: an option contradicts the training.
        """
        del options, meta, named
        return {}

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "Preparation":
        """The data end: what makes records of the files that the options name.

        Args:
          options: checked.
          tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
          trained: metadata of the training for whose model the records are; None where there is none yet.

        Raises:
          UserError: a file or an option that cannot be used.
        """
        raise UserError(f"{self.name}: no records are made for this kind of task (Kind.preparation is not defined)")

    def as_prepared(self, options: Any, meta: "MetaData") -> Any:
        """The options of a run, completed with what the records that it is on decide of them.

        Args:
          options: of the training.
          meta: metadata of the records.

        Raises:
          UserError: an option contradicts the records.
        """
        del meta
        return options

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """The model end: head, loss, predictions and scores.

        Args:
          meta: metadata of the records.
          config: of the encoder.
          options: of the training.

        Raises:
          UserError: metadata or options that cannot be used.
        """
        raise UserError(f"{self.name}: no model is trained for this kind of task (Kind.task is not defined)")


class Kinds(Registry[Kind]):
    """All kinds: those of the folders beside this file that hold a `kind.py`, and what outside code registers."""

    def __init__(self) -> None:
        super().__init__("kind of task", "bert_tf2.tasks")
        self._found = False

    def adapted(self, name: str, plugin: Any) -> Kind:
        """An instance of the kind, which knows its name.

        Raises:
          UserError: it is no kind, or does not say what metadata call it.
        """
        kind = plugin() if isinstance(plugin, type) else plugin
        if not isinstance(kind, Kind) or not kind.task_type:
            raise UserError(
                f"the kind of task '{name}' must be a subclass of bert_tf2.tasks.kind.Kind with a task_type, such as "
                f"'bert_{name}'; got {plugin!r}"
            )
        kind.name = name
        return kind

    def load(self) -> None:
        """Imports the kinds of the package and of installed packages, once."""
        if not self._found:
            self._found = True
            for module in pkgutil.iter_modules(tasks.__path__):
                name = f"{tasks.__name__}.{module.name}.kind"
                if module.ispkg and importlib.util.find_spec(name) is not None:
                    importlib.import_module(name)
        super().load()


kinds = Kinds()

SPLITS = ("train", "eval", "test")
_FILES = tuple(f"{split}_file" for split in SPLITS)


def given_files(options: Any) -> list[str]:
    """The flags of own files that are given to data preparation."""
    return [flag for flag in _FILES if getattr(options, flag)]


def kind_of(task_type: str) -> Kind:
    """The kind whose records metadata call `task_type`.

    Raises:
      UserError: there is none.
    """
    known = {kind.task_type: kind for kind in map(kinds.get, kinds.names())}
    if task_type not in known:
        raise UserError(
            f"records of the task '{task_type}' belong to no known kind of task.{did_you_mean(task_type, known)} Known: "
            f"{', '.join(known)}. Bring your own with --module_import=path/to/file.py"
        )
    return known[task_type]
