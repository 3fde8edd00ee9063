"""`--unlabelled_data_path` from the command line: rows that a student learns from its teacher alone."""

import json
import pathlib
import random

import numpy as np
import pytest
import tensorflow as tf
from classifier_workplace import Workplace, write_rows
from job_processes import finish, start, worker_flags

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

ALL = "--distillation_losses=soft,hidden,attention:0.5,minilm:2"
LABELLED, UNLABELLED = 30, 90
CONFIG = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "attention_probs_dropout_prob": 0.0,
}


def train_losses(model_dir: pathlib.Path) -> list[float]:
    entries = map(json.loads, (model_dir / "training_history.jsonl").read_text().splitlines())
    return [entry["loss"] for entry in entries if entry["kind"] == "train"]


def weights(model_dir: pathlib.Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("model/")}


def without_labels(path: pathlib.Path, rows: int, seed: int) -> None:
    write_rows(path, rows, seed)
    path.write_text("".join(line.split("\t")[0] + "\n" for line in path.read_text().splitlines()))


def make(directory: pathlib.Path, *flags: str) -> int:
    return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *flags])


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A teacher in `model`, that was shown other rows; few rows with labels, and as test records more without."""
    directory = tmp_path_factory.mktemp("unlabelled")
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    place = Workplace(directory, str(directory / "vocab.txt"), CONFIG | {"vocab_size": len(tiny_vocabulary)})
    write_rows(directory / "train.tsv", 150, 0)
    write_rows(directory / "eval.tsv", 41, 1)
    without_labels(directory / "test.tsv", UNLABELLED, 2)
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=4") == 0
    write_rows(directory / "train.tsv", LABELLED, 3)
    assert place.prepare() == 0
    return place


def arguments_of(place: Workplace, name: str, *flags: str) -> list[str]:
    arguments = place.arguments("--mode=train", "--num_train_epochs=2", "--log_steps=1", f"--model_dir={place.directory / name}")
    if not any("bert_config_file" in flag for flag in flags):
        arguments = [one for one in arguments if "bert_config_file" not in one]
    flags = (f"--unlabelled_data_path={place.directory / 'test.tf_record'}", f"--teacher={place.model_dir}", *flags)
    return [*(one for one in arguments if "test_data_path" not in one), *flags]


def distil(place: Workplace, name: str, *flags: str) -> pathlib.Path:
    assert place.run_alone(*arguments_of(place, name, *flags)) == 0
    return place.directory / name


def accuracy_of_poor(place: Workplace, directory: pathlib.Path, *left_out: str) -> float:
    """The accuracy of a student whose rows with labels do not hold the words that decide."""
    rows = "".join(f"the movie was {'very ' * (i % 8)}\t{('negative', 'positive')[i % 2]}\n" for i in range(LABELLED))
    (directory / "train.tsv").write_text("text\tlabel\n" + rows)
    for split in ("eval", "test"):
        (directory / f"{split}.tsv").write_bytes((place.directory / f"{split}.tsv").read_bytes())
    poor = Workplace(directory, place.vocab_file, json.loads(place.config_file.read_text()))
    assert poor.prepare() == 0
    arguments = arguments_of(place, "poor", f"--bert_config_file={poor.config_file}", "--num_train_epochs=8")
    arguments = [one.replace(str(place.directory), str(directory)) for one in arguments if not one.startswith(left_out)]
    assert poor.run_alone(*arguments, f"--teacher={place.model_dir}", "--mode=train_and_eval") == 0
    return json.loads((directory / "poor" / "eval_results.json").read_text())["accuracy"]


def test_they_teach_what_the_labelled_rows_cannot(place, tmp_path, capsys):
    """What the words mean that decide is in the teacher and in the rows without label alone."""
    assert accuracy_of_poor(place, tmp_path) > 0.9
    told = capsys.readouterr().err
    assert f"training: {LABELLED + UNLABELLED} examples, {UNLABELLED} of them without label" in told
    assert f"| unlabelled examples | {UNLABELLED} beside those with labels |" in (tmp_path / "poor" / "report.md").read_text()


@pytest.mark.slow
def test_without_them_nothing_is_learnt(place, tmp_path, capsys):
    assert accuracy_of_poor(place, tmp_path, "--unlabelled_data_path") < 0.7
    assert "without label" not in capsys.readouterr().err
    assert "unlabelled" not in (tmp_path / "poor" / "report.md").read_text()


@pytest.mark.parametrize("losses", ["soft", pytest.param(ALL.partition("=")[2], marks=pytest.mark.slow)], ids=["kept", "in_step"])
def test_a_student_that_is_its_teacher_learns_from_labels_alone(place, losses):
    """All rows in a batch: the labels' loss, times their share of it and of the rows."""
    arguments = [one for one in place.arguments("--mode=eval") if "eval_data_path" not in one]
    assert place.run_alone(*arguments, f"--eval_data_path={place.directory / 'train.tf_record'}") == 0
    expected = json.loads((place.model_dir / "eval_results.json").read_text())["loss"]
    flags = ["--num_student_layers=2", "--train_batch_size=120", "--gradient_accumulation_steps=3", "--distillation_alpha=0.25"]
    model_dir = distil(place, f"same{len(losses)}", *flags, f"--distillation_losses={losses}")
    share = LABELLED / (LABELLED + UNLABELLED)
    assert train_losses(model_dir)[0] == pytest.approx(0.75 * share * expected, rel=1e-3)
    if losses == "soft":
        (kept,) = (model_dir / "teacher_outputs").iterdir()
        assert np.load(kept).shape == (LABELLED + UNLABELLED, 2)


def test_what_is_taken_back_is_trained_to_the_same_bits(place, capsys):
    """Of batches by length, with dropout, rows some of which are repeated, and everything that is learned of a teacher."""
    config = json.loads(place.config_file.read_text()) | {"hidden_dropout_prob": 0.1, "num_hidden_layers": 1}
    (place.directory / "dropped.json").write_text(json.dumps(config))
    flags = [f"--bert_config_file={place.directory / 'dropped.json'}", "--save_checkpoints_steps=1", ALL]
    flags += ["--keep_checkpoint_max=0", "--oversample=balanced"]
    model_dir = distil(place, "resumed", *flags)
    whole = weights(model_dir)
    for path in model_dir.glob("ckpt-*"):
        if int(path.name.split("-")[1].split(".")[0]) > 5:
            path.unlink()
    capsys.readouterr()
    distil(place, "resumed", *flags)
    assert "continuing from step 5" in capsys.readouterr().err
    again = weights(model_dir)
    assert again.keys() == whole.keys()
    assert all(again[name].tobytes() == whole[name].tobytes() for name in whole)


def test_they_are_part_of_the_run(place, tmp_path, capsys):
    """By what they hold, wherever they lie."""
    model_dir = distil(place, "own", "--num_student_layers=1")
    for name in ("test.tf_record", "meta_data.json"):
        (tmp_path / name).write_bytes((place.directory / name).read_bytes())
    moved = f"--unlabelled_data_path={tmp_path / 'test.tf_record'}"
    assert place.run_alone(*arguments_of(place, "own", "--num_student_layers=1", moved)) == 0
    arguments = [one for one in arguments_of(place, "own", "--num_student_layers=1") if "--unlabelled" not in one]
    assert place.run_alone(*arguments) == 2
    told = capsys.readouterr().err
    assert f"{model_dir} belongs to another run (" in told
    assert "unlabelled: [" in told
    # Two files of them are one set.
    without_labels(tmp_path / "more.tsv", 7, 9)
    more = tmp_path / "more.tf_record"
    arguments = [f"--test_file={tmp_path / 'more.tsv'}", f"--test_data_output_path={more}"]
    arguments += [f"--input_meta_data_path={place.model_dir / 'meta_data.json'}"]
    assert make(tmp_path, *arguments, f"--meta_data_file_path={tmp_path / 'more_meta_data.json'}") == 0
    both = f"--unlabelled_data_path={place.directory / 'test.tf_record'},{tmp_path / 'm*.tf_record'}"
    capsys.readouterr()
    distil(place, "both", "--num_student_layers=1", both)
    assert f"{UNLABELLED + 7} of them without label" in capsys.readouterr().err


def test_looked_at_before_and_repeated(place, capsys):
    """`--dry_run` counts labels where there are some; seeds train each on both."""
    assert place.run_alone(*arguments_of(place, "looked", "--num_student_layers=1", "--learning_rate=1e-4", "--dry_run")) == 0
    told = capsys.readouterr().out
    labels = [line.split("\t")[1] for line in (place.directory / "train.tsv").read_text().splitlines()[1:]]
    assert f"positive {labels.count('positive')} (" in told
    assert f"train: {LABELLED + UNLABELLED} rows of" in told
    model_dir = distil(place, "seeds", "--num_student_layers=1", "--num_seeds=2", "--mode=train_and_eval", "--num_train_epochs=1")
    assert len(list(model_dir.glob("seed_*/teacher_outputs/*.npy"))) == 2


@pytest.mark.slow
def test_two_devices_and_two_workers_have_the_same_curve_of_the_loss(place):
    flags = ["--num_student_layers=1", "--learning_rate=0.001", "--train_batch_size=120", "--num_train_epochs=6"]
    plain = train_losses(distil(place, "plain", *flags))
    assert len(plain) == 6
    divided = [*flags, "--num_logical_cpus=2", "--gradient_accumulation_steps=2", "--enable_xla", "--pack_sequences"]
    finish(start("run_classifier.py", *arguments_of(place, "divided", *divided)))
    np.testing.assert_allclose(train_losses(place.directory / "divided"), plain, rtol=2e-3)
    finish(*(start("run_classifier.py", *arguments_of(place, "workers", *flags, *one)) for one in worker_flags(2)))
    np.testing.assert_allclose(train_losses(place.directory / "workers"), plain, rtol=2e-3)


def rows_of(kind: str, labelled: bool, rows: int) -> str:
    chosen = random.Random(rows)
    texts = [["the", "movie", chosen.choice(["good", "bad"]), *["very"] * chosen.randrange(5)] for _ in range(rows)]
    if kind == "tagging":
        tags = {True: lambda word: f"\t{'B-A' if word in ('good', 'bad') else 'O'}", False: lambda word: ""}[labelled]
        return "\n".join("".join(f"{word}{tags(word)}\n" for word in words) for words in texts)
    if kind == "multiple_choice":
        answers = ({"answer": number % 2} if labelled else {} for number in range(rows))
        questions = [{"context": " ".join(words), "question": "?", "choices": ["good", "bad"]} for words in texts]
        return "\n".join(json.dumps(question | answer) for question, answer in zip(questions, answers))
    label = {"regression": lambda words: f"{len(words)}.5", "multi_label": lambda words: ",".join(words[2:4])}[kind]
    header = "text\tlabel" if labelled else "text"
    return "\n".join([header, *(" ".join(words) + (f"\t{label(words)}" if labelled else "") for words in texts)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "data"),
    [
        ("regression", "rows.tsv", []),
        ("multi_label", "rows.tsv", ["--label_separator=,"]),
        ("multiple_choice", "rows.jsonl", []),
        ("tagging", "rows.conll", []),
    ],
)
def test_every_kind(tmp_path, tiny_vocabulary, capsys, kind, name, data):
    """A student that is its teacher has no loss of rows without label, but what is open in the answers of several labels."""
    (tmp_path / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    (tmp_path / "bert_config.json").write_text(
        json.dumps(CONFIG | {"hidden_dropout_prob": 0.0, "vocab_size": len(tiny_vocabulary)})
    )
    arguments = [f"--fine_tuning_task_type={kind}", f"--vocab_file={tmp_path / 'vocab.txt'}", "--max_seq_length=32", *data]
    for split, labelled, rows in (("train", True, 24), ("test", False, 16)):
        (tmp_path / f"{split}_{name}").write_text(rows_of(kind, labelled, rows))
        arguments += [f"--{split}_file={tmp_path / f'{split}_{name}'}"]
        arguments += [f"--{split}_data_output_path={tmp_path / split}.tf_record"]
    assert make(tmp_path, *arguments, f"--meta_data_file_path={tmp_path / 'meta_data.json'}") == 0
    common = [f"--input_meta_data_path={tmp_path / 'meta_data.json'}", f"--train_data_path={tmp_path / 'train.tf_record'}"]
    common += ["--mode=train", "--num_gpus=0", "--seed=1", "--log_steps=1", "--train_batch_size=40"]

    def run(*flags: str) -> int:
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *common, *flags])

    teacher = f"--model_dir={tmp_path / 'teacher'}", f"--bert_config_file={tmp_path / 'bert_config.json'}"
    assert run(*teacher, "--num_train_epochs=2") == 0
    taught = ["--num_train_epochs=1", "--num_student_layers=2", f"--teacher={tmp_path / 'teacher'}", "--learning_rate=1e-12"]
    losses = {}
    for student, flags in (
        ("alone", ["--distillation_alpha=0"]),
        ("mixed", ["--distillation_alpha=0", f"--unlabelled_data_path={tmp_path / 'test.tf_record'}"]),
    ):
        assert run(*taught, *flags, f"--model_dir={tmp_path / student}") == 0
        (losses[student],) = train_losses(tmp_path / student)
    assert "16 of them without label" in capsys.readouterr().err
    assert np.isfinite(losses["mixed"])
    if kind in ("regression", "multiple_choice"):
        assert losses["mixed"] == pytest.approx(losses["alone"] * 24 / 40, rel=1e-4)
    elif kind == "tagging":
        # By words, not by sentences.
        words = [sum(map(bool, (tmp_path / f"{split}_{name}").read_text().splitlines())) for split in ("train", "test")]
        assert losses["mixed"] == pytest.approx(losses["alone"] * words[0] / sum(words), rel=1e-4)
    else:
        assert losses["mixed"] > losses["alone"] * 24 / 40
