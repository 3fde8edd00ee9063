"""Plug-ins by name, and users' modules brought by path or dotted name."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.registry import Registry, import_module


def test_names_are_found_without_regard_to_case():
    registry = Registry("task")
    registry.register("MRPC")(1)
    assert registry.get("mrpc") == 1
    assert registry.names() == ["MRPC"]


def test_an_unknown_name_says_what_to_do():
    registry = Registry("task")
    registry.register("MRPC")(1)
    with pytest.raises(
        UserError, match=r"unknown task 'MRCP'\. Did you mean 'MRPC'\? Known: MRPC\. Bring your own with --module_import"
    ):
        registry.get("MRCP")


def test_a_name_is_registered_once():
    registry = Registry("task")
    registry.register("MRPC")(1)
    with pytest.raises(UserError, match="registered twice"):
        registry.register("mrpc")(2)


def test_a_module_is_imported_once_by_path(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("VALUE = 7\n")
    module = import_module(str(path))
    assert module.VALUE == 7
    assert import_module(str(path)) is module
    assert import_module("json").loads("1") == 1


@pytest.mark.parametrize("name", ["no/such/file.py", "no_such_module", "json.no_such_module"])
def test_a_missing_module_is_a_users_mistake(name):
    with pytest.raises(UserError, match="--module_import: no"):
        import_module(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\ndef f(:\n", r"module\.py:2: SyntaxError: "),
        ("x = 1\n1 / 0\n", r"module\.py:2: ZeroDivisionError: division by zero; mend it there"),
        ("import no_such_module_at_all\n", r"module\.py:1: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("import sys\nsys.exit(3)\n", r"module\.py:2: SystemExit: 3"),
    ],
)
def test_a_module_that_fails_is_told_with_its_line(tmp_path, content, message):
    path = tmp_path / "module.py"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        import_module(str(path))


def test_a_relative_name_is_refused():
    with pytest.raises(UserError, match=r"--module_import must be a file, path/to/file\.py, or a dotted name, .*; got '\.'"):
        import_module(".")
