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
    "bert_tf2.folders": 0,
    "bert_tf2.locks": 0,
    "bert_tf2.memory": 0,
    "bert_tf2.progress": 0,
    "bert_tf2.saved_models": 0,
    "bert_tf2.tensorflow_internals": 0,
    "bert_tf2.options": 1,
    "bert_tf2.registry": 1,
    "bert_tf2.runtime": 1,
    "bert_tf2.text": 1,
    "bert_tf2.data": 2,
    "bert_tf2.models": 2,
    "bert_tf2.config_file": 3,
    "bert_tf2.tasks": 3,
    "bert_tf2.exporting": 4,
    "bert_tf2.training": 4,
    "bert_tf2.model_directory": 5,
    "bert_tf2.inference": 6,
    "bert_tf2.pruning": 6,
    "bert_tf2.cli": 6,
    "bert_tf2.jobs": 7,
    "bert_tf2.api": 8,
    "bert_tf2.answer_questions": 8,
    "bert_tf2.augment": 8,
    "bert_tf2.classify": 8,
    "bert_tf2.convert_checkpoint": 8,
    "bert_tf2.datasets": 8,
    "bert_tf2.demo": 8,
    "bert_tf2.doctor": 8,
    "bert_tf2.entities": 8,
    "bert_tf2.evaluate_vectors": 8,
    "bert_tf2.export": 8,
    "bert_tf2.compare": 8,
    "bert_tf2.new_task": 8,
    "bert_tf2.prune": 8,
    "bert_tf2.extract_features": 8,
    "bert_tf2.fill_mask": 8,
    "bert_tf2.score_squad": 8,
    "bert_tf2.search": 8,
    "bert_tf2.serve": 8,
    "bert_tf2.vocabulary": 8,
}
NEIGHBOURS = {"bert_tf2.data": "bert_tf2.models", "bert_tf2.models": "bert_tf2.data"}

MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = sorted(
    [
        *ROOT.glob("run_*.py"),
        *(ROOT / "data_prep").glob("*.py"),
        PACKAGE / "answer_questions.py",
        PACKAGE / "augment.py",
        PACKAGE / "classify.py",
        PACKAGE / "convert_checkpoint.py",
        PACKAGE / "datasets.py",
        PACKAGE / "demo.py",
        PACKAGE / "doctor.py",
        PACKAGE / "entities.py",
        PACKAGE / "evaluate_vectors.py",
        PACKAGE / "export.py",
        PACKAGE / "extract_features.py",
        PACKAGE / "fill_mask.py",
        PACKAGE / "score_squad.py",
        PACKAGE / "search.py",
        PACKAGE / "serve.py",
        PACKAGE / "vocabulary.py",
    ]
)
SOURCES = sorted([*MODULES, *ROOT.glob("run_*.py"), *(ROOT / "data_prep").glob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


def shown(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of the house a module belongs to: `bert_tf2.data` for `bert_tf2.data.records.parsing`."""
    return ".".join(module.split(".")[:2])


def imports(path: pathlib.Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a file imports, for types too; `from package import module` gives `package.module`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
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
        assert there == here or FLOORS[there] < FLOORS[here] or FLOORS[there] == 0, (
            f"{shown(path)}:{line}: {here} (floor {FLOORS[here]}) imports {name} (floor {FLOORS[there]})"
        )
        assert there != NEIGHBOURS.get(here), f"{shown(path)}:{line}: {here} imports its neighbour {name}"


def test_no_import_circle():
    """No module imports itself by way of others, at its top, inside a function or for types."""
    known = {module_name(path) for path in MODULES}
    reached = {}
    for path in MODULES:
        names = (name for _, name in imports(path))
        targets = {name if name in known else name.rsplit(".", 1)[0] for name in names}
        reached[module_name(path)] = (targets & known) - {"bert_tf2"}
    # Whoever imports nothing that is left is in no circle.
    while leaves := {module for module, targets in reached.items() if not targets}:
        reached = {module: targets - leaves for module, targets in reached.items() if module not in leaves}
    assert not reached, f"import circles among {sorted(reached)}"


KINDS = sorted(path.name for path in (PACKAGE / "tasks").iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_task_imports_no_other(kind):
    for path in (PACKAGE / "tasks" / kind).rglob("*.py"):
        for line, name in imports(path):
            parts = name.split(".")
            other = parts[2] if parts[:2] == ["bert_tf2", "tasks"] and len(parts) > 2 else kind
            assert other == kind or other not in KINDS, f"{shown(path)}:{line}: {kind} imports {name}"


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


INTERNALS = PACKAGE / "tensorflow_internals.py"


@pytest.mark.parametrize("path", [path for path in MODULES if path != INTERNALS], ids=shown)
def test_no_module_of_tensorflows_inside(path):
    for line, name in imports(path):
        is_inside = name.startswith(("tensorflow.", "tf_keras."))
        assert not is_inside, f"{shown(path)}:{line}: {name} is promised to nobody; import it in {shown(INTERNALS)}"


def private_names(tree: ast.AST) -> tuple[dict[str, int], set[str], set[str]]:
    """Of a file: the lines where private attributes are read, the private names that it gives, and its private methods."""
    read, given, methods = {}, set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            given |= {field.target.id for field in node.body if isinstance(field, ast.AnnAssign)}
            given |= {name.id for part in node.body if isinstance(part, ast.Assign) for name in part.targets}
            methods |= {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            given.add(node.attr)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("os", "super()"):
            read.setdefault(node.attr, node.lineno)
        elif isinstance(node, ast.keyword):
            # What `_node(_pooler_layer=…)` makes, after the model garden.
            given.add(node.arg or "")
    is_private = re.compile(r"_(?!_)").match
    return {name: line for name, line in read.items() if is_private(name)}, given | methods, set(filter(is_private, methods))


# Ours, for the subclasses that Google's `DataProcessor` has.
_FOR_OTHERS = {"_read_jsonl", "_read_tsv"}


def test_private_names_are_our_own():
    """A private attribute that nobody here gives is somebody else's, and so is a private method that nobody here calls."""
    found = {path: private_names(ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES if path != INTERNALS}
    ours = set().union(*(given for _, given, _ in found.values()))
    called = set().union(*(read for read, _, _ in found.values()))
    for path, (read, _, methods) in found.items():
        for name, line in read.items():
            assert name in ours, f"{shown(path)}:{line}: {name} is private to another package; use it in {shown(INTERNALS)}"
        uncalled = methods - called - _FOR_OTHERS
        assert not uncalled, (
            f"{shown(path)}: nobody calls {sorted(uncalled)}; a hook of TensorFlow's belongs in {shown(INTERNALS)}"
        )


@pytest.mark.parametrize("path", COMMANDS, ids=shown)
def test_a_command_is_a_docstring_and_a_call(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert ast.get_docstring(ast.parse(text)), "the docstring is what --help says first"


def test_what_tests_import_is_found_whatever_was_collected_before():
    """There are several conftests, and a test of another directory is found only behind that."""
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in filter(None, [*names, getattr(node, "module", None)]):
                assert name != "conftest", path
                assert not name.startswith("test_") or (path.parent / f"{name}.py").exists(), path


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
    "bert_tf2.tasks.pretraining.document_tokens",
    "bert_tf2.data.examples",
    "bert_tf2.tasks.classification.features",
    "bert_tf2.tasks.classification.reading.glue",
    "bert_tf2.tasks.pretraining.beam",
    "bert_tf2.tasks.pretraining.preparation",
    "bert_tf2.tasks.pretraining.workers",
    "bert_tf2.data.processors",
    "bert_tf2.tasks.question_answering.squad",
    "bert_tf2.tasks.question_answering.windows",
    "bert_tf2.tasks.classification.reading.tabular",
    "bert_tf2.errors",
    "bert_tf2.files",
    "bert_tf2.jobs.commands.answer_questions",
    "bert_tf2.jobs.commands.classify",
    "bert_tf2.exporting.exported_model",
    "bert_tf2.jobs.export.job",
    "bert_tf2.jobs.fine_tuning.classifier",
    "bert_tf2.jobs.commands.convert_checkpoint",
    "bert_tf2.jobs.commands.demo",
    "bert_tf2.jobs.commands.entities",
    "bert_tf2.jobs.preparation.finetuning_data",
    "bert_tf2.jobs.commands.augment",
    "bert_tf2.jobs.commands.fill_mask",
    "bert_tf2.inference.mask_filler",
    "bert_tf2.options",
    "bert_tf2.jobs.pretraining.data",
    "bert_tf2.jobs.pretraining.job",
    "bert_tf2.jobs.pretraining.options",
    "bert_tf2.jobs.search.job",
    "bert_tf2.jobs.serve.job",
    "bert_tf2.jobs.vectors.evaluate_vectors",
    "bert_tf2.jobs.vectors.extract_features",
    "bert_tf2.tasks.classification.kind",
    "bert_tf2.tasks.classification.preparation",
    "bert_tf2.tasks.file_preparation",
    "bert_tf2.tasks.kind",
    "bert_tf2.tasks.preparation",
    "bert_tf2.tasks.question_answering.kind",
    "bert_tf2.tasks.question_answering.preparation",
    "bert_tf2.jobs.fine_tuning.squad",
    "bert_tf2.jobs.commands.score_squad",
    "bert_tf2.jobs.vocabulary.job",
    "bert_tf2.progress",
    "bert_tf2.registry",
    "bert_tf2.tasks.question_answering.report",
    "bert_tf2.tasks.tagging.kind",
    "bert_tf2.tasks.tagging.preparation",
    "bert_tf2.tasks.question_answering.scores",
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
        "ai_edge_litert": "ai-edge-litert",
        "apache_beam": "apache-beam",
        "faiss": "faiss-cpu",
        "google": "protobuf",
        "google_crc32c": "google-crc32c",
        "official": "tf-models-official",
        "tensorflow_text": "tensorflow-text",
        "tf_keras": "tf-keras",
        "yaml": "PyYAML",
    }
    extras = {"ai-edge-litert", "apache-beam", "faiss-cpu", "fastapi", "jieba", "mlflow", "onnx", "onnxruntime", "tf2onnx"}
    extras |= {"uvicorn", "wandb"}
    required = set(re.findall(r'"([A-Za-z0-9_-]+)(?:\[\w+\])?[<>=]', (ROOT / "setup.py").read_text(encoding="utf-8")))
    for path in MODULES:
        for line, name in imports(path):
            top = name.split(".")[0]
            if top != "bert_tf2" and top not in sys.stdlib_module_names:
                package = names.get(top, top)
                assert package in required, f"{shown(path)}:{line}: {top} is not required by setup.py"
                assert package in extras or importlib.metadata.version(package)
