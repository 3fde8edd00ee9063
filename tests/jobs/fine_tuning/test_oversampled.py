"""`--oversample` in the command: the epoch is longer, told, identified, and goes on to the same bits; what it is refused with."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2 import files
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions


def weights_of(directory):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(directory)))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/")]
    return {name: reader.get_tensor(name) for name in names}


@pytest.fixture
def unequal(workplace):
    """120 rows of one label, 7 of the other; dropout, so that every sample's number counts."""
    lines = [f"the movie was {'very ' * (row % 6)}{'bad' if row % 18 == 4 else 'good'}" for row in range(127)]
    labels = ["negative" if " bad" in line else "positive" for line in lines]
    assert labels.count("negative") == 7
    rows = "".join(f"{line}\t{label}\n" for line, label in zip(lines, labels))
    (workplace.directory / "train.tsv").write_text("text\tlabel\n" + rows)
    config = json.loads(workplace.config_file.read_text()) | {"hidden_dropout_prob": 0.1}
    workplace.config_file.write_text(json.dumps(config))
    assert workplace.prepare() == 0
    return workplace


def test_a_training(unequal, capsys):
    flags = ["--mode=train", "--num_train_epochs=2", "--oversample=balanced", "--save_checkpoints_steps=20"]
    assert unequal.run(*flags) == 0
    told = capsys.readouterr().err
    assert "--oversample: an epoch has 240 examples, of 127 rows; those of 'negative' (7) are in it 17.1 times" in told
    assert "127 examples, 240 in an epoch (mean" in told
    assert "30 steps of 16 examples, 15 steps an epoch" in told
    assert "| examples in an epoch | 240 (some rows several times) |" in (unequal.model_dir / "report.md").read_text()
    assert files.read_json(str(unequal.model_dir / "run_config.json"))["run"]["data"]["oversample"] == "balanced"
    whole = weights_of(unequal.model_dir)

    # As after a kill behind step 20, in the middle of the second epoch.
    for path in unequal.model_dir.glob("ckpt-30*"):
        path.unlink()
    assert unequal.run(*flags) == 0
    assert "continuing from step 20" in capsys.readouterr().err
    again = weights_of(unequal.model_dir)
    assert whole.keys() == again.keys()
    assert all(np.array_equal(whole[name], again[name]) for name in whole)

    assert unequal.run(*flags[:2], "--oversample=negative=3") == 2
    assert 'oversample: "balanced" there, {"negative": 3.0} now' in capsys.readouterr().err
    assert unequal.run("--mode=eval", "--oversample=balanced") == 2
    assert "--oversample is for training; leave it out to evaluate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--class_weights=balanced"], "--oversample=balanced and --class_weights=balanced: the rows of rare labels would count"),
        (["--steps_rounding=google"], "--steps_rounding=google counts the rows of the files, and an epoch holds some several"),
    ],
)
def test_what_does_not_go_together(workplace, capsys, flags, message):
    assert workplace.run("--mode=train", "--oversample=balanced", *flags) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not list(workplace.model_dir.glob("ckpt*"))


def test_teachers_and_students_need_not_agree_in_it():
    from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import with_teacher

    with_teacher(ClassifierOptions(teacher="teacher", distillation_alpha=1.0, oversample="balanced", model_dir="x"), trains=True)
