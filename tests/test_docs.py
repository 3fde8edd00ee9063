"""The documents say what the commands do."""

import dataclasses
import pathlib
import re
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def flags_module():
    return runpy.run_path(str(ROOT / "docs" / "make_flags.py"))


def test_the_flags_page_is_current(flags_module):
    assert (ROOT / "docs" / "flags.md").read_text(encoding="utf-8") == flags_module["flags_page"](), (
        "run python docs/make_flags.py"
    )


@pytest.mark.parametrize("page", ["README.md", "docs/comparison.md", "docs/pretraining.md"])
def test_every_flag_that_a_page_names_exists(flags_module, page):
    known = {field.name for options in flags_module["COMMANDS"].values() for field in dataclasses.fields(options)} | {"help"}
    # The benchmarks have flags of their own, and so has Beam.
    known |= {"direct_running_mode", "direct_num_workers"}
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"`[^`]*`", lambda code: "" if "benchmark" in code[0] else code[0], text)
    named = set(re.findall(r"--([a-z][a-z0-9_]+)", text))
    assert {name for name in named if name not in known and name.removeprefix("no") not in known} == set()


def test_every_file_that_the_readme_names_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:data_prep|docs|benchmarks)/[a-z_]+\.(?:py|md)", text)) | {"run_classifier.py", "Makefile"}
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_readmes_processor_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.split("for rows of a label and a text:")[1].split("(and `get_dev_examples`")[0]
    (tmp_path / "train.tsv").write_text("game\tnew console\nfashion\tred shoes\n", encoding="utf-8")
    namespace: dict = {}
    exec(compile(re.sub(r"^    ", "", code, flags=re.M), "README.md", "exec"), namespace)
    examples = list(namespace["ShoppingProcessor"]().get_train_examples(str(tmp_path)))
    assert [(example.label, example.text_a) for example in examples] == [("game", "new console"), ("fashion", "red shoes")]
