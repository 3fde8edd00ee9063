"""A kind of task from outside the package, in one file, from raw rows to predictions; and faults that `check_task` finds."""

import json
import pathlib
import subprocess
import sys

import pytest

from bert_tf2 import cli
from bert_tf2.api import check_task
from bert_tf2.api.task_check import _CONFIG
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.registry import import_module
from bert_tf2.tasks.kind import kinds

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "rating.py"
WORDS = ("awful", "poor", "fair", "good", "superb")


@pytest.fixture(autouse=True, scope="module")
def nobody_else_knows_it():
    """Other tests of this process see the package's own kinds."""
    kinds.names()
    known = dict(kinds._plugins)
    yield
    kinds._plugins.clear()
    kinds._plugins.update(known)


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"a {WORDS[row % 5]} film, number {'x' * (row % 7)}", "stars": row % 5 + 1} for row in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_example_is_short_and_touches_nothing_of_ours():
    assert len(EXAMPLE.read_text().splitlines()) <= 100


def test_the_example_holds_what_every_kind_must(rows):
    import_module(str(EXAMPLE))
    assert list(check_task("rating", rows, data_options={"stars": 5})) == ["kappa"]


def test_the_example_by_its_commands(rows, tmp_path, tiny_vocab_file, capfd):
    """Its flags are the commands' own, in a process that has not imported it."""
    data, model = tmp_path / "data", tmp_path / "model"
    (tmp_path / "config.json").write_text(
        json.dumps(_CONFIG | {"vocab_size": len(pathlib.Path(tiny_vocab_file).read_text().splitlines())})
    )
    prepare = [
        "prog", f"--module_import={EXAMPLE}", "--fine_tuning_task_type=rating", f"--train_file={rows}", f"--test_file={rows}",
        "--stars=5", f"--vocab_file={tiny_vocab_file}", f"--train_data_output_path={data}/train.tf_record",
        f"--test_data_output_path={data}/test.tf_record", f"--meta_data_file_path={data}/meta_data.json", "--max_seq_length=48",
    ]  # fmt: skip
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", prepare) == 0
    run = ["prog", f"--module_import={EXAMPLE}", f"--model_dir={model}", f"--bert_config_file={tmp_path}/config.json"]
    train = [*run, "--mode=train", f"--train_data_path={data}/train.tf_record", f"--input_meta_data_path={data}/meta_data.json"]
    assert cli.run(run_classifier, ClassifierOptions, "", [*train, "--num_train_epochs=1", "--train_batch_size=4"]) == 0
    predict = [*run, "--mode=predict", f"--test_data_path={data}/test.tf_record"]
    assert cli.run(run_classifier, ClassifierOptions, "", predict) == 0
    predicted = [json.loads(line) for line in (model / "predictions.jsonl").read_text().splitlines()]
    assert [row["gold"] for row in predicted] == [row % 5 + 1 for row in range(20)]
    capfd.readouterr()
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", [*prepare, "--labels=a,b"]) == 2
    assert "--labels belongs to --fine_tuning_task_type=classification" in capfd.readouterr().err
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a film", "stars": 1}\n{"text": "a film", "stars": 7}\n')
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", [*prepare, f"--train_file={bad}"]) == 2
    assert f"{bad}:2: stars must be from 1 to 5; got 7" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_our_kinds_on_texts_hold_what_every_kind_must(tmp_path, kind):
    path = tmp_path / "rows.tsv"
    labels = [str(row % 3) if kind == "regression" else ("bad", "fair", "good")[row % 3] for row in range(18)]
    rows = [f"a {WORDS[row % 5]} film {'x' * (row % 7)}\t{label}" for row, label in enumerate(labels)]
    path.write_text("\n".join(["text\tlabel", *rows]) + "\n")
    assert check_task(kind, str(path), test_file=str(path))["loss"] > 0


BROKEN = {
    "padding": (
        'pooled = encoder(inputs)["pooled_output"]',
        'pooled = encoder(inputs)["pooled_output"] + tf.cast(tf.shape(inputs["input_mask"])[1], tf.float32)[None, None] / 9',
        "gives another logits",
    ),
    "no files": (
        "    def exports(",
        "    def prediction_files(self, examples):\n        return []\n\n    def write_predictions(self, *_):\n        pass\n\n"
        "    def exports(",
        "a prediction writes no file",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(BROKEN))
def test_a_fault_is_found(rows, tmp_path, fault):
    wanted, broken, message = BROKEN[fault]
    text = EXAMPLE.read_text()
    assert wanted in text
    (tmp_path / "broken.py").write_text(text.replace(wanted, broken))
    # In a process of its own: two kinds cannot have one name.
    program = (
        "import sys; from bert_tf2.api import check_task; from bert_tf2.registry import import_module; "
        "import_module(sys.argv[1]); check_task('rating', sys.argv[2], data_options={'stars': 5})"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "broken.py"), rows]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "CheckFailed: rating: " in done.stderr
    assert message in done.stderr
