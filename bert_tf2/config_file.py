"""Files of flags: what a command line says, in YAML (JSON is YAML too), so that it can be kept and given again.

A value is read as a command line reads it: from the text as it stands there, by the option's type. So `no` stays a language where
a text is wanted, and `5e-5` is a number, which YAML 1.1 takes for a truth value and for a text.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files, registry
from bert_tf2.data.sources.yaml_tree import composed, scalar_text
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.options import Options, checked, info, value_type

if TYPE_CHECKING:
    import yaml

_Options = TypeVar("_Options", bound=Options)
_ELSEWHERE = ("config", "flagfile")
_TRUTHS = {True: ("true", "yes", "on", "t", "1"), False: ("false", "no", "off", "f", "0")}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a file says of a flag.

    Attributes:
      name: the flag's, or another name of it.
      value: its text, the texts of a list, or None where it is not given.
      place: file and line.
    """

    name: str
    value: str | tuple[str, ...] | None
    place: str


def options_of_file(options_class: type[_Options], path: str, **others: Any) -> _Options:
    """The options that a file of flags gives.

    Args:
      options_class: of the command, such as `ClassifierOptions`.
      path: a file that the command's `--config` takes.
      others: options that win over the file's.

    Raises:
      UserError: the file cannot be used, or an option is refused.
    """
    settings = read_settings(path)
    import_modules_of(settings)
    return options_class(**merged(options_class, given_by(options_class, settings), others))


def read_settings(path: str) -> dict[str, Setting]:
    """What a file of flags says, by name, whatever the command.

    Raises:
      UserError: there is no such file, or it is no mapping of names to values; the message names the line.
    """
    import yaml

    path = files.require_file(path, "config")
    root = composed(path)
    if not isinstance(root, yaml.MappingNode):
        what = "nothing" if root is None else "a list" if isinstance(root, yaml.SequenceNode) else f"'{root.value[:60]}'"
        raise UserError(f"{path} must hold the names of flags with their values, such as learning_rate: 3e-5; it holds {what}")
    found: dict[str, Setting] = {}
    for key, value in root.value:
        place = f"{path}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{place}: the name of a flag must be a word")
        name = key.value
        if name in found:
            raise UserError(
                f"{place}: '{name}' stands there twice, first on line {found[name].place.rpartition(':')[2]}; keep one"
            )
        if name in _ELSEWHERE:
            raise UserError(
                f"{place}: a file of flags names no other ('{name}'); --{name} is for the command line, once for each file"
            )
        found[name] = Setting(name, _value(value, f"{path}:{value.start_mark.line + 1}: '{name}'"), place)
    return found


def _value(node: "yaml.Node", what: str) -> str | tuple[str, ...] | None:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        texts = []
        for one in node.value:
            text = scalar_text(one, f"{what} has in its list")
            if text is None:
                raise UserError(f"{what} has in its list null; leave it out")
            texts.append(text)
        return tuple(texts)
    return scalar_text(node, f"{what} has")


def import_modules_of(settings: Mapping[str, Setting]) -> None:
    """Imports what `module_import` names: the modules may add options.

    Raises:
      UserError: there is no such module.
    """
    setting = settings.get("module_import")
    if setting is None or setting.value is None:
        return
    for module in (setting.value,) if isinstance(setting.value, str) else setting.value:
        try:
            registry.import_module(module)
        except UserError as error:
            raise UserError(f"{setting.place}: {error}") from error


def given_by(options_class: type[Options], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """The options that settings give, by name, each checked; what is null is not given.

    Raises:
      UserError: there is no such flag, or its value is refused; the message names file and line.
    """
    options_class = options_class.whole()
    given: dict[str, Any] = {}
    places: dict[str, Setting] = {}
    for setting in settings.values():
        field = named(setting.name, options_class, setting.place)
        former = places.setdefault(field.name, setting)
        if former is not setting:
            raise UserError(f"{setting.place}: '{former.name}' and '{setting.name}' are two names of one flag; keep one")
        if setting.value is None:
            continue
        try:
            given[field.name] = read_value(options_class, field, setting.value)
        except UserError as error:
            raise UserError(f"{setting.place}: {error}") from None
    return given


def named(name: str, options_class: type[Options], place: str) -> dataclasses.Field:
    """The option that a file means by a name.

    Args:
      name: its own, or another one of it.
      options_class: of the command, whole.
      place: file and line.

    Raises:
      UserError: there is none.
    """
    fields: dict[str, dataclasses.Field] = {}
    for field in dataclasses.fields(options_class):
        names = (field.name, *info(field).other_names, *filter(None, [info(field).short_name]))
        fields |= dict.fromkeys(names, field)
    if name not in fields:
        raise UserError(f"{place}: {_unknown(name, fields, options_class)}")
    return fields[name]


def read_value(options_class: type[Options], field: dataclasses.Field, text: str | tuple[str, ...]) -> Any:
    """The value of an option from its text, as a command line reads it, or from the texts of a list.

    Raises:
      UserError: it is refused.
    """
    return checked(options_class, field, _converted(field, value_type(options_class, field), text))


def _unknown(name: str, fields: Mapping[str, dataclasses.Field], options_class: type[Options]) -> str:
    switch = fields.get(name.removeprefix("no"))
    if switch is not None and value_type(options_class, switch) is bool:
        return f"unknown flag '{name}'; write {switch.name}: false"
    return f"unknown flag '{name}'.{did_you_mean(name, fields)} See --help"


def _converted(field: dataclasses.Field, kind: type, value: str | tuple[str, ...]) -> Any:
    """A value of the option's type; a text that is none stays one, which the option refuses."""
    if isinstance(value, tuple):
        return value if info(field).multiple else _joined(field, value)
    if kind is bool:
        return next((truth for truth, words in _TRUTHS.items() if value.lower() in words), value)
    try:
        return kind(value)
    except ValueError:
        return value


def _joined(field: dataclasses.Field, values: tuple[str, ...]) -> str:
    if not info(field).comma_separated:
        raise UserError(f"--{field.name} takes one value; got a list of {len(values)}")
    for value in values:
        if "," in value:
            raise UserError(f"--{field.name} is separated by commas, so none can stand in a value; got '{value}'")
    return ",".join(values)


def merged(options_class: type[Options], *given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of several origins, by name: each wins over those before it, under another name of the same thing too."""
    same_as = {field.name: info(field).same_as for field in dataclasses.fields(options_class.whole())}

    def meaning(name: str) -> str:
        return same_as.get(name) or name

    result: dict[str, Any] = {}
    for options in given:
        replaced = set(map(meaning, options))
        result = {name: value for name, value in result.items() if meaning(name) not in replaced} | dict(options)
    return result


def settings_text(header: Iterable[str], options: Options, names: Sequence[str]) -> str:
    """A file of flags that gives options as they are; those that are None are left out.

    Args:
      header: lines of a comment in front.
      options: to be given.
      names: which of them.
    """
    import yaml

    sections: dict[str, dict[str, Any]] = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in names and value is not None:
            section = sections.setdefault(type(options).heading(field) or "Flags", {})
            section[field.name] = list(value) if isinstance(value, tuple) else value
    parts = ["".join(f"# {line}\n" for line in header)]
    for title, values in sections.items():
        text = yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1 << 20, default_flow_style=False)
        parts.append(f"# {title}\n{text}")
    return "\n".join(parts)
