"""Every command and every block of Python in the documentation runs, in the pages' order, on small files and a tiny model."""

import io
import logging
import pathlib
import re
import runpy
import shlex
import subprocess
import sys

import document_material as material
import document_pages as pages
import pytest

from bert_tf2.tasks.kind import kinds

# What would take long, or needs devices, in a form that does neither.
REPLACED = [
    (r"--num_train_steps=\d+", "--num_train_steps=4"),
    (r"--eval_every_steps=\d+", "--eval_every_steps=2"),
    (r"--num_warmup_steps=\d+", "--num_warmup_steps=2"),
    (r"ckpt-\d+", "ckpt-4"),
    (r"--num_gpus=4", "--num_logical_cpus=2"),
]
# What a module registers stays in its process; devices are divided before TensorFlow is used.
IN_A_PROCESS = ("--module_import=", "--num_logical_cpus=")
# Programs that commands leave are not this package's.
LEFT_BEHIND = ("exported/",)
# What commands without a text read from the terminal.
TYPED = "the movie was [MASK]\n"


class Reader:
    """Somebody who types what a page says, block by block."""

    def __init__(self, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
        self.directory, self.monkeypatch, self.capsys = directory, monkeypatch, capsys
        self.names: dict = {}
        self.flags_above: dict[str, list[str]] = {}
        self.fresh = 0

    def read(self, block: pages.Block) -> None:
        """Does what a block says; output in `text` and data in `json` are only looked at."""
        if block.saved_as:
            (self.directory / block.saved_as).write_text(block.text, encoding="utf-8")
        if block.language == "python":
            exec(compile(block.text, f"{block.page}:{block.line}", "exec"), self.names)
            printed = self.capsys.readouterr().out.splitlines()
            for line in re.findall(r"print\(error\)  # (.*)", block.text):
                assert line in printed
        for command in pages.commands(block) if block.language == "bash" else ():
            if command.why_not_run is None:
                self.run(command)

    def run(self, command: pages.Command) -> None:
        """Runs a command, which must succeed."""
        text = command.text
        for pattern, replacement in REPLACED:
            text = re.sub(pattern, replacement, text)
        if not text.startswith("python "):
            self._run_in_a_process(command.where, ["bash", "-euo", "pipefail", "-c", text])
            return
        program, flags = command.program, pages.Command(command.where, text).arguments
        if "…" in flags:
            flags = self._with_those_above(program, [flag for flag in flags if flag != "…"])
        elif not any(flag in flags for flag in ("--mode=eval", "--mode=predict", "--mode=export_only")):
            self.flags_above[program] = flags
        if any(flag.startswith(IN_A_PROCESS) for flag in flags) or program.startswith(LEFT_BEHIND):
            self._run_in_a_process(command.where, [sys.executable, program, *flags])
        else:
            self._run_here(command.where, program, flags)

    def _run_in_a_process(self, where: str, arguments: list[str]) -> None:
        done = subprocess.run(arguments, cwd=self.directory, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {shlex.join(arguments)}\n{done.stderr[-3000:]}"

    def _run_here(self, where: str, program: str, flags: list[str]) -> None:
        self.monkeypatch.setattr(sys, "argv", [program, *flags])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(TYPED))
        with pytest.raises(SystemExit) as ended:
            _run_program(program)
        assert ended.value.code == 0, f"{where}: {shlex.join(sys.argv)}\n{self.capsys.readouterr().err[-3000:]}"

    def _with_those_above(self, program: str, flags: list[str]) -> list[str]:
        """`…` stands for the flags of the training above, in another directory where these say something else."""
        above = self.flags_above[program]
        self.fresh += 1
        directory = next((flag.split("=")[0] for flag in above if flag.startswith(("--model_dir=", "--output_dir="))), None)
        elsewhere = [f"{directory}=fresh_{self.fresh}"] if directory else []
        return [*above, *elsewhere, *flags]


def _run_program(program: str) -> None:
    if program.endswith(".py"):
        runpy.run_path(str(pages.ROOT / program), run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__")


@pytest.fixture
def directory(tmp_path, monkeypatch, tiny_vocabulary, tiny_config_dict):
    # Patterns may hold vectors, which have the places of free tokens.
    vocabulary = [*tiny_vocabulary, *(f"[unused{number}]" for number in range(12))]
    material.write_material(tmp_path, vocabulary, tiny_config_dict | {"vocab_size": len(vocabulary)})
    (tmp_path / "data_prep").symlink_to(pages.ROOT / "data_prep")
    (tmp_path / "docs").symlink_to(pages.ROOT / "docs")
    (tmp_path / "run_classifier.py").symlink_to(pages.ROOT / "run_classifier.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(pages.ROOT))
    kinds.names()
    known = dict(kinds._plugins)
    yield tmp_path
    # Other tests of this process see the package's own kinds, and all messages.
    kinds._plugins.clear()
    kinds._plugins.update(known)
    logging.getLogger("bert_tf2").setLevel(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in pages.PAGES if any(block.language in ("bash", "python") for block in pages.blocks(page))]
)
def test_a_page_runs(page, directory, monkeypatch, capsys):
    if any("demo_output/" in block.text for block in pages.blocks(page)):
        material.write_what_the_demo_leaves(directory)
    reader = Reader(directory, monkeypatch, capsys)
    for block in pages.blocks(page):
        reader.read(block)
    # `model/predictions.tsv` in the prose: where the folder is there now, so is the file.
    named = re.findall(r"`(\w+)/([\w./-]+\.(?:conll|json|jsonl|md|png|tsv|txt))`", pages.read(page))
    made = [(folder, file) for folder, file in named if (directory / folder).is_dir() and folder != "docs"]
    assert [f"{folder}/{file}" for folder, file in made if not (directory / folder / file).is_file()] == []
