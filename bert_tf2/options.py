"""How a command's options are declared: a frozen dataclass whose fields carry help, choices and checks.

`bert_tf2.cli` turns such a class into flags; a notebook makes an instance directly. Either way the instance checks itself.
"""

import dataclasses
import functools
import logging
import math
import numbers
import os
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean

logger = logging.getLogger(__name__)
_Value = typing.TypeVar("_Value")
_Instance = typing.TypeVar("_Instance", bound="Options")


@dataclasses.dataclass(frozen=True)
class OptionInfo:
    """What a field is besides its name, type and default."""

    help: str
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    section: str = ""
    short_name: str | None = None
    multiple: bool = False
    refused_because: str | None = None
    also_accepted: tuple[Any, ...] = ()
    ignored_because: str | None = None
    may_change: bool = False
    of_loss: bool = False
    of_training: bool = False
    other_names: tuple[str, ...] = ()
    comma_separated: bool = False
    same_as: str | None = None
    stands_for: Callable[[Any], Mapping[str, Any]] | None = None


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], str | None] | None = None,
    section: str = "",
    short_name: str | None = None,
    multiple: bool = False,
    may_change: bool = False,
    of_loss: bool = False,
    of_training: bool = False,
    other_names: tuple[str, ...] = (),
    comma_separated: bool = False,
    same_as: str | None = None,
    stands_for: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Any:
    """A dataclass field that becomes a flag.

    Args:
      default: value when the flag is not given; `None` means not given.
      help: one line for `--help`.
      choices: the only values accepted, compared without regard to case.
      check: returns what is wrong with a value ("must be at least 1"), or None.
      section: heading under which `--help` lists the flag.
      short_name: a second name, as in the model garden (`-ds`).
      multiple: the flag may be repeated; the value is a tuple.
      may_change: a training may go on with another value, because this one decides nothing about its weights.
      of_loss: it says what labels cost while training, and nothing of what is trained: no evaluation, teacher or student has to
        agree in it.
      of_training: it is for training alone, as one of the loss is, and says nothing of what labels cost.
      other_names: what the originals of other models call the flag.
      comma_separated: the text may be several with commas between; in a file of flags they may be a list.
      same_as: the option that this one is another name of, where both are kept; whichever is given on the command line wins over
        both in a file of flags.
      stands_for: the options that a value stands for, with their values; those that are given besides win.
    """
    info = OptionInfo(
        help, choices, check, section, short_name, multiple, may_change=may_change, of_loss=of_loss,
        of_training=of_training or of_loss, other_names=other_names, comma_separated=comma_separated, same_as=same_as,
        stands_for=stands_for,
    )  # fmt: skip
    return dataclasses.field(default=default, metadata={"option": info})


def refused_option(
    default: Any,
    because: str,
    *,
    also_accepted: tuple[Any, ...] = (),
    section: str = "Flags of the originals that are refused",
) -> Any:
    """A flag of the originals that could do nothing here: any value but its default and `also_accepted` is an error.

    The accepted values describe what happens anyway, so that old shell scripts run unchanged.
    """
    info = OptionInfo(
        because, section=section, refused_because=because, also_accepted=also_accepted, may_change=bool(also_accepted)
    )
    return dataclasses.field(default=default, metadata={"option": info})


def ignored_option(default: Any, because: str, *, section: str = "Flags of the originals that do nothing here") -> Any:
    """A flag of the originals that decides no result and has nothing to decide here: taken with a warning, see `tell_ignored`.

    Args:
      default: as with `option`.
      because: why it does nothing.
      section: heading under which `--help` lists the flag.
    """
    info = OptionInfo(because, section=section, ignored_because=because)
    return dataclasses.field(default=default, metadata={"option": info})


def tell_ignored(options: "Options") -> None:
    """Warns of every flag that was given and does nothing, in a line for each."""
    for field in dataclasses.fields(options):
        value, because = getattr(options, field.name), info(field).ignored_because
        if because is not None and value != field.default:
            logger.warning("--%s=%s does nothing here: %s", field.name, value, because)


def info(field: dataclasses.Field) -> OptionInfo:
    """The declaration made by `option` or `refused_option`."""
    return field.metadata["option"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What every options class inherits: an instance checks itself when it is made, from flags or in Python.

    A value must be of the field's type: paths may be `pathlib.Path`s, numbers NumPy's, and what may be repeated a list. Choices
    are kept in their canonical spelling. What several options must agree in is for the job to check.

    Raises:
      UserError: a value is refused; the message names the option as a flag (`--name`), the rule and the value. Or there is no
        such option.
    """

    def __new__(cls: type[_Instance], *arguments: Any, **values: Any) -> _Instance:
        # Before the dataclass's own __init__, which would raise a bare TypeError.
        refuse_unknown(values, [field.name for field in dataclasses.fields(cls)], cls.__name__)
        instance = super().__new__(cls)
        object.__setattr__(instance, "_given", frozenset(values))
        return instance

    def __post_init__(self) -> None:
        options_class: type = type(self)
        self._spell_out()
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            kept = checked(options_class, field, value)
            if kept is not value:
                object.__setattr__(self, field.name, kept)

    def _spell_out(self) -> None:
        """Sets what an option stands for, where it is not given itself; a value that is refused stands for nothing."""
        for field in dataclasses.fields(self):
            stands_for, value = info(field).stands_for, getattr(self, field.name)
            if stands_for is None or value is None:
                continue
            for name, meant in stands_for(checked(type(self), field, value)).items():
                if name not in self._given:  # type: ignore[attr-defined]
                    object.__setattr__(self, name, meant)

    @classmethod
    def whole(cls) -> type["Options"]:
        """The class of an instance: itself, unless other code adds options to it."""
        return cls

    @classmethod
    def common(cls) -> type["Options"]:
        """The class without the options that other code added."""
        return cls

    @classmethod
    def heading(cls, field: dataclasses.Field) -> str:
        """What `--help` lists an option under."""
        return info(field).section


def refuse_unknown(given: Iterable[str], known: Collection[str], owner: str) -> None:
    """Refuses options that do not exist, naming the nearest one that does; `owner` is the class that has them.

    Raises:
      UserError: one of them is unknown.
    """
    for name in given:
        if name not in known:
            raise UserError(f"unknown option '{name}'.{did_you_mean(name, known)} The options are those of {owner}")


def value_type(options_class: type, field: dataclasses.Field) -> type:
    """The type of one value of the field: `int` for `int`, `int | None` and `tuple[int, ...]`; the first of several."""
    return _types(options_class)[field.name][0]


@functools.cache
def _types(options_class: type) -> dict[str, tuple[type, ...]]:
    """By field the types that one value may have, `NoneType` among them where the value may be None."""
    found = {}
    for name, hint in typing.get_type_hints(options_class).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        found[name] = tuple(typing.get_args(part)[0] if typing.get_origin(part) is tuple else part for part in parts)
    return found


def checked(options_class: type, field: dataclasses.Field, value: Any) -> Any:
    """The value as an option of that class keeps it.

    Raises:
      UserError: it is refused.
    """
    declared, accepted = info(field), _types(options_class)[field.name]
    if declared.refused_because is not None:
        if value not in (field.default, *declared.also_accepted):
            raise UserError(f"--{field.name}={value} is refused: {declared.refused_because}")
        return value
    if value is None and (field.default is None or types.NoneType in accepted):
        return None
    if declared.multiple:
        values = value if isinstance(value, tuple | list) else (value,)
        return tuple(_no_web_address(field.name, _of_type(field.name, accepted, one)) for one in values)
    value = _no_web_address(field.name, _of_type(field.name, accepted, value))
    if declared.choices:
        value = _choose(field.name, value, declared.choices)
    complaint = declared.check(value) if declared.check else None
    if complaint:
        raise UserError(f"--{field.name} {complaint}; got {value}")
    return value


# All other texts that might be addresses are paths.
_MAY_BE_ADDRESSES = ("text", "question", "context", "hub_module_url")


def _no_web_address(name: str, value: Any) -> Any:
    if isinstance(value, str) and name not in _MAY_BE_ADDRESSES and files.is_web_address(value):
        raise UserError(f"--{name}={value} is a web address, which is not read from here; {files.DOWNLOAD_FIRST}")
    return value


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "True or False"}


def _of_type(name: str, accepted: tuple[type, ...], value: Any) -> Any:
    """The value as the first of the accepted types, which flags have too."""
    is_number = not isinstance(value, bool) and isinstance(value, numbers.Real)
    is_of = {
        str: isinstance(value, str | os.PathLike),
        int: is_number and isinstance(value, numbers.Integral),
        float: is_number,
        # NumPy's too.
        bool: type(value).__name__ in ("bool", "bool_"),
    }
    kinds = [kind for kind in accepted if kind is not types.NoneType]
    if not any(is_of[kind] for kind in kinds):
        rule = " or ".join(_KINDS[kind] for kind in kinds)
        raise UserError(f"--{name} must be {rule}; got {value!r}")
    return os.fspath(value) if isinstance(value, os.PathLike) else kinds[0](value)


def not_default(options: Any, names: Iterable[str]) -> dict[str, Any]:
    """Those of some options that have another value than their default: what a run's identity holds of options that runs of
    earlier versions do not know."""
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    return {name: getattr(options, name) for name in names if getattr(options, name) != defaults[name]}


def require_given(options: Any, needed: Mapping[str, str]) -> None:
    """Refuses a command that lacks flags, with all of them in one message.

    Args:
      options: the command's.
      needed: what each flag gives, by its name; of `"vocab_file or sp_model_file"` one is enough.

    Raises:
      UserError: something needed has no value.
    """
    missing = {}
    for names, what in needed.items():
        if not any(getattr(options, name) for name in names.split(" or ")):
            first, *others = [f"--{name}" for name in names.split(" or ")]
            missing[f"{first} (or {', '.join(others)})" if others else first] = what
    if len(missing) == 1:
        raise UserError(" is required: ".join(*missing.items()))
    if missing:
        raise UserError(f"{len(missing)} flags are required here: {'; '.join(map(', '.join, missing.items()))}")


def required(value: _Value | None) -> _Value:
    """A value that may be None and is not: `require_given`, or another check, has seen to that."""
    assert value is not None, "what is missing is to be told of before it is used"
    return value


def refuse_given(options: Any, names: Iterable[str], because: str) -> None:
    """Refuses flags that can do nothing beside the others.

    Raises:
      UserError: one of the fields named has another value than its default.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    for name in names:
        if getattr(options, name) != defaults[name]:
            raise UserError(f"--{name} {because}")


def given_of_loss(options: Any) -> str | None:
    """An option that says what labels cost in training and was given; None for none."""
    return _given(options, [field for field in dataclasses.fields(options) if info(field).of_loss])


def given_of_training(options: Any) -> str | None:
    """An option that is for training alone and was given; None for none."""
    return _given(options, [field for field in dataclasses.fields(options) if info(field).of_training])


def _given(options: Any, fields: Iterable[dataclasses.Field]) -> str | None:
    return next((field.name for field in fields if getattr(options, field.name) != field.default), None)


def refuse_overwriting(inputs: Mapping[str, str], outputs: Iterable[str]) -> None:
    """Refuses an output that is an input: `inputs` has the flag's name by path.

    Raises:
      UserError: a path is both.
    """
    flags = {os.path.realpath(os.path.expanduser(path)): flag for path, flag in inputs.items()}
    for path in outputs:
        flag = flags.get(os.path.realpath(os.path.expanduser(path)))
        if flag:
            raise UserError(f"writing {path} would overwrite --{flag}; choose another output path")


def _choose(name: str, value: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if choice.lower() == str(value).lower():
            return choice
    raise UserError(f"--{name} must be one of {', '.join(choices)}; got '{value}'.{did_you_mean(str(value), choices)}")


def positive(value: float) -> str | None:
    """Accepts finite numbers above zero."""
    return None if math.isfinite(value) and value > 0 else "must be greater than 0"


def not_negative(value: float) -> str | None:
    """Accepts finite numbers from zero."""
    return None if math.isfinite(value) and value >= 0 else "must be 0 or greater"


def fraction(value: float) -> str | None:
    """Accepts 0 to 1, both included."""
    return None if 0 <= value <= 1 else "must be between 0 and 1"


def share(value: float) -> str | None:
    """Accepts what is above 0, and at most 1."""
    return None if 0 < value <= 1 else "must be greater than 0, and at most 1"


def between(minimum: int, maximum: int) -> Callable[[int], str | None]:
    """Accepts whole numbers from `minimum` to `maximum`."""
    return lambda value: None if minimum <= value <= maximum else f"must be from {minimum} to {maximum}"


def at_least(minimum: int) -> Callable[[float], str | None]:
    """Accepts numbers from `minimum`."""
    return lambda value: None if math.isfinite(value) and value >= minimum else f"must be at least {minimum}"
