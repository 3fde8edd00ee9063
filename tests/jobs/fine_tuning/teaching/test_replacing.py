"""`--replacing_rate` from the command line: what is trained, what is left, resumption, every kind of task, what is refused."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from classifier_workplace import Workplace, write_rows
from job_processes import finish, start
from squad_workplace import SquadWorkplace

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

CONFIG = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.0,
}


def weights(model_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """What the newest checkpoint has, without the optimizer's moments."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(model_dir)))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/") and "OPTIMIZER" not in name]
    return {name: reader.get_tensor(name) for name in names if reader.get_variable_to_dtype_map()[name] == tf.float32}


def train_losses(model_dir: pathlib.Path) -> list[float]:
    entries = map(json.loads, (model_dir / "training_history.jsonl").read_text().splitlines())
    return [entry["loss"] for entry in entries if entry["kind"] == "train"]


def run(arguments: list[str], *flags: str) -> int:
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments, *flags])


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A teacher of three layers in `model`."""
    directory = tmp_path_factory.mktemp("replaced")
    for seed, (split, rows) in enumerate((("train", 96), ("eval", 41), ("test", 23))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    place = Workplace(directory, str(directory / "vocab.txt"), CONFIG | {"vocab_size": len(tiny_vocabulary)})
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=3") == 0
    return place


def arguments_of(place: Workplace, name: str, *flags: str) -> list[str]:
    """The command line of a student of two layers in a directory of that name; later flags win."""
    model_dir = place.directory / name
    arguments = place.arguments("--mode=train", "--num_train_epochs=2", "--log_steps=1", f"--model_dir={model_dir}")
    kept = [one for one in arguments if "bert_config_file" not in one]
    return [*kept, f"--teacher={place.model_dir}", "--num_student_layers=2", "--replacing_rate=0.4", *flags]


def test_the_student_is_an_ordinary_run_with_embeddings_and_head_of_its_teacher(place, capsys):
    assert run(arguments_of(place, "student", "--mode=train_and_eval")) == 0
    told = capsys.readouterr().err
    assert "take the places of 1, 2 layers of the teacher" in told
    assert "with probability 0.4, rising to 1 from step " in told
    model_dir = place.directory / "student"
    assert json.loads((model_dir / "bert_config.json").read_text())["num_hidden_layers"] == 2
    teacher, student = weights(place.model_dir), weights(model_dir)
    # In the encoder's graph the blocks come after four layers of embeddings, and the pooler after the blocks.
    moved, same = set(), set()
    for name, value in student.items():
        blocks = [number for number in (4, 5) if f"-0/layer_with_weights-{number}/" in name]
        # Its layers begin as the first and the last of three.
        its = {4: "4/", 5: "6/"}[blocks[0]] if blocks else None
        there = name.replace("-0/layer_with_weights-6/", "-0/layer_with_weights-7/")
        if blocks:
            there = name.replace(f"-0/layer_with_weights-{blocks[0]}/", f"-0/layer_with_weights-{its}")
        (same if np.array_equal(value, teacher[there]) else moved).add((name, bool(blocks)))
    assert sum(not is_block for _, is_block in same) == 9
    # The bias of the last layer's keys is nothing to a softmax of one token's scores.
    assert all("_key_dense/bias" in name for name, is_block in same if is_block)
    assert all(is_block for _, is_block in moved)
    assert len(moved) >= 31
    scores = json.loads((model_dir / "eval_results.json").read_text())
    arguments = [one for one in place.arguments() if not any(word in one for word in ("batch", "rate", "bert_config"))]
    assert run(arguments, "--mode=eval", f"--model_dir={model_dir}") == 0
    assert json.loads((model_dir / "eval_results.json").read_text()) == scores


def test_what_is_taken_back_is_trained_to_the_same_bits(place, capsys):
    flags = ["--save_checkpoints_steps=1", "--keep_checkpoint_max=0"]
    assert run(arguments_of(place, "resumed", *flags)) == 0
    model_dir = place.directory / "resumed"
    whole, losses = weights(model_dir), train_losses(model_dir)
    for path in model_dir.glob("ckpt-*"):
        if int(path.name.split("-")[1].split(".")[0]) > 2:
            path.unlink()
    assert run(arguments_of(place, "resumed", *flags)) == 0
    assert "continuing from step 2" in capsys.readouterr().err
    again = weights(model_dir)
    assert all(again[name].tobytes() == value.tobytes() for name, value in whole.items())
    assert train_losses(model_dir) == losses
    assert run(arguments_of(place, "resumed", *flags, "--replacing_rate=0.5")) == 2
    assert "replacing_rate: 0.4 there, 0.5 now" in capsys.readouterr().err


def test_a_training_made_longer_is_one_of_the_student_alone(place, capsys):
    """Where the first one ended, everything was replaced already."""
    assert run(arguments_of(place, "longer", "--replacing_schedule=constant")) == 0
    assert "and 1 from step 8 on" in capsys.readouterr().err
    assert run(arguments_of(place, "longer", "--replacing_schedule=constant", "--num_train_epochs=4")) == 0
    assert "and 1 from step 8 on" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [[], ["--enable_xla", "--gradient_accumulation_steps=2"], ["--pack_sequences", "--steps_per_loop=3"]], ids=str
)
def test_two_devices_have_the_same_curve_of_the_loss(place, tiny_vocabulary, tmp_path, more):
    """Without dropout, which differs by device. One batch has all rows, so that packed they are the same."""
    teacher = tmp_path / "teacher"
    config = place.directory / "without.json"
    config.write_text(json.dumps(CONFIG | {"vocab_size": len(tiny_vocabulary), "hidden_dropout_prob": 0.0}))
    arguments = place.arguments("--mode=train", "--num_train_epochs=2", f"--model_dir={teacher}", f"--bert_config_file={config}")
    assert run(arguments) == 0
    flags = [f"--teacher={teacher}", "--train_batch_size=96", "--num_train_epochs=8", "--learning_rate=0.001"]
    assert run(arguments_of(place, f"one{len(more)}{teacher.parent.name}", *flags)) == 0
    plain = train_losses(place.directory / f"one{len(more)}{teacher.parent.name}")
    other = tmp_path / "two"
    finish(start("run_classifier.py", *arguments_of(place, "x", *flags, *more, f"--model_dir={other}", "--num_logical_cpus=2")))
    assert len(plain) == 8
    if "--steps_per_loop=3" in more:
        plain = [plain[-1]]
    np.testing.assert_allclose(train_losses(other)[-len(plain) :], plain, rtol=2e-3)


def rows_of(kind: str) -> str:
    texts = [f"the movie was {word} {'very ' * (number % 4)}".split() for number in range(12) for word in ("good", "bad")]
    if kind == "tagging":
        return "\n".join("".join(f"{word}\t{'B-A' if word in ('good', 'bad') else 'O'}\n" for word in words) for words in texts)
    if kind == "multiple_choice":
        questions = [
            {"context": " ".join(words), "question": "good?", "choices": ["good", "bad"], "answer": int("bad" in words)}
            for words in texts
        ]
        return "\n".join(map(json.dumps, questions))
    labels = {"regression": lambda words: len(words), "multi_label": lambda words: ",".join({"good", "very"} & set(words))}
    return "\n".join(["text\tlabel", *(f"{' '.join(words)}\t{labels[kind](words)}" for words in texts)])


@pytest.mark.parametrize(
    ("kind", "data", "training"),
    [
        ("regression", [], ["--adversarial=fgm"]),
        ("multi_label", ["--label_separator=,"], []),
        pytest.param("multiple_choice", [], ["--gradient_accumulation_steps=2"], marks=pytest.mark.slow),
        ("tagging", [], ["--use_crf"]),
    ],
    ids=["regression", "multi_label", "multiple_choice", "tagging"],
)
def test_every_kind(tmp_path, tiny_vocabulary, kind, data, training):
    (tmp_path / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    (tmp_path / "bert_config.json").write_text(json.dumps(CONFIG | {"vocab_size": len(tiny_vocabulary)}))
    path = tmp_path / {"tagging": "rows.conll", "multiple_choice": "rows.jsonl"}.get(kind, "rows.tsv")
    path.write_text(rows_of(kind))
    prepare = [f"--fine_tuning_task_type={kind}", f"--vocab_file={tmp_path / 'vocab.txt'}", "--max_seq_length=32", *data]
    for split in ("train", "eval"):
        prepare += [f"--{split}_file={path}", f"--{split}_data_output_path={tmp_path / split}.tf_record"]
    prepare.append(f"--meta_data_file_path={tmp_path / 'meta_data.json'}")
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *prepare]) == 0
    common = [f"--{split}_data_path={tmp_path / split}.tf_record" for split in ("train", "eval")]
    common += [f"--input_meta_data_path={tmp_path / 'meta_data.json'}", "--num_gpus=0", "--seed=1", "--train_batch_size=8"]
    common += ["--num_train_epochs=2", "--mode=train_and_eval", "--log_steps=1", *training]
    teacher, student = tmp_path / "teacher", tmp_path / "student"
    assert run([*common, f"--bert_config_file={tmp_path / 'bert_config.json'}", f"--model_dir={teacher}"]) == 0
    flags = [f"--teacher={teacher}", "--student_layers=0,1", "--replacing_rate=0.5", f"--model_dir={student}"]
    assert run([*common, *flags]) == 0
    assert len(train_losses(student)) == 6
    assert (student / "eval_results.json").exists()


def test_answers_to_questions(tmp_path, tiny_vocab_file):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, CONFIG | {"vocab_size": 86})
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=1") == 0
    arguments = [one for one in place.arguments("--log_steps=1") if "bert_config_file" not in one]
    arguments += ["--mode=train", f"--teacher={place.model_dir}", "--num_student_layers=1", "--num_train_epochs=2"]
    student = tmp_path / "student"
    flags = ["--replacing_rate=0.3", "--replacing_schedule=constant", "--replacing_proportion=0.5"]
    assert place.run_as_given(*arguments, *flags, f"--model_dir={student}") == 0
    assert json.loads((student / "bert_config.json").read_text())["num_hidden_layers"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--replacing_rate=0"], "--replacing_rate must be greater than 0, and at most 1; got 0.0"),
        (["--replacing_rate=1.5"], "--replacing_rate must be greater than 0, and at most 1; got 1.5"),
        (["--replacing_proportion=0"], "--replacing_proportion must be greater than 0, and at most 1"),
        (["--replacing_schedule=cosine"], "--replacing_schedule must be one of linear, constant"),
        (
            ["--distillation_losses=hidden"],
            "--distillation_losses is of losses against the teacher, of which --replacing_rate=0.4",
        ),
        (["--distillation_alpha=0.9"], "--distillation_alpha is of losses against the teacher"),
        (["--distillation_temperature=4"], "--distillation_temperature is of losses against the teacher"),
        (["--layer_map=last"], "--layer_map is of losses against the teacher"),
        (["--recompute"], "--recompute keeps nothing of a layer but its input, which is so with --replacing_rate anyway"),
        (["--freeze_layers=0"], "the embeddings stay the teacher's anyway; leave it out"),
        (["--reinit_layers=1"], "--reinit_layers begins the pooler at random values too"),
        (["--head_learning_rate=0.1"], "--head_learning_rate is of the head, which --replacing_rate does not train"),
        (["--hub_module_trainable=false"], "trains the student's layers, which --hub_module_trainable=false leaves as they are"),
        (["--lora_rank=2"], "--lora_rank=2 leaves a student's layers as they are"),
        (["--rdrop_alpha=1"], "asks a model to agree with itself and --teacher with another"),
        (["--num_student_layers=4"], "but the teacher has only 3 layers"),
        (["--mode=eval"], "--teacher is for training"),
    ],
)
def test_what_contradicts_is_refused_in_a_line(place, capsys, flags, message):
    assert run(arguments_of(place, "refused", *flags)) == 2
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert message in told.strip().splitlines()[-1]
    assert not list((place.directory / "refused").glob("ckpt-*"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--replacing_rate=0.3"], "--replacing_rate can do nothing without --teacher"),
        (["--teacher={teacher}", "--replacing_rate=0.3"], "from which they come: give --num_student_layers or --student_layers"),
        (
            ["--teacher={teacher}", "--replacing_schedule=constant"],
            "says how --replacing_rate goes to 1, and there is none; give",
        ),
    ],
)
def test_what_is_missing_is_named(place, capsys, flags, message):
    arguments = place.arguments("--mode=train", f"--model_dir={place.directory / 'refused'}")
    assert run(arguments, *(flag.format(teacher=place.model_dir) for flag in flags)) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
