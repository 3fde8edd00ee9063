"""Commands: a frozen dataclass becomes absl flags; a user's mistake becomes one line and an exit code.

This is the only module that knows flags. Every command has its own `FlagValues`, so that several commands can live in
one process, and nothing heavy is imported before the flags are known to be right.
"""

import contextlib
import dataclasses
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from bert_tf2 import __version__, config_file, registry
from bert_tf2.config_file import Setting
from bert_tf2.errors import JobError, UserError
from bert_tf2.options import OptionInfo, Options, info, value_type
from bert_tf2.progress import SILENCE, Progress
from bert_tf2.runtime import at_work

# What absl reads on its own account; they work but are not options of a job.
_HELP_FLAGS = ("--help", "-h", "-help", "--helpfull", "--helpshort", "--help=true")
_CONFIG_HELP = (
    "A YAML or JSON file with the names of flags and their values, such as the run.yaml that a training leaves; may be repeated. "
    "What the command line says wins over it, and a later file over an earlier one."
)


def main(job: Callable[[Any], Any], options_class: type[Options], description: str, argv: Sequence[str] | None = None) -> None:
    """Parses the command line, runs the job and ends the process.

    Args:
      job: the function to call with an instance of `options_class`; the exit code of one that ends without an error is 0, or the
        `exit_code` of the dictionary it gives.
      options_class: a frozen dataclass on `bert_tf2.options.Options`, whose fields are made by `option`.
      description: what `--help` says first; usually the command's docstring.
      argv: the command line with the program's name first; `sys.argv` when None.

    The exit code is 0 for success and for `--help`, 2 for a wrong command, configuration or input file, 1 for a failed
    job (or the code of the `JobError`: 11 directory in use, 12 loss not finite, 130 Ctrl-C, 143 SIGTERM).
    """
    sys.exit(run(job, options_class, description, sys.argv if argv is None else argv))


def run(job: Callable[[Any], Any], options_class: type[Options], description: str, argv: Sequence[str]) -> int:
    """As `main`, but returns the exit code instead of ending the process."""
    program = os.path.basename(argv[0])
    try:
        told = _asked_for(program, options_class, description, argv)
        if told is not None:
            return _tell(told)
        # Whatever does not say itself what takes so long is not silent for longer than this.
        with at_work(), Progress(program, patience=SILENCE):
            result = job(parse(options_class, argv))
            sys.stdout.flush()
            return result.get("exit_code", 0) if isinstance(result, dict) else 0
    except (UserError, JobError) as error:
        # Messages quote a user's files; what would break the line is shown as its escape.
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(error))
        print(f"ERROR: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ERROR: interrupted; what was finished before is whole, and the same command does the rest", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _leave_closed_pipe()
        return 1


def _asked_for(program: str, options_class: type[Options], description: str, argv: Sequence[str]) -> str | None:
    """What a command line asks to be told instead of running the job."""
    if any(argument in _HELP_FLAGS for argument in argv[1:]):
        read_first(options_class, argv)
        return help_text(program, description, options_class)
    return f"bert_tf2 {__version__}" if "--version" in argv[1:] else None


def _tell(text: str) -> int:
    # Whoever reads may have seen enough: `--help | head`.
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)
        return 0
    _leave_closed_pipe()
    return 0


def _leave_closed_pipe() -> None:
    """Nobody reads standard output any more; without this Python tells of it once more at its end, with exit code 120."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_first(options_class: type[Options], argv: Sequence[str]) -> list[dict[str, Setting]]:
    """Reads the files of `--config`, and imports the modules of `--module_import` where there is that flag: they may add others.

    Returns:
      the settings of each file.

    Raises:
      UserError: there is no such file or module, or it cannot be used.
    """
    values = flags.FlagValues()
    values.set_gnu_getopt()
    for name in ("config", "module_import"):
        flags.DEFINE_multi_string(name, [], "", flag_values=values)
    try:
        values(list(argv), known_only=True)
    except flags.Error as error:
        raise UserError(f"{str(error).rstrip('.')}. See --help") from None
    settings = [config_file.read_settings(path) for path in values["config"].value]
    if "module_import" in {field.name for field in dataclasses.fields(options_class)}:
        for module in values["module_import"].value:
            registry.import_module(module)
        for one in settings if not values["module_import"].value else ():
            config_file.import_modules_of(one)
    return settings


def parse(options_class: type[Options], argv: Sequence[str]) -> Any:
    """Turns a command line, and the files of flags that it names, into a checked instance of `options_class`.

    Raises:
      UserError: an unknown flag, a value of the wrong type, a refused value, or arguments that are no flags.
    """
    settings = read_first(options_class, argv)
    options_class = options_class.whole()
    values = flags.FlagValues()
    for field in dataclasses.fields(options_class):
        _define(field, value_type(options_class, field), values)
    flags.DEFINE_multi_string("config", [], _CONFIG_HELP, flag_values=values)
    try:
        rest = values(list(argv))
    except flags.Error as error:
        raise UserError(f"{str(error).rstrip('.')}. See --help") from None
    if len(rest) > 1:
        raise UserError(f"arguments must be flags (--name=value); got '{rest[1]}'")
    given = {}
    for field in dataclasses.fields(options_class):
        if values[field.name].present:
            value = values[field.name].value
            given[field.name] = tuple(value) if info(field).multiple else value
    of_files = [config_file.given_by(options_class, one) for one in settings]
    return options_class(**config_file.merged(options_class, *of_files, given))


def help_text(program: str, description: str, options_class: type[Options]) -> str:
    """What `--help` prints: the description, then the flags under their sections, the command's own before those that other code
    adds and inherited ones."""
    options_class = options_class.whole()
    sections: dict[str, list[str]] = {}
    for field in sorted(dataclasses.fields(options_class), key=lambda field: _help_rank(field, options_class)):
        declared = info(field)
        sections.setdefault(options_class.heading(field), []).append(_flag_help(field, declared, options_class))
    lines = [textwrap.dedent(description).strip(), "", f"usage: {program} [--flag=value ...]"]
    for section, entries in sections.items():
        lines += ["", f"{section or 'Flags'}:", *entries]
    lines += ["", "Of every command:", _entry("--config <file>", _CONFIG_HELP)]
    return "\n".join(lines)


def _help_rank(field: dataclasses.Field, options_class: type[Options]) -> int:
    if info(field).refused_because is not None or info(field).ignored_because is not None:
        return 3
    if field.name in options_class.common().__annotations__:
        return 0
    return 1 if field.name in options_class.__annotations__ else 2


def _flag_help(field: dataclasses.Field, declared: OptionInfo, options_class: type[Options]) -> str:
    others = [*(f"-{name}" for name in [declared.short_name] if name), *(f"--{name}" for name in declared.other_names)]
    name = ", ".join([f"--{field.name}", *others])
    if declared.refused_because is not None:
        return f"  {name}: {declared.refused_because}"
    if declared.ignored_because is not None:
        return f"  {name}: {declared.ignored_because}"
    if value_type(options_class, field) is bool:
        name = name.replace("--", "--[no]", 1)
    kind = "|".join(declared.choices) or value_type(options_class, field).__name__
    default = "" if field.default in (None, "", ()) else f" [default: {field.default}]"
    return _entry(f"{name} <{kind}>", f"{declared.help}{default}")


def _entry(title: str, text: str) -> str:
    return f"  {title}\n" + textwrap.fill(text, 110, initial_indent="      ", subsequent_indent="      ")


def _define(field: dataclasses.Field, value_type: type, values: flags.FlagValues) -> None:
    declared = info(field)
    default: Any = field.default
    if declared.multiple and default is not None:
        default = list(default)
    define = {
        (str, False): flags.DEFINE_string,
        (int, False): flags.DEFINE_integer,
        (float, False): flags.DEFINE_float,
        (bool, False): flags.DEFINE_bool,
        (str, True): flags.DEFINE_multi_string,
    }[value_type, declared.multiple]
    define(field.name, default, declared.help, short_name=declared.short_name, flag_values=values)
    for name in declared.other_names:
        flags.DEFINE_alias(name, field.name, flag_values=values)
