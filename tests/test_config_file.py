"""Files of flags: read as a command line is, told by file and line where they are wrong, written so that they are read again."""

import dataclasses
import json
import pathlib

import pytest

from bert_tf2 import cli
from bert_tf2.config_file import given_by, merged, options_of_file, read_settings, settings_text
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import Options, at_least, option, refused_option
from bert_tf2.tasks.kind import kinds

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class CommandOptions(Options):
    size: int = option(3, "A size.", check=at_least(2))
    rate: float | None = option(None, "A rate.")
    name: str = option("adamw", "A choice.", choices=("adamw", "lamb"), short_name="nm", other_names=("algorithm",))
    fast: bool = option(True, "A switch.")
    slow: bool | None = option(None, "A switch that may be left open.")
    language: str | None = option(None, "A text.")
    paths: str | None = option(None, "Several texts.", comma_separated=True)
    modules: tuple[str, ...] = option((), "Repeated.", multiple=True)
    scale: str | float | None = option(None, "A text or a number.")
    dead: bool = refused_option(False, "it does nothing")
    model_dir: str | None = option(None, "A directory.")
    output_dir: str | None = option(None, "The same.", same_as="model_dir")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command on a file of flags and returns the exit code and the options."""
    monkeypatch.chdir(tmp_path)

    def command(text, *arguments):
        (tmp_path / "run.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        got = [None]
        code = cli.run(got.append, CommandOptions, "", ["prog.py", "--config=run.yaml", *arguments])
        return code, got[-1]

    return command


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("size: 5\nrate: 5e-5\nname: LAMB\nfast: false\n", {"size": 5, "rate": 5e-5, "name": "lamb", "fast": False}),
        ("rate: 1\nfast: off\nslow: yes\n", {"rate": 1.0, "fast": False, "slow": True}),
        # What YAML 1.1 makes a truth value, a date, minutes or a rounded number of.
        ("language: no\npaths: 2024-01-02\nscale: 1.10\n", {"language": "no", "paths": "2024-01-02", "scale": "1.10"}),
        ("language: 1:30\n", {"language": "1:30"}),
        ("language: null\nsize: ~\nrate:\n", {}),
        ("language: 'null'\n", {"language": "null"}),
        ("paths: [a.tsv, b.tsv]\nmodules:\n- a.py\n- b.py\n", {"paths": "a.tsv,b.tsv", "modules": ("a.py", "b.py")}),
        ("paths: a,b\nmodules: a.py\n", {"paths": "a,b", "modules": ("a.py",)}),
        ("algorithm: lamb\n", {"name": "lamb"}),
        ("nm: lamb\n", {"name": "lamb"}),
        ("{}", {}),
        ("\ufeffsize: 4\r\nfast: no\r\n", {"size": 4, "fast": False}),
        ("# a comment\n---\nsize: 4 # another\n", {"size": 4}),
        (json.dumps({"size": 4, "language": "a/b 🎬", "slow": None}, indent="\t"), {"size": 4, "language": "a/b 🎬"}),
        ("size: &s 4\nlanguage: *s\n", {"size": 4, "language": "4"}),
    ],
)
def test_a_file_says_what_a_command_line_says(run, text, options):
    assert run(text) == (0, CommandOptions(**options))


def test_the_command_line_wins(run):
    text = "size: 5\nname: lamb\nfast: false\nmodules: [a, b]\noutput_dir: old\n"
    # With the value of the default, too, and by other names.
    code, options = run(text, "--size=3", "--algorithm=adamw", "--fast", "--modules=c", "--model_dir=new")
    assert (code, options) == (0, CommandOptions(modules=("c",), model_dir="new"))


def test_a_later_file_wins_over_an_earlier_one_and_flagfiles_are_taken(run, tmp_path):
    (tmp_path / "more.json").write_text('{"size": 7, "output_dir": "there"}')
    (tmp_path / "flags").write_text("--config=more.json\n--fast=false\n")
    code, options = run("size: 5\nrate: 2\nmodel_dir: here\n", "--flagfile=flags")
    assert (code, options) == (0, CommandOptions(size=7, rate=2.0, output_dir="there", fast=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size: 3\n\nsise: 4\n", "run.yaml:3: unknown flag 'sise'. Did you mean 'size'? See --help"),
        ("nofast: true\n", "run.yaml:1: unknown flag 'nofast'; write fast: false"),
        ("size: 3\nfast: true\nsize: 4\n", "run.yaml:3: 'size' stands there twice, first on line 1; keep one"),
        ('{"size": 3,\n "size": 3}', "run.yaml:2: 'size' stands there twice, first on line 1; keep one"),
        ("name: lamb\nalgorithm: lamb\n", "run.yaml:2: 'name' and 'algorithm' are two names of one flag; keep one"),
        ("fast: true\nsize: two\n", "run.yaml:2: --size must be a whole number; got 'two'"),
        ("size: 2.5\n", "run.yaml:1: --size must be a whole number; got '2.5'"),
        ("size: true\n", "run.yaml:1: --size must be a whole number; got 'true'"),
        ("rate: fast\n", "run.yaml:1: --rate must be a number; got 'fast'"),
        ("fast: perhaps\n", "run.yaml:1: --fast must be True or False; got 'perhaps'"),
        ("size: 1\n", "run.yaml:1: --size must be at least 2; got 1"),
        ("name: adam\n", "run.yaml:1: --name must be one of adamw, lamb; got 'adam'. Did you mean 'adamw'?"),
        ("dead: true\n", "run.yaml:1: --dead=True is refused: it does nothing"),
        ("size: [1, 2]\n", "run.yaml:1: --size takes one value; got a list of 2"),
        ("paths: ['a,b', c]\n", "run.yaml:1: --paths is separated by commas, so none can stand in a value; got 'a,b'"),
        ("size: 3\nrate:\n  start: 1\n", "run.yaml:3: 'rate' has a mapping; the value of a flag is a text, a number, true"),
        ("paths: [a, [b]]\n", "run.yaml:1: 'paths' has in its list a list; the value"),
        ("paths: &p [*p]\n", "run.yaml:1: 'paths' has in its list a list; the value"),
        ("paths: [a, null]\n", "run.yaml:1: 'paths' has in its list null; leave it out"),
        ("language: !!python/object/apply:os.system [ls]\n", "run.yaml:1: --language takes one value; got a list of 1"),
        ("language: !!python/name:os.system x\n", "run.yaml:1: 'language' has the tag !!python/name:os.system; write the value"),
        ("? [a, b]\n: 1\n", "run.yaml:1: the name of a flag must be a word"),
        ("config: other.yaml\n", "run.yaml:1: a file of flags names no other ('config'); --config is for the command line"),
        ("flagfile: other\n", "run.yaml:1: a file of flags names no other ('flagfile')"),
        ("", "run.yaml must hold the names of flags with their values, such as learning_rate: 3e-5; it holds nothing"),
        ("- size: 3\n", "it holds a list"),
        ("--size=3\n", "it holds '--size=3'"),
        ("size: 3\nname: 'lamb\n", "run.yaml:2: not valid YAML: found unexpected end of stream"),
        ("size: 3\n\tname: lamb\n", "run.yaml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("size: 3\n---\nsize: 4\n", "run.yaml:2: not valid YAML: but found another document"),
        ("size: 3\nlanguage: a\x07\n", "run.yaml:2: not valid YAML: it holds the character U+0007"),
        ("language: " + "[" * 1200, "run.yaml: not valid YAML: it is nested too deeply"),
        (b"size: 3\nlanguage: caf\xe9\n", "run.yaml:2: "),
        ("size: 3\n".encode("utf-16"), "run.yaml:1: the file is UTF-16; save it as UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line_and_exit_code_2(run, capsys, text, message):
    assert run(text) == (2, None)
    told = capsys.readouterr().err
    assert told.startswith("ERROR: ")
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.yaml", "--config: no such file: nowhere.yaml (in .: run.yaml)"),
        (".", "--config: no such file: . (it is a directory)"),
    ],
)
def test_a_file_that_is_not_there(run, capsys, path, message):
    assert run("size: 3\n", f"--config={path}") == (2, None)
    assert message in capsys.readouterr().err


def test_a_file_names_a_module_and_gives_its_flags(tmp_path):
    kinds.names()
    known = dict(kinds._plugins)
    path = tmp_path / "run.yaml"
    path.write_text(f"stars: 4\nmodule_import: {ROOT}/docs/examples/rating.py\nfine_tuning_task_type: rating\n")
    try:
        options = cli.parse(FinetuningDataOptions, ["create_finetuning_data.py", f"--config={path}"])
    finally:
        kinds._plugins.clear()
        kinds._plugins.update(known)
    assert (options.fine_tuning_task_type, options.stars) == ("rating", 4)
    path.write_text("stars: 4\nmodule_import: [nowhere.py]\n")
    with pytest.raises(UserError, match=r"run\.yaml:2: --module_import: no such file"):
        cli.parse(FinetuningDataOptions, ["create_finetuning_data.py", f"--config={path}"])


def test_the_same_file_in_python(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("output_dir: model\ntrain_batch_size: 16\nlearning_rate: 1e-4\n")
    options = options_of_file(TrainingOptions, str(path), model_dir="other", train_batch_size=8)
    assert options == TrainingOptions(model_dir="other", train_batch_size=8, learning_rate=1e-4)
    with pytest.raises(UserError, match="unknown option 'train_batch'"):
        options_of_file(TrainingOptions, str(path), train_batch=8)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"size": 5, "rate": 1e-6, "fast": False, "slow": True, "modules": ("a.py", "b c.py")},
        {"language": "no", "paths": "a,b", "scale": "1e3", "model_dir": "~/a: b #c"},
        {"language": "null", "paths": "", "model_dir": "größe 🎬\n'x'", "scale": "0x10"},
    ],
)
def test_what_is_written_is_read_again(tmp_path, given):
    options = CommandOptions(**given)
    names = [field.name for field in dataclasses.fields(options) if field.name != "dead"]
    path = tmp_path / "run.yaml"
    path.write_text(settings_text(["bert_tf2"], options, names), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# bert_tf2\n\n# Flags\nsize: ")
    read = given_by(CommandOptions, read_settings(str(path)))
    assert CommandOptions(**read) == options
    assert set(read) == {name for name in names if getattr(options, name) is not None}


def test_every_other_name_is_of_an_option():
    names = {field.name for field in dataclasses.fields(TrainingOptions)}
    same = {field.metadata["option"].same_as for field in dataclasses.fields(TrainingOptions)} - {None}
    assert same == {"model_dir", "tpu", "steps_per_loop"} <= names
    assert merged(TrainingOptions, {"tpu": "a", "model_dir": "m"}, {"tpu_name": "b"}) == {"model_dir": "m", "tpu_name": "b"}
