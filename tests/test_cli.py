"""Commands: flags from a dataclass, one line for a user's mistake, the promised exit codes."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import pytest

from bert_tf2 import cli
from bert_tf2.errors import DirectoryInUseError, Interrupted, JobError, NonFiniteLossError, UserError
from bert_tf2.options import Options, at_least, fraction, option, positive, refused_option

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class CommandOptions(Options):
    size: int = option(3, "A size.", check=at_least(2), section="Sizes")
    rate: float | None = option(None, "A rate.", check=fraction)
    name: str = option("adamw", "A choice.", choices=("adamw", "lamb"), short_name="nm", other_names=("algorithm",))
    fast: bool = option(True, "A switch.")
    files: tuple[str, ...] = option((), "Repeated.", multiple=True)
    scale: float = option(1.0, "A scale.", check=positive)
    dead: bool = refused_option(False, "it does nothing", also_accepted=())
    harmless: bool = refused_option(False, "it happens anyway", also_accepted=(True,))


def run(*arguments, job=lambda options: None):
    return cli.run(job, CommandOptions, "Does something.", ["prog.py", *arguments])


def test_flags_become_fields():
    got = []
    assert run("--size=5", "--rate=0.5", "-nm=LAMB", "--nofast", "--files=a", "--files=b", "--harmless", job=got.append) == 0
    assert got == [CommandOptions(size=5, rate=0.5, name="lamb", fast=False, files=("a", "b"), harmless=True)]


def test_a_flag_has_the_names_of_other_originals(capsys):
    got = []
    assert run("--algorithm=LAMB", job=got.append) == 0
    assert got == [CommandOptions(name="lamb")]
    assert run("--help") == 0
    assert "--name, -nm, --algorithm <adamw|lamb>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--size=1", "--size must be at least 2; got 1"),
        ("--size=two", "two"),
        ("--rate=1.5", "--rate must be between 0 and 1; got 1.5"),
        ("--rate=nan", "--rate must be between 0 and 1; got nan"),
        ("--scale=inf", "--scale must be greater than 0; got inf"),
        ("--name=adam", "Did you mean 'adamw'?"),
        ("--sise=3", "Did you mean: size"),
        ("--dead", "--dead=True is refused: it does nothing"),
        ("file.tsv", "arguments must be flags (--name=value); got 'file.tsv'"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(capsys, argument, message):
    assert run(argument) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("ERROR: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("no"), 2),
        (JobError("no"), 1),
        (DirectoryInUseError("no"), 11),
        (NonFiniteLossError("no"), 12),
        (Interrupted("saved", 143), 143),
    ],
)
def test_exit_codes(capsys, error, code):
    def fail(_):
        raise error

    assert run(job=fail) == code
    assert capsys.readouterr().err == f"ERROR: {error}\n"


def test_a_defect_keeps_its_traceback():
    def fail(_):
        raise KeyError("defect")

    with pytest.raises(KeyError):
        run(job=fail)


def test_help_lists_every_flag_with_its_default(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert "Does something." in text
    for field in dataclasses.fields(CommandOptions):
        assert field.name in text
    assert "[default: adamw]" in text
    assert "--[no]fast" in text
    assert "Sizes:" in text


COMMANDS = [
    ["run_classifier.py"],
    ["run_squad.py"],
    ["run_pretraining.py"],
    ["data_prep/create_finetuning_data.py"],
    ["data_prep/create_pretraining_data.py"],
    ["-m", "bert_tf2.answer_questions"],
    ["-m", "bert_tf2.classify"],
    ["-m", "bert_tf2.convert_checkpoint"],
    ["-m", "bert_tf2.demo"],
    ["-m", "bert_tf2.entities"],
    ["-m", "bert_tf2.augment"],
    ["-m", "bert_tf2.fill_mask"],
    ["-m", "bert_tf2.score_squad"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_without_packages_a_command_says_how_to_install_them(command):
    # -S: without site-packages.
    done = subprocess.run([sys.executable, "-S", *command, "--help"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("ERROR: the packages absl, numpy, ")
    assert done.stderr.endswith(f"run pip install -e {ROOT}\n")


def test_a_program_without_packages_gets_an_import_error():
    done = subprocess.run([sys.executable, "-S", "-c", "import bert_tf2"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "ModuleNotFoundError: the packages absl" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[-1])
def test_help_into_a_pipe_that_is_closed(command):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, *command, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
