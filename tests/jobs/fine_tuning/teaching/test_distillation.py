"""`--teacher` from the command line: every kind of task, what is kept, resumption, students of layers."""

import json
import pathlib
import random

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from classifier_workplace import Workplace, write_rows
from job_processes import finish, history, kill_when, start
from squad_workplace import SquadWorkplace

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

ALL = "--distillation_losses=soft,hidden,attention:0.5,minilm:2"
# No dropout, and one batch of all rows: the first loss is one that can be told.
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
CONFIG = SIZES | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def train_losses(model_dir: pathlib.Path) -> list[float]:
    entries = map(json.loads, (model_dir / "training_history.jsonl").read_text().splitlines())
    return [entry["loss"] for entry in entries if entry["kind"] == "train"]


def weights(model_dir: pathlib.Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if name.startswith("model/")}


def run(arguments: list[str], *flags: str, with_config: bool = False) -> int:
    kept = [one for one in arguments if with_config or not one.startswith("--bert_config_file")]
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *kept, *flags])


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A teacher of two layers in `model`, and as `narrow.json` the configuration of a student of its own."""
    directory = tmp_path_factory.mktemp("taught")
    for seed, (split, rows) in enumerate((("train", 150), ("eval", 41), ("test", 23))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    config = CONFIG | {"vocab_size": len(tiny_vocabulary)}
    place = Workplace(directory, str(directory / "vocab.txt"), config)
    (directory / "narrow.json").write_text(json.dumps(config | {"hidden_size": 12, "num_hidden_layers": 1}))
    assert place.prepare() == 0
    assert place.run("--mode=train_and_eval", "--num_train_epochs=4") == 0
    return place


def arguments_of(place: Workplace, model_dir: pathlib.Path, *flags: str) -> list[str]:
    """The command line of a student made of layers of the teacher in `model`."""
    arguments = place.arguments("--mode=train", "--num_train_epochs=1", "--log_steps=1", f"--model_dir={model_dir}", *flags)
    return [*(one for one in arguments if "bert_config_file" not in one), f"--teacher={place.model_dir}"]


def distil(place: Workplace, name: str, *flags: str, with_config: bool = False) -> pathlib.Path:
    """Trains a student in a directory of that name after `model`; later flags win."""
    model_dir = place.directory / name
    arguments = place.arguments("--mode=train", "--num_train_epochs=1", "--log_steps=1", f"--model_dir={model_dir}")
    assert run([*arguments, f"--teacher={place.model_dir}", *flags], with_config=with_config) == 0
    return model_dir


def test_a_student_is_made_of_layers_and_written_as_any_run(place, capsys):
    """It begins as the teacher's layer, embeddings and head; its directory is all that an evaluation needs."""
    model_dir = distil(place, "made", "--student_layers=1", "--learning_rate=1e-12", "--mode=train_and_eval")
    assert f"the student begins as layer 1 of {place.model_dir}" in capsys.readouterr().err
    assert json.loads((model_dir / "bert_config.json").read_text())["num_hidden_layers"] == 1
    teacher, student = weights(place.model_dir), weights(model_dir)
    # In the encoder's graph the blocks come after four layers of embeddings, and the pooler after the blocks.
    renamed = {f"-0/layer_with_weights-{mine}/": f"-0/layer_with_weights-{its}/" for mine, its in ((4, 5), (5, 6))}
    compared = set()
    for name, value in student.items():
        if "OPTIMIZER" not in name and value.dtype == np.float32:
            place_of = next((one for one in renamed if one in name), None)
            its = name if place_of is None else name.replace(place_of, renamed[place_of])
            np.testing.assert_allclose(value, teacher[its], atol=1e-7, err_msg=name)
            compared.add(its)
    assert sum("layer_with_weights-5/" in name for name in compared) == 16
    assert "layer 1 of" in (model_dir / "report.md").read_text()
    scores = json.loads((model_dir / "eval_results.json").read_text())
    arguments = [one for one in place.arguments() if "batch" not in one and "rate" not in one]
    assert run(arguments, "--mode=eval", f"--model_dir={model_dir}") == 0
    assert json.loads((model_dir / "eval_results.json").read_text()) == scores
    assert "layers 1 of its teacher" in (model_dir / "report.md").read_text()


def test_a_student_that_is_its_teacher_has_nothing_to_learn_of_it(place):
    """Its loss is what its share of the labels' loss is, in parts of a batch too."""
    assert run(place.arguments("--mode=eval", f"--eval_data_path={place.directory / 'train.tf_record'}")) == 0
    expected = json.loads((place.model_dir / "eval_results.json").read_text())["loss"]
    flags = ["--num_student_layers=2", "--train_batch_size=150", "--gradient_accumulation_steps=3", ALL]
    model_dir = distil(place, "same", *flags, "--distillation_alpha=0.25")
    assert train_losses(model_dir)[0] == pytest.approx(0.75 * expected, rel=1e-3)


def test_a_student_believes_its_teacher_and_not_the_labels(place, tmp_path):
    """With alpha=1 and every label turned round, it learns what the teacher says, row by row."""
    other = tmp_path / "turned"
    other.mkdir()
    for split in ("train", "eval", "test"):
        text = (place.directory / f"{split}.tsv").read_text()
        turned = text.replace("\tnegative", "\t?").replace("\tpositive", "\tnegative").replace("\t?", "\tpositive")
        (other / f"{split}.tsv").write_text(turned)
    turned = Workplace(other, place.vocab_file, json.loads(place.config_file.read_text()))
    assert turned.prepare("--labels=negative,positive") == 0
    flags = [f"--teacher={place.model_dir}", f"--bert_config_file={place.directory / 'narrow.json'}", "--mode=train_and_eval"]
    assert run(turned.arguments(*flags, "--distillation_alpha=1", "--num_train_epochs=8"), with_config=True) == 0
    assert json.loads((turned.model_dir / "eval_results.json").read_text())["accuracy"] < 0.05


@pytest.mark.slow
def test_narrower_with_projections_that_only_training_has(place, capsys):
    """And its checkpoint begins another training, and is evaluated, without them."""
    flags = [f"--bert_config_file={place.directory / 'narrow.json'}", "--distillation_losses=hidden"]
    export = place.directory / "narrow_export"
    model_dir = distil(place, "narrow", *flags, "--mode=train_and_eval", f"--model_export_path={export}", with_config=True)
    found = [name for name, value in weights(model_dir).items() if value.shape == (12, 16) and "OPTIMIZER" not in name]
    assert len(found) == 2
    losses = train_losses(model_dir)
    assert losses[-1] < losses[0]
    exported = [shape for _, shape in tf.train.list_variables(str(export / "variables" / "variables"))]
    assert [12, 2] in exported
    assert [12, 16] not in exported
    capsys.readouterr()
    begun = [f"--init_checkpoint={model_dir}", f"--bert_config_file={place.directory / 'narrow.json'}"]
    again = place.arguments(*begun, f"--model_dir={place.directory / 'again'}", "--mode=train", "--num_train_epochs=1")
    assert run(again, with_config=True) == 0
    told = capsys.readouterr().err
    assert "the classification head was restored" in told
    assert "WARNING" not in told


def test_what_is_taken_back_is_trained_to_the_same_bits(place, capsys):
    """Of a student with projections, dropout and batches by length; as a killed run goes on."""
    config = json.loads((place.directory / "narrow.json").read_text()) | {"hidden_dropout_prob": 0.1}
    (place.directory / "dropped.json").write_text(json.dumps(config))
    flags = [f"--bert_config_file={place.directory / 'dropped.json'}", "--save_checkpoints_steps=1", ALL]
    model_dir = distil(place, "resumed", "--keep_checkpoint_max=0", *flags, with_config=True)
    whole = weights(model_dir)
    for path in model_dir.glob("ckpt-*"):
        if int(path.name.split("-")[1].split(".")[0]) > 4:
            path.unlink()
    distil(place, "resumed", "--keep_checkpoint_max=0", *flags, with_config=True)
    assert "continuing from step 4" in capsys.readouterr().err
    again = weights(model_dir)
    assert again.keys() == whole.keys()
    assert all(again[name].tobytes() == whole[name].tobytes() for name in whole)


def test_teacher_outputs_are_kept_and_another_teacher_is_refused(place, capsys):
    model_dir = distil(place, "kept", "--num_student_layers=1")
    (kept,) = (model_dir / "teacher_outputs").iterdir()
    outputs, before = np.load(kept), kept.stat().st_mtime_ns
    assert (outputs.shape, outputs.dtype) == ((150, 2), np.float32)
    # What an evaluation of the teacher says of the same rows.
    assert run(place.arguments("--mode=predict", f"--test_data_path={place.directory / 'train.tf_record'}")) == 0
    predicted = np.loadtxt(place.model_dir / "test_results.tsv")
    np.testing.assert_allclose(tf.nn.softmax(outputs), predicted, atol=1e-5)
    distil(place, "kept", "--num_student_layers=1")
    assert kept.stat().st_mtime_ns == before
    elder = min(place.model_dir.glob("ckpt-*.index"), key=lambda path: int(path.stem.split("-")[1])).with_suffix("")
    capsys.readouterr()
    arguments = place.arguments("--mode=train", "--num_train_epochs=1", f"--model_dir={model_dir}", "--num_student_layers=1")
    assert run(arguments, f"--teacher={elder}") == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"{model_dir} belongs to another run (teacher: " in told
    assert run(arguments, f"--teacher={place.model_dir}", "--distillation_temperature=4") == 2
    assert "distillation_temperature: 2.0 there, 4.0 now" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("losses", "more"), [("soft", ["--pack_sequences"]), (ALL.partition("=")[2], [])], ids=["soft", "all"])
def test_compiled_in_parts_on_two_devices_has_the_same_curve_of_the_loss(place, losses, more):
    # All rows in one batch: packed or not, they are the same.
    flags = [f"--distillation_losses={losses}", "--num_student_layers=1", "--learning_rate=0.001", "--train_batch_size=152"]
    flags.append("--num_train_epochs=6")
    plain = train_losses(distil(place, f"plain{len(losses)}", *flags))
    other = place.directory / f"other{len(losses)}"
    flags += [*more, "--num_logical_cpus=2", "--gradient_accumulation_steps=2", "--enable_xla"]
    finish(start("run_classifier.py", *arguments_of(place, other, *flags)))
    assert len(plain) == 6
    np.testing.assert_allclose(train_losses(other), plain, rtol=2e-3)


@pytest.mark.slow
def test_killed_and_run_again_ends_with_the_same_bits(place):
    """On two devices, with everything that is learned of the teacher."""
    flags = [ALL, "--num_student_layers=1", "--num_logical_cpus=2", "--deterministic", "--save_checkpoints_steps=3"]
    whole, killed = (place.directory / name for name in ("whole", "killed"))
    finish(start("run_classifier.py", *arguments_of(place, whole, *flags, "--num_train_epochs=10")))
    process = start("run_classifier.py", *arguments_of(place, killed, *flags, "--num_train_epochs=10"))
    assert kill_when(process, lambda: len(history(killed, "train")) >= 20)
    (told,) = finish(start("run_classifier.py", *arguments_of(place, killed, *flags, "--num_train_epochs=10")))
    assert "continuing from step" in told
    expected, found = weights(whole), weights(killed)
    assert expected.keys() == found.keys()
    assert all(found[name].tobytes() == expected[name].tobytes() for name in expected)


def prepared(directory: pathlib.Path, kind: str, rows: str, vocabulary: list[str], *flags: str) -> list[str]:
    """Records of some rows, to train and to evaluate on, and the command line of a training on them."""
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (directory / "bert_config.json").write_text(json.dumps(CONFIG | {"vocab_size": len(vocabulary)}))
    path = directory / ("rows.tsv" if rows.startswith("text\tlabel") else "rows.jsonl" if rows.startswith("{") else "rows.conll")
    path.write_text(rows)
    arguments = [f"--fine_tuning_task_type={kind}", f"--vocab_file={directory / 'vocab.txt'}", "--max_seq_length=32", *flags]
    for split in ("train", "eval"):
        arguments += [f"--{split}_file={path}", f"--{split}_data_output_path={directory / split}.tf_record"]
    arguments.append(f"--meta_data_file_path={directory / 'meta_data.json'}")
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 0
    paths = [f"--{split}_data_path={directory / split}.tf_record" for split in ("train", "eval")]
    common = ["--num_gpus=0", "--seed=1", "--log_steps=1", "--learning_rate=0.01"]
    return [*paths, f"--input_meta_data_path={directory / 'meta_data.json'}", *common]


def rows_of(kind: str) -> str:
    chosen = random.Random(4)
    rows = []
    for number in range(24):
        words = ["the", "movie", "was", chosen.choice(["good", "bad"]), *["very"] * chosen.randrange(5)]
        rows.append((" ".join(words), words, number))
    if kind == "regression":
        return "\n".join(["text\tlabel", *(f"{text}\t{len(words)}.5" for text, words, _ in rows)])
    if kind == "multi_label":
        labels = ("good", "bad", "very")
        return "\n".join(
            ["text\tlabel", *(f"{text}\t{','.join(one for one in labels if one in words)}" for text, words, _ in rows)]
        )
    if kind == "multiple_choice":
        questions = (
            {"context": text, "question": "good?", "choices": ["good", "bad", "very"][: 2 + number % 2], "answer": number % 2}
            for text, _, number in rows
        )
        return "\n".join(map(json.dumps, questions))
    return "\n".join("".join(f"{word}\t{'B-A' if word in ('good', 'bad') else 'O'}\n" for word in words) for _, words, _ in rows)


@pytest.mark.parametrize(
    ("kind", "data", "training", "losses"),
    [
        ("regression", [], [], ["soft"]),
        ("multi_label", ["--label_separator=,"], [], ["soft"]),
        pytest.param("multiple_choice", [], [], ["soft"], marks=pytest.mark.slow),
        ("tagging", [], ["--use_crf"], [ALL.partition("=")[2]]),
    ],
    ids=["regression", "multi_label", "multiple_choice", "tagging"],
)
def test_a_student_that_is_its_teacher_of_every_kind(tmp_path, tiny_vocabulary, kind, data, training, losses):
    """With alpha=1 there is no loss, or of several labels what is open in the teacher's own answers."""
    arguments = prepared(tmp_path, kind, rows_of(kind), tiny_vocabulary, *data) + training
    teacher, config = tmp_path / "teacher", f"--bert_config_file={tmp_path / 'bert_config.json'}"
    assert run([*arguments, config, f"--model_dir={teacher}"], "--num_train_epochs=2", "--mode=train", with_config=True) == 0
    arguments += [f"--teacher={teacher}", "--distillation_alpha=1", "--distillation_temperature=1.5", "--num_student_layers=2"]
    for name in losses:
        student = tmp_path / f"student{len(name)}"
        flags = [f"--model_dir={student}", f"--distillation_losses={name}", "--learning_rate=1e-12", "--num_train_epochs=1"]
        assert run([*arguments, *flags], "--mode=train") == 0
        expected = 0
        if kind == "multi_label":
            (kept,) = (student / "teacher_outputs").iterdir()
            p = scipy.special.expit(np.load(kept) / 1.5)
            expected = 1.5**2 * -np.mean(p * np.log(p) + (1 - p) * np.log(1 - p))
        assert train_losses(student) == pytest.approx([expected], abs=1e-5)
        assert (student / "teacher_outputs").exists() == (name == "soft")


def test_answers_to_questions(tmp_path, tiny_vocab_file):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, CONFIG | {"vocab_size": 86})
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=2") == 0
    arguments = [one for one in place.arguments("--log_steps=1") if "bert_config_file" not in one]
    arguments += ["--mode=train", f"--teacher={place.model_dir}", "--distillation_alpha=1", "--num_train_epochs=1"]
    same = tmp_path / "same"
    assert place.run_as_given(*arguments, f"--model_dir={same}", "--num_student_layers=2", "--learning_rate=1e-12", ALL) == 0
    assert max(train_losses(same)) < 1e-5
