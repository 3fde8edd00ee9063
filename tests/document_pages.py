"""The pages of documentation as blocks of code and prose, and which of their commands no test can run here."""

import dataclasses
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md") if page.name != "flags.md")]
LANGUAGES = {"bash", "python", "json", "text", "conll", "tsv", "csv", "yaml"}

# A piece of the command: why it is not run from the page, and what runs the like of it.
NOT_RUN = {
    "make demo": "downloads real weights: tests/jobs/commands/test_demo.py",
    "make test": "this is it: Makefile",
    "source .venv/bin/activate": "of the shell: Makefile",
    "pip install": "needs a package index: tests/test_packaging.py",
    "bert_tf2.datasets --mode=prepare": "needs the published files: tests/jobs/datasets/test_datasets_command.py",
    "bert_tf2.datasets --mode=download": "needs a network: tests/jobs/datasets/test_fetching.py",
    "python -m bert_tf2.serve": "serves until it is ended: tests/jobs/serve/test_serve_process.py",
    "curl ": "needs a server: tests/jobs/serve/test_serve_process.py",
    "--tpu=": "needs a TPU: tests/training/test_distribution.py",
    "--worker_hosts=": "several processes: tests/jobs/fine_tuning/test_classifier_distributed.py",
    "--track_with=": "needs the packages: tests/training/test_tracking.py",
    "--search=": "many trainings: tests/jobs/fine_tuning/sweeps/test_search_of_trainings.py",
    "--config=searched": "needs a search: tests/jobs/fine_tuning/sweeps/test_search_of_trainings.py",
    "--preset=": "needs the data set: tests/jobs/fine_tuning/test_presets.py",
    "--num_folds=": "several trainings: tests/jobs/fine_tuning/sweeps/test_folds.py",
    "--runner=": "needs Apache Beam: tests/jobs/pretraining/test_pretraining_data_beam.py",
    "--word_segmenter=jieba": "needs jieba: tests/tasks/pretraining/test_masking.py",
}


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line on which it begins, and the file in which it is to be saved, if any."""

    page: str
    line: int
    language: str
    text: str
    saved_as: str | None


@dataclasses.dataclass(frozen=True)
class Command:
    """A command as a page shows it, its lines joined; `where` is page and line."""

    where: str
    text: str

    @property
    def program(self) -> str:
        """What runs: `run_classifier.py`, `bert_tf2.classify`, or the name of another program."""
        words = self.text.split()
        if words[0] != "python":
            return words[0]
        return words[2] if words[1] == "-m" else words[1]

    @property
    def arguments(self) -> list[str]:
        """What follows the program's name."""
        words = shlex.split(self.text)
        return words[3:] if words[:2] == ["python", "-m"] else words[2:] if words[0] == "python" else words[1:]

    @property
    def why_not_run(self) -> str | None:
        """The reason in `NOT_RUN`."""
        return next((reason for piece, reason in NOT_RUN.items() if piece in self.text), None)


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order; one in a list is moved to the margin."""
    text, found = read(page), []
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.M | re.S):
        line = text.count("\n", 0, match.start()) + 1
        saved = re.search(r"Save as\s`([\w.]+)`", text[: match.start()].rstrip().rpartition("\n\n")[2])
        code = re.sub(rf"^{match[1]}", "", match[3], flags=re.M)
        found.append(Block(page, line, match[2], code, saved[1] if saved else None))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a block of `bash`."""
    found = []
    joined = re.sub(r"\\\n\s*", lambda match: " " + "\0", block.text)
    line = block.line + 1
    for text in joined.splitlines():
        bare = re.sub(r"\s+# .*$", "", text).replace("\0", "").strip()
        if bare and not bare.startswith("#"):
            found.append(Command(f"{block.page}:{line}", bare))
        line += 1 + text.count("\0")
    return found


def all_commands() -> list[Command]:
    """The commands of all pages."""
    return [command for page in PAGES for block in blocks(page) if block.language == "bash" for command in commands(block)]
