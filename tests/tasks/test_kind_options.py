"""Options of all kinds of task together: what a kind adds, what two share, what is refused."""

import copy
import dataclasses
import pickle
from typing import ClassVar

import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.options import Options, option
from bert_tf2.tasks import kind_options
from bert_tf2.tasks.kind import Kind, Kinds
from bert_tf2.tasks.kind_options import KindOptions, kinds_of, refuse_options_of_others


@dataclasses.dataclass(frozen=True)
class Common(KindOptions):
    """What all kinds have."""

    part: ClassVar[str] = "data_options"
    chooses: ClassVar[str] = "kind"

    kind: str = option("reading", "The kind.", section="Kind")
    module_import: tuple[str, ...] = option((), "Modules.", multiple=True)


@dataclasses.dataclass(frozen=True)
class Shared(Options):
    """What two kinds share."""

    column: str | None = option(None, "A column.", section="Columns")


@dataclasses.dataclass(frozen=True)
class Counting(Shared):
    """Of one kind alone."""

    base: int = option(10, "Of numbers.", section="Numbers")


@pytest.fixture
def kinds(monkeypatch):
    """A table with the kinds reading and counting, which is the one that options are made by."""
    kinds = Kinds()
    monkeypatch.setattr(kinds, "load", lambda: None)
    monkeypatch.setattr(kind_options, "kinds", kinds)
    for name, options in (("reading", Shared), ("counting", Counting), ("guessing", None)):
        kinds.register(name)(type(name.title(), (Kind,), {"task_type": f"bert_{name}", "data_options": options}))
    return kinds


def test_an_instance_has_the_options_of_all_kinds(kinds):
    options = Common(kind="Counting", column="a", base=2)
    assert isinstance(options, Common)
    assert (options.kind, options.column, options.base) == ("counting", "a", 2)
    assert {field.name: kinds_of(field) for field in dataclasses.fields(options)} == {
        "kind": (),
        "module_import": (),
        "column": ("counting", "reading"),
        "base": ("counting",),
    }
    assert options == cli.parse(Common, ["command", "--kind=counting", "--column=a", "--base=2"])
    assert dataclasses.replace(options, base=3).base == 3


def test_an_instance_can_be_copied_and_pickled():
    options = FinetuningDataOptions(text_column="a", doc_stride=3)
    assert pickle.loads(pickle.dumps(options)) == copy.deepcopy(options) == options


def test_what_no_kind_has_is_refused(kinds):
    with pytest.raises(UserError, match=r"unknown option 'bse'\. Did you mean 'base'\? The options are those of Common"):
        Common(bse=2)
    with pytest.raises(UserError, match="--kind must be one of counting, guessing, reading; got 'writing'"):
        Common(kind="writing")


def test_an_option_of_other_kinds_is_refused(kinds):
    refuse_options_of_others(Common(column="a"), kinds.get("reading"))
    with pytest.raises(UserError, match="--base belongs to --kind=counting; it can do nothing for reading"):
        refuse_options_of_others(Common(column="a", base=2), kinds.get("reading"))
    with pytest.raises(UserError, match="--column belongs to --kind=counting or reading; it can do nothing for guessing"):
        refuse_options_of_others(Common(column="a"), kinds.get("guessing"))


def test_help_lists_an_option_under_its_kinds(kinds):
    said = cli.help_text("command", "", Common)
    assert "Columns (--kind=counting or reading):\n  --column <str>" in said
    assert "Numbers (--kind=counting):\n  --base <int>" in said
    assert "--kind <counting|guessing|reading>" in said
    assert said.index("--kind") < said.index("Columns (")


def test_two_kinds_that_declare_an_option_differently_are_told(kinds):
    other = dataclasses.make_dataclass(
        "Other", [("base", int, option(16, "Of numbers.", section="Numbers"))], bases=(Options,), frozen=True
    )
    kinds.register("hexing")(type("Hexing", (Kind,), {"task_type": "bert_hexing", "data_options": other}))
    with pytest.raises(UserError, match="the kinds of task 'counting' and 'hexing' declare --base differently"):
        Common()


def test_a_kind_that_declares_what_all_have_is_told(kinds):
    other = dataclasses.make_dataclass("Other", [("kind", str, option("", "x"))], bases=(Options,), frozen=True)
    kinds.register("kinding")(type("Kinding", (Kind,), {"task_type": "bert_kinding", "data_options": other}))
    with pytest.raises(UserError, match="the kind of task 'kinding' declares --kind, which all kinds have"):
        Common()


OUTSIDER = """
import dataclasses
from bert_tf2.options import Options, option
from bert_tf2.tasks.kind import Kind
from bert_tf2.tasks.kind_options import kinds

@dataclasses.dataclass(frozen=True)
class Flags(Options):
    loudness: int = option(3, "How loud.", section="Loud")

@kinds.register("shouting")
class Shouting(Kind):
    task_type = "bert_shouting"
    data_options = Flags
"""


def test_a_module_brings_a_kind_with_its_flags(kinds, tmp_path, capsys):
    module = tmp_path / "shouting.py"
    module.write_text(OUTSIDER)
    said = []
    arguments = ["command", "--loudness", "5", f"--module_import={module}", "--kind=shouting"]
    assert cli.run(said.append, Common, "", arguments) == 0
    assert (said[0].kind, said[0].loudness) == ("shouting", 5)
    assert cli.run(said.append, Common, "", ["command", f"--module_import={module}", "--help"]) == 0
    assert "Loud (--kind=shouting):\n  --loudness <int>" in capsys.readouterr().out
    assert Common(module_import=module, loudness=1).loudness == 1
    assert cli.run(said.append, Common, "", ["command", f"--module_import={tmp_path}/none.py"]) == 2
    assert "--module_import: no such file" in capsys.readouterr().err
