"""Cross-validation: how rows are divided, what is refused, and a real one."""

import csv
import json

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.sweeps.fold import Fold


def test_parts_are_disjoint_and_have_equal_shares_of_the_labels():
    labels = np.random.default_rng(0).choice(3, size=101, p=[0.7, 0.2, 0.1])
    parts = [Fold(number, 7, seed=1).held_out(101, labels) for number in range(1, 8)]
    assert (np.sum(parts, axis=0) == 1).all()
    assert {part.sum() for part in parts} == {14, 15}
    shares = np.array([np.bincount(labels[part], minlength=3) for part in parts])
    assert (shares.max(axis=0) - shares.min(axis=0) <= 1).all()
    other = Fold(1, 7, seed=2).held_out(101, labels)
    assert (other != parts[0]).any()
    without = [Fold(number, 4, seed=1).held_out(10, None) for number in range(1, 5)]
    assert [part.sum() for part in without] == [3, 3, 2, 2]
    assert (np.sum(without, axis=0) == 1).all()


def test_too_few_rows():
    with pytest.raises(UserError, match="--num_folds=4: there are only 3 training examples"):
        Fold(1, 4, seed=1).held_out(3, None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_folds=1"], "--num_folds must be 2 or more; got 1"),
        (["--mode=train", "--fold=1"], "--fold=1 needs --num_folds, the number of parts"),
        (["--mode=train", "--num_folds=3", "--fold=4"], "--fold=4 must be from 1 to --num_folds=3"),
        (["--mode=train_and_eval", "--num_folds=3"], "--num_folds=3 evaluates parts of the training examples and nothing else"),
        (["--mode=predict", "--num_folds=3"], "use --mode=train"),
        (["--mode=train", "--num_folds=3"], "leave --eval_data_path out"),
        (["--mode=train", "--num_folds=3", "--num_seeds=2"], "--num_folds=3 and --num_seeds=2: repeat one of them"),
        (["--mode=train", "--num_folds=3", "--model_export_path=x"], "only the best is worth an export"),
        (["--mode=train", "--num_folds=300", "--eval_data_path="], "--num_folds=300: there are only"),
    ],
)
def test_what_is_refused(workplace, flags, message, capsys):
    assert workplace.run(*flags) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
    assert not (workplace.model_dir / "folds.json").exists()


@pytest.mark.slow
def test_every_example_is_predicted_by_the_model_that_has_not_seen_it(workplace, capsys):
    flags = ["--mode=train", "--eval_data_path=", "--num_folds=2", "--num_train_epochs=1", "--best_metric=accuracy"]
    assert workplace.run(*flags) == 0
    assert "of all predictions together" in capsys.readouterr().err

    def rows(path):
        with open(path, newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    together = rows(workplace.model_dir / "eval_predictions_out_of_fold.tsv")
    folds = [rows(workplace.model_dir / f"fold_{number}" / "eval_predictions.tsv") for number in (1, 2)]
    records = json.loads((workplace.directory / "meta_data.json").read_text())["train_data_size"]
    assert [row["id"] for row in together] == [str(number) for number in range(records)]
    assert sorted((row for fold in folds for row in fold), key=lambda row: int(row["id"])) == together
    kept = json.loads((workplace.model_dir / "folds.json").read_text())
    right = np.mean([row["label"] == row["prediction"] for row in together])
    assert kept["out_of_fold"]["accuracy"] == pytest.approx(right)
    assert kept["mean"]["accuracy"] == pytest.approx(np.mean([fold["scores"]["accuracy"] for fold in kept["folds"]]))
    identity = json.loads((workplace.model_dir / "fold_2" / "run_config.json").read_text())["run"]["data"]
    assert identity["fold"] == {"number": 2, "of": 2, "seed": 1}
    # A part alone is the same training.
    capsys.readouterr()
    assert workplace.run(*flags, "--fold=2", f"--model_dir={workplace.model_dir / 'fold_2'}") == 0
    assert "already finished" in capsys.readouterr().err
    assert workplace.run("--mode=predict", f"--model_dir={workplace.model_dir / 'fold_2'}") == 0
