"""Named plug-ins: a table that outside code adds to by being imported."""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, Generic, TypeVar

from bert_tf2.errors import UserError, did_you_mean

Plugin = TypeVar("Plugin")
Decorated = TypeVar("Decorated")


class Registry(Generic[Plugin]):
    """Plug-ins of one kind by name; names are compared without regard to case.

    Args:
      kind: what a plug-in is called in messages, for example `task`.
      entry_point_group: group in which installed packages announce modules or plug-ins of this kind.
    """

    def __init__(self, kind: str, entry_point_group: str | None = None):
        self._kind = kind
        self._entry_point_group = entry_point_group
        self._entry_points_loaded = False
        self._plugins: dict[str, tuple[str, Any, Plugin]] = {}

    def register(self, name: str) -> Callable[[Decorated], Decorated]:
        """Returns a decorator that adds what it decorates under `name`, and gives it back.

        Raises:
          UserError: the name is taken by something else.
        """

        def add(decorated: Decorated) -> Decorated:
            taken = self._plugins.get(name.lower())
            if taken is not None and not _same_source(taken[1], decorated):
                raise UserError(f"the {self._kind} name '{name}' is registered twice; choose another name")
            self._plugins[name.lower()] = (name, decorated, self.adapted(name, decorated))
            return decorated

        return add

    def adapted(self, name: str, plugin: Any) -> Plugin:
        """What is kept under `name` of what was registered; a registry may check and complete it here."""
        del name
        return plugin

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self.load()
        return sorted(name for name, *_ in self._plugins.values())

    def get(self, name: str) -> Plugin:
        """Returns the plug-in called `name`.

        Raises:
          UserError: there is none; the message holds the nearest name, the known ones and how to add one.
        """
        if name.lower() not in self._plugins:
            self.load()
        if name.lower() not in self._plugins:
            raise UserError(
                f"unknown {self._kind} '{name}'.{did_you_mean(name, self.names())} "
                f"Known: {', '.join(self.names())}. Bring your own with --module_import=path/to/file.py"
            )
        return self._plugins[name.lower()][2]

    def load(self) -> None:
        """Imports what installed packages announce, once."""
        if self._entry_points_loaded or self._entry_point_group is None:
            return
        self._entry_points_loaded = True
        for entry_point in importlib.metadata.entry_points(group=self._entry_point_group):
            loaded = entry_point.load()
            if not isinstance(loaded, ModuleType) and entry_point.name.lower() not in self._plugins:
                self.register(entry_point.name)(loaded)


def import_module(path_or_name: str) -> ModuleType:
    """Imports a user's module, given as a file (`path/to/file.py`) or a dotted name (`package.module`).

    Raises:
      UserError: there is no such file or module, or it fails while it is imported.
    """
    try:
        return _imported(path_or_name)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"--module_import: {path_or_name} fails at {_place(error)}: {what}; mend it there") from error


def _place(error: BaseException) -> str:
    """File and line where a module failed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    # Of Python's import system nobody wants to know.
    last = ([frame for frame in frames if not frame.filename.startswith(("<", __file__))] or frames)[-1]
    return f"{last.filename}:{last.lineno}"


def _imported(path_or_name: str) -> ModuleType:
    if path_or_name.endswith(".py") or os.sep in path_or_name:
        path = os.path.abspath(os.path.expanduser(path_or_name))
        if not os.path.isfile(path):
            raise UserError(f"--module_import: no such file: {path}")
        name = f"bert_tf2_user_{hashlib.sha256(path.encode()).hexdigest()[:12]}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise UserError(f"--module_import: {path} is no Python file; its name has to end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
    if path_or_name.startswith("."):
        raise UserError(
            f"--module_import must be a file, path/to/file.py, or a dotted name, package.module; got '{path_or_name}'"
        )
    try:
        return importlib.import_module(path_or_name)
    except ModuleNotFoundError as error:
        if error.name is not None and not path_or_name.startswith(error.name):
            raise
        raise UserError(
            f"--module_import: no module named '{path_or_name}' on the Python path; "
            "give a file as path/to/file.py, or a dotted name that Python can import"
        ) from None


def _same_source(one: object, other: object) -> bool:
    """Whether two plug-ins are the same definition, seen again because its module was imported again."""
    return getattr(one, "__qualname__", one) == getattr(other, "__qualname__", other) and getattr(
        one, "__module__", None
    ) == getattr(other, "__module__", None)
