"""The documents say what the commands do."""

import collections
import dataclasses
import re
import runpy

import document_pages as pages
import pytest

from bert_tf2.options import info
from bert_tf2.tasks.kind import kinds

MOST_LINES_OF_THE_README = 220


@pytest.fixture(scope="module")
def flags_module():
    return runpy.run_path(str(pages.ROOT / "docs" / "make_flags.py"))


@pytest.fixture(scope="module")
def flags_by_program(flags_module):
    """The flags of each command, by what runs it."""
    return {
        command.removeprefix("python -m "): {"help", "config", "flagfile"}.union(
            *((field.name, *info(field).other_names) for field in dataclasses.fields(options.whole()))
        )
        for command, options in flags_module["COMMANDS"].items()
    }


def test_the_flags_page_is_current(flags_module):
    assert (pages.ROOT / "docs" / "flags.md").read_text(encoding="utf-8") == flags_module["flags_page"](), (
        "run python docs/make_flags.py"
    )


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_flag_that_a_page_names_exists(flags_by_program, page):
    # The benchmarks have flags of their own.
    known = set().union(*flags_by_program.values())
    prose = re.sub(r"^ *```.*?^ *```$", "", pages.read(page), flags=re.M | re.S)
    text = re.sub(r"`[^`]*`", lambda code: "" if "benchmark" in code[0] else code[0], prose)
    assert {name for name in re.findall(r"--([a-z][a-z0-9_]+)", text) if not _is_in(name, known)} == set()


def test_every_command_has_the_flags_that_it_is_given(flags_by_program):
    """A flag in a block of commands is one of that very command; only the kinds of task that outside files register add more."""
    for command in pages.all_commands():
        if command.text.startswith("python ") and "--module_import=" not in command.text:
            names = {argument[2:].partition("=")[0] for argument in command.arguments if argument.startswith("--")}
            unknown = {name for name in names if not _is_in(name, flags_by_program[command.program])}
            assert unknown == set(), f"{command.where}: {command.program} has no such flags"


def test_the_readme_lists_every_command(flags_by_program):
    listed = re.findall(r"^\| `(?:python -m )?([\w./]+)` \|", pages.read("README.md"), re.M)
    assert sorted(listed) == sorted(flags_by_program)


def test_every_kind_of_task_is_on_a_page():
    text = "".join(map(pages.read, pages.PAGES))
    named = set(re.findall(r"--fine_tuning_task_type=(\w+)", text))
    # One is meant where none is named, the other has a flag of its own.
    named |= {"classification", "multi_label"}
    assert set(kinds.names()) <= named


def _is_in(name, known):
    return name in known or name.removeprefix("no") in known


def test_every_command_is_run_by_a_test():
    """`test_docs_commands.py` runs the blocks of `bash`, except what `NOT_RUN` names; so commands stand nowhere else."""
    for page in pages.PAGES:
        for block in pages.blocks(page):
            assert block.language in pages.LANGUAGES, f"{page}:{block.line}: a block is {' or '.join(sorted(pages.LANGUAGES))}"
            if block.language == "text":
                assert not re.search(r"^\s*(python|make|pip|bert-tf2-\w+) ", block.text, re.M), f"{page}:{block.line} is bash"
        prose = re.sub(r"^ *```.*?^ *```$", "", pages.read(page), flags=re.M | re.S)
        # `python -m NAME` alone is a name; with flags, or set apart, it is a command.
        assert re.findall(r"^ {4,}(?:python|make|pip) .*", prose, re.M) == [], f"{page}: commands stand in blocks of bash"
        found = re.findall(r"`((?:python|[\w/]+\.py|bert-tf2-[\w-]+) [^`]*--[^`]*)`", prose)
        assert [command for command in found if "benchmarks/" not in command] == [], f"{page}: commands stand in blocks of bash"


def test_what_is_not_run_is_there_and_what_runs_the_like_exists():
    commands = pages.all_commands()
    for piece, reason in pages.NOT_RUN.items():
        assert any(piece in command.text for command in commands), f"{piece} stands on no page"
        assert (pages.ROOT / reason.rpartition(": ")[2]).is_file(), reason


def test_every_page_is_in_the_index():
    listed = re.findall(r"^\| \[([a-z_]+\.md)\]\(\1\) \|", pages.read("docs/index.md"), re.M)
    there = [page.name for page in (pages.ROOT / "docs").glob("*.md") if page.name != "index.md"]
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_link_leads_somewhere(page):
    folder = (pages.ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.read(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (folder / path).resolve() if path else pages.ROOT / page
        assert file.is_file(), f"{page}: {target}"
        if anchor:
            assert anchor in _anchors(file.read_text(encoding="utf-8")), f"{page}: {target}"


def _anchors(text):
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_file_that_a_page_names_exists(page):
    named = set(re.findall(r"(?<![\w/])(?:data_prep|docs|benchmarks)/[a-z_/]+\.(?:py|md)|\brun_[a-z]+\.py", pages.read(page)))
    # Programs of others.
    named -= {"run_glue.py", "run_race.py", "run_ner.py"}
    assert [name for name in sorted(named) if not (pages.ROOT / name).is_file()] == []


def test_the_readme_is_short():
    assert pages.read("README.md").count("\n") <= MOST_LINES_OF_THE_README


def test_nothing_is_said_twice():
    """No sentence of prose stands on two pages."""
    places = collections.defaultdict(set)
    for page in pages.PAGES:
        prose = re.sub(r"^ *```.*?^ *```$", "", pages.read(page), flags=re.M | re.S)
        for sentence in re.split(r"(?<=[.:;])\s+|\n\n+", prose):
            if len(sentence) > 80:
                places[" ".join(sentence.split())].add(page)
    assert {sentence: found for sentence, found in places.items() if len(found) > 1} == {}
