"""Teachers, layers and flags that do not fit: one line that says what differs and what to do, and exit code 2."""

import json
import pathlib

import pytest
from classifier_workplace import Workplace, write_rows

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A teacher in `model`."""
    directory = tmp_path_factory.mktemp("refused")
    for seed, (split, rows) in enumerate((("train", 30), ("eval", 8), ("test", 8))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    config = SIZES | {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64}
    place = Workplace(directory, str(directory / "vocab.txt"), config)
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=1") == 0
    return place


def refused(place: Workplace, capsys, *flags: str, with_config: bool = True) -> str:
    """The one line of a refused command, which leaves no checkpoint."""
    student = place.directory / "student"
    arguments = place.arguments("--mode=train", f"--model_dir={student}")
    given = [one for one in arguments if with_config or "bert_config_file" not in one]
    capsys.readouterr()
    code = cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *given, *flags])
    told = capsys.readouterr().err
    assert code == 2, told
    assert "Traceback" not in told
    assert not list(student.glob("ckpt-*"))
    return told.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--distillation_alpha=0.3"], "--distillation_alpha can do nothing without --teacher"),
        (["--num_student_layers=1"], "--num_student_layers can do nothing without --teacher"),
        (["--teacher=nowhere"], "--teacher=nowhere: there is no directory nowhere; give the --model_dir of a finished training"),
        (["--teacher={data}"], "lacks run_config.json, checkpoints (ckpt-N), which a training leaves there"),
        (["--teacher={teacher}/ckpt-77"], "there is no such checkpoint"),
        (["--teacher={teacher}", "--mode=eval"], "--teacher is for training"),
        (["--teacher={student}"], "is the directory to train in"),
        (["--teacher={teacher}", "--distillation_losses=soft,hard"], "must be some of soft, hidden, cosine, attention, minilm"),
        (["--teacher={teacher}", "--distillation_losses=soft:2"], "must not give soft a weight"),
        (["--teacher={teacher}", "--distillation_losses=hidden:0"], "must give hidden a weight above 0"),
        (["--teacher={teacher}", "--distillation_losses=hidden,hidden"], "must name hidden once"),
        (["--teacher={teacher}", "--distillation_losses=hidden", "--distillation_alpha=0.2"], "is of the soft loss"),
        (["--teacher={teacher}", "--layer_map=last"], "--layer_map is of hidden and attention"),
        (["--teacher={teacher}", "--distillation_losses=hidden", "--layer_map=0:5"], "no layer 5 in the teacher, whose 2"),
        (["--teacher={teacher}", "--num_student_layers=1"], "--bert_config_file names the beginning of a model of its own"),
        (
            ["--teacher={teacher}", "--distillation_losses=minilm", "--recompute"],
            "--recompute keeps nothing of a layer's attention",
        ),
        (
            ["--teacher={teacher}", "--distillation_losses=hidden", "--pack_sequences"],
            "--pack_sequences: --distillation_losses=hidden compares",
        ),
        (["--teacher={teacher}", "--hub_module_trainable=false", "--distillation_losses=hidden"], "can only be soft"),
    ],
)
def test_flags_that_contradict(place, capsys, flags, message):
    names = {"data": place.directory, "teacher": place.model_dir, "student": place.directory / "student"}
    told = refused(place, capsys, *(flag.format(**names) for flag in flags))
    assert told.startswith("ERROR: "), told
    assert message in told, told


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--student_layers=0,2"], "--student_layers=0,2: there is no layer 2 in the teacher, whose 2 are counted from 0 to 1"),
        (["--num_student_layers=3"], "--num_student_layers=3, but the teacher has only 2 layers"),
        (["--student_layers=0", "--num_student_layers=1"], "are two ways to choose layers; give one"),
        (["--student_layers=0", "--init_checkpoint=x"], "--init_checkpoint names the beginning of a model of its own"),
    ],
)
def test_layers_that_the_teacher_has_not(place, capsys, flags, message):
    assert message in refused(place, capsys, f"--teacher={place.model_dir}", *flags, with_config=False)


def test_a_student_with_other_heads_cannot_compare_attention(place, capsys):
    other = place.directory / "heads.json"
    other.write_text(json.dumps(json.loads(place.config_file.read_text()) | {"num_attention_heads": 4}))
    flags = [f"--teacher={place.model_dir}", f"--bert_config_file={other}"]
    told = refused(place, capsys, *flags, "--distillation_losses=minilm")
    assert "the student has 4 heads (num_attention_heads), the teacher 2" in told


def other_teacher(place: Workplace, path: pathlib.Path, **changed) -> pathlib.Path:
    """The teacher's directory as that of a training on other data."""
    path.mkdir()
    for file in place.model_dir.iterdir():
        if file.is_file():
            (path / file.name).write_bytes(file.read_bytes())
    meta = json.loads((path / "meta_data.json").read_text())
    (path / "meta_data.json").write_text(json.dumps(meta | changed))
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"task_type": "bert_regression"}, 'task: "bert_regression" there, "bert_classification" here'),
        ({"label_list": ["positive", "negative"]}, 'labels: ["positive", "negative"] there, ["negative", "positive"] here'),
        ({"label_list": ["a", "b", "c"], "num_labels": 3}, 'labels: ["a", "b", "c"] there'),
        ({"vocab_fingerprint": "0" * 64}, 'vocabulary: "00000000…" there, "'),
        ({"do_lower_case": False}, "do_lower_case: "),
    ],
    ids=["task", "order", "labels", "vocabulary", "casing"],
)
def test_a_teacher_of_other_data(place, tmp_path, capsys, changed, message):
    teacher = other_teacher(place, tmp_path / "other", **changed)
    told = refused(place, capsys, f"--teacher={teacher}")
    assert f"--teacher={teacher} was trained for other data than these" in told
    assert message in told
    assert "give a teacher of the same task, with the same labels in the same order, the same vocabulary and casing" in told


def test_a_teacher_with_other_options_of_its_kind(place, tmp_path, capsys):
    teacher = other_teacher(place, tmp_path / "field")
    run_config = json.loads((teacher / "run_config.json").read_text())
    run_config["run"]["data"]["use_crf"] = True
    (teacher / "run_config.json").write_text(json.dumps(run_config))
    told = refused(place, capsys, f"--teacher={teacher}")
    assert "was trained with --use_crf=True, and this is to be without --use_crf; give both the same" in told


def test_a_teacher_of_fewer_places(place, tmp_path, capsys):
    teacher = other_teacher(place, tmp_path / "short")
    config = json.loads((teacher / "bert_config.json").read_text())
    (teacher / "bert_config.json").write_text(json.dumps(config | {"max_position_embeddings": 16}))
    assert "takes 16 tokens, and the data have up to 32" in refused(place, capsys, f"--teacher={teacher}")


def test_layers_that_share_their_weights(place, tmp_path, capsys):
    teacher = other_teacher(place, tmp_path / "shared")
    config = {"model_type": "albert", "vocab_size": 86, "embedding_size": 8, "num_hidden_groups": 1, **SIZES}
    (teacher / "bert_config.json").write_text(json.dumps(config))
    told = refused(place, capsys, f"--teacher={teacher}", "--num_student_layers=1", with_config=False)
    assert "is an ALBERT, whose layers share their weights" in told
