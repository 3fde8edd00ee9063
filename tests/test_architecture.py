"""The walls of the house: what may import what, where flags live, what is never used."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "bert_tf2"

# The highest number imports the lower ones; data and models are neighbours that never meet.
FLOORS = {
    "bert_tf2": 0,
    "bert_tf2.crc32c": 0,
    "bert_tf2.errors": 0,
    "bert_tf2.file_kinds": 0,
    "bert_tf2.files": 0,
    "bert_tf2.locks": 0,
    "bert_tf2.progress": 0,
    "bert_tf2.registry": 1,
    "bert_tf2.text": 1,
    "bert_tf2.data": 2,
    "bert_tf2.models": 2,
    "bert_tf2.tasks": 3,
    "bert_tf2.training": 4,
    "bert_tf2.cli": 5,
    "bert_tf2.jobs": 5,
    "bert_tf2.answer_questions": 6,
    "bert_tf2.api": 6,
    "bert_tf2.classify": 6,
    "bert_tf2.convert_checkpoint": 6,
    "bert_tf2.demo": 6,
    "bert_tf2.fill_mask": 6,
    "bert_tf2.score_squad": 6,
}
NEIGHBOURS = {"bert_tf2.data": "bert_tf2.models", "bert_tf2.models": "bert_tf2.data"}

MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(
    [
        *ROOT.glob("run_*.py"),
        *(ROOT / "data_prep").glob("*.py"),
        PACKAGE / "answer_questions.py",
        PACKAGE / "classify.py",
        PACKAGE / "convert_checkpoint.py",
        PACKAGE / "demo.py",
        PACKAGE / "fill_mask.py",
        PACKAGE / "score_squad.py",
    ]
)
SOURCES = sorted([*MODULES, *ROOT.glob("run_*.py"), *(ROOT / "data_prep").glob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


def shown(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of the house a module belongs to: `bert_tf2.data` for `bert_tf2.data.records`."""
    return ".".join(module.split(".")[:2])


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(path: pathlib.Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a file imports; `from package import module` gives `package.module`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {id(inner) for node in ast.walk(tree) if is_type_checking(node) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno}: import by full name, not relatively"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


def imported_room(name: str) -> str:
    """The room of an imported name; `bert_tf2.__version__` belongs to the package itself."""
    candidate = room(name)
    return candidate if candidate in FLOORS else "bert_tf2"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_imports_go_downwards(path):
    here = room(module_name(path))
    assert here in FLOORS, f"{here} has no floor yet; add it to FLOORS"
    for line, name in imports(path):
        if name.split(".")[0] != "bert_tf2":
            continue
        there = imported_room(name)
        # What declares options is not heavy and knows nobody; cli reads it, and jobs use cli.
        assert (
            there == here
            or FLOORS[there] < FLOORS[here]
            or FLOORS[there] == 0
            or {here, there} == {"bert_tf2.cli", "bert_tf2.jobs"}
        ), f"{shown(path)}:{line}: {here} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})"
        assert there != NEIGHBOURS.get(here), f"{shown(path)}:{line}: {here} imports its neighbour {name}"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_no_forbidden_import(path):
    # The benchmarks' drivers of the model garden have to set the garden's own flags.
    peers = ROOT / "benchmarks" / "peers"
    may_read_flags = path in (PACKAGE / "cli.py", peers / "garden.py", peers / "garden_pretraining.py", peers / "garden_squad.py")
    for line, name in imports(path):
        where = f"{shown(path)}:{line}"
        top = name.split(".")[0]
        assert name not in ("absl.flags", "absl.app") or may_read_flags, f"{where}: flags are read in bert_tf2/cli.py only"
        assert top != "keras", f"{where}: import tf_keras, not keras"
        assert not name.startswith("tensorflow.keras"), f"{where}: import tf_keras, not tensorflow.keras"
        assert top not in ("pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"), f"{where}: nothing is unpickled"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_no_forbidden_call(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{shown(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute):
            is_tf = isinstance(node.value, ast.Name) and node.value.id in ("tf", "tensorflow")
            assert not (is_tf and node.attr == "keras"), f"{where}: use tf_keras, not tf.keras"
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert name != "load_model", f"{where}: load_model runs code from the file"
            allows_pickle = [word for word in node.keywords if word.arg == "allow_pickle"]
            assert not any(getattr(word.value, "value", True) for word in allows_pickle), f"{where}: nothing is unpickled"


@pytest.mark.parametrize("path", COMMANDS, ids=shown)
def test_a_command_is_a_docstring_and_a_call(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert ast.get_docstring(ast.parse(text)), "the docstring is what --help says first"


def test_no_machine_path():
    """Files of the project name no directory of somebody's machine."""
    pattern = re.compile(r"(?<![\w.])/(?:home|root|work|Users|mnt|scratch|tmp/lab)/\w+")
    suffixes = {".py", ".md", ".toml", ".cfg", ".txt", ".yml", ".json", ".sh", ""}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in suffixes and path.is_file():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                assert not pattern.search(line), f"{name}:{number}: {line.strip()}"


WITHOUT_TENSORFLOW = [
    "bert_tf2",
    "bert_tf2.api",
    "bert_tf2.cli",
    "bert_tf2.data.document_tokens",
    "bert_tf2.data.examples",
    "bert_tf2.data.features",
    "bert_tf2.data.glue",
    "bert_tf2.data.pretraining_beam",
    "bert_tf2.data.pretraining_preparation",
    "bert_tf2.data.pretraining_workers",
    "bert_tf2.data.processors",
    "bert_tf2.data.squad",
    "bert_tf2.data.squad_windows",
    "bert_tf2.data.tabular",
    "bert_tf2.errors",
    "bert_tf2.files",
    "bert_tf2.jobs.answer_questions",
    "bert_tf2.jobs.classify",
    "bert_tf2.jobs.classifier",
    "bert_tf2.jobs.convert_checkpoint",
    "bert_tf2.jobs.demo",
    "bert_tf2.jobs.finetuning_data",
    "bert_tf2.jobs.fill_mask",
    "bert_tf2.jobs.mask_filler",
    "bert_tf2.jobs.options",
    "bert_tf2.jobs.pretraining_data",
    "bert_tf2.jobs.pretraining",
    "bert_tf2.jobs.pretraining_options",
    "bert_tf2.jobs.squad_data",
    "bert_tf2.jobs.squad",
    "bert_tf2.jobs.score_squad",
    "bert_tf2.progress",
    "bert_tf2.registry",
    "bert_tf2.tasks.squad_report",
    "bert_tf2.tasks.squad_scores",
    "bert_tf2.text.offsets",
    "bert_tf2.text.tokenizer",
    "bert_tf2.text.wordpiece",
]


def test_light_modules_import_no_tensorflow():
    program = (
        "import importlib, sys\n"
        f"for name in {WITHOUT_TENSORFLOW!r}:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'tensorflow', 'tf_keras', 'matplotlib', 'official'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} imports {sorted(heavy)}'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_requirements_name_what_is_imported():
    """Every third-party package that the library imports is in setup.py."""
    names = {
        "absl": "absl-py",
        "apache_beam": "apache-beam",
        "google": "protobuf",
        "google_crc32c": "google-crc32c",
        "official": "tf-models-official",
        "tensorflow_text": "tensorflow-text",
        "tf_keras": "tf-keras",
    }
    extras = {"apache-beam", "jieba"}
    required = set(re.findall(r'"([A-Za-z0-9_-]+)(?:\[\w+\])?[<>=]', (ROOT / "setup.py").read_text(encoding="utf-8")))
    for path in MODULES:
        for line, name in imports(path):
            top = name.split(".")[0]
            if top != "bert_tf2" and top not in sys.stdlib_module_names:
                package = names.get(top, top)
                assert package in required, f"{shown(path)}:{line}: {top} is not required by setup.py"
                assert package in extras or importlib.metadata.version(package)
