"""Options of a command for all kinds of task: those that every kind has, and those that the registered kinds add."""

import dataclasses
import functools
import os
import typing
from typing import Any, ClassVar

from bert_tf2.errors import UserError
from bert_tf2.options import Options, info
from bert_tf2.registry import import_module
from bert_tf2.tasks.kind import Kind, kinds


class KindOptions(Options):
    """Options of a command to which kinds of task add theirs: a dataclass on it declares what all kinds have.

    An instance has the options of all kinds that are registered when it is made; modules that its `module_import` names are
    imported before. `whole` gives the class of such an instance.

    Attributes:
      part: the attribute of a `Kind` that holds the options it adds.
      chooses: the option that names the kind; None where something else tells it.
    """

    part: ClassVar[str]
    chooses: ClassVar[str | None] = None
    _common: ClassVar[type["KindOptions"] | None] = None

    def __new__(cls, *arguments: Any, **values: Any) -> "KindOptions":
        import_modules(values.get("module_import", ()))
        return super().__new__(cls.whole(), *arguments, **values)

    def __reduce__(self) -> tuple:
        # The class of an instance is made, so it has no name to be found by.
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return functools.partial(self.common(), **values), ()

    @classmethod
    def common(cls) -> type["KindOptions"]:
        return cls if cls._common is None else cls._common

    @classmethod
    def whole(cls) -> type["KindOptions"]:
        if cls._common is not None:
            return cls
        common: type = cls
        return _whole(common, tuple((name, getattr(kinds.get(name), cls.part)) for name in kinds.names()))

    @classmethod
    def heading(cls, field: dataclasses.Field) -> str:
        names, section = kinds_of(field), info(field).section
        if not names:
            return section
        return f"{section or 'Further flags'} ({_named(cls, names)})"


def import_modules(modules: Any) -> None:
    """Imports what `--module_import` names, each module once; what names none is refused when the option is checked."""
    for module in modules if isinstance(modules, tuple | list) else (modules,):
        if isinstance(module, str | os.PathLike):
            import_module(os.fspath(module))


def of_kind(field: Any, kind: str) -> Any:
    """An option that a command for one kind alone declares itself, as what this kind adds to commands for all."""
    return dataclasses.field(default=field.default, metadata={**field.metadata, "kinds": (kind,)})


def kinds_of(field: dataclasses.Field) -> tuple[str, ...]:
    """The kinds that an option belongs to; none for one that every kind has."""
    return field.metadata.get("kinds", ())


def decides_model(field: dataclasses.Field) -> bool:
    """Whether an option belongs to kinds and decides what a trained model is: all that use the model must agree in it."""
    return bool(kinds_of(field)) and not info(field).may_change and not info(field).of_training


def refuse_options_of_others(options: KindOptions, kind: Kind) -> None:
    """Refuses what was given and belongs to other kinds than this one.

    Raises:
      UserError: an option of other kinds has another value than its default.
    """
    for field in dataclasses.fields(options):
        names = kinds_of(field)
        if names and kind.name not in names and getattr(options, field.name) != field.default:
            raise UserError(f"--{field.name} belongs to {_named(type(options), names)}; it can do nothing for {kind.name}")


def _named(options_class: type[KindOptions], names: tuple[str, ...]) -> str:
    if options_class.chooses is None:
        return ", ".join(names)
    return f"--{options_class.chooses}={' or '.join(names)}"


@functools.cache
def _whole(common: type[KindOptions], parts: tuple[tuple[str, type[Options] | None], ...]) -> type[KindOptions]:
    """The class with the options of `common` and of all kinds.

    Raises:
      UserError: two of them declare the same option differently.
    """
    taken = {field.name for field in dataclasses.fields(common)}
    found: dict[str, tuple[dataclasses.Field, Any, list[str]]] = {}
    for kind, part in parts:
        hints = {} if part is None else typing.get_type_hints(part)
        for field in () if part is None else dataclasses.fields(part):
            if field.name in taken:
                raise UserError(f"the kind of task '{kind}' declares --{field.name}, which all kinds have; choose another name")
            known, hint, owners = found.setdefault(field.name, (field, hints[field.name], []))
            if (info(known), known.default, hint) != (info(field), field.default, hints[field.name]):
                raise UserError(
                    f"the kinds of task '{owners[0]}' and '{kind}' declare --{field.name} differently; choose another name, or "
                    "let both inherit the class that declares it"
                )
            owners.append(kind)
    added = [
        (name, hint, dataclasses.field(default=field.default, metadata={**field.metadata, "kinds": tuple(owners)}))
        for name, (field, hint, owners) in found.items()
    ]
    if common.chooses is not None:
        added.append(_choice(common, [kind for kind, _ in parts]))
    named = {"__module__": common.__module__, "__qualname__": common.__qualname__, "__doc__": common.__doc__, "_common": common}
    return dataclasses.make_dataclass(common.__name__, added, bases=(common,), namespace=named, frozen=True)


def _choice(common: type[KindOptions], names: list[str]) -> tuple[str, Any, Any]:
    """The option that names the kind, with the kinds for choices."""
    field = next(field for field in dataclasses.fields(common) if field.name == common.chooses)
    declared = dataclasses.replace(info(field), choices=tuple(names))
    return field.name, str, dataclasses.field(default=field.default, metadata={"option": declared})
