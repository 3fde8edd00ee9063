"""One fine-tuning with several seeds: what is asked for, what they come to, and a real one."""

import json
import math

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.run import RunResult
from bert_tf2.jobs.fine_tuning.sweeps.seeds import run_seeds
from bert_tf2.training.reporting.history import POINT, why_loss_never_fell

BOTH = Phases(train=True, evaluate=True)


@pytest.mark.parametrize(
    ("phases", "flags", "message"),
    [
        (Phases(predict=True), {}, "--num_seeds=3 is for training and there is none"),
        (Phases(train=True), {}, "--num_seeds=3 compares evaluations and there is none: use --mode=train_and_eval"),
        (BOTH, {"model_export_path": "export"}, "--num_seeds=3: only the best is worth an export: leave --model_export_path out"),
        (BOTH, {"distribution_strategy": "multi_worker_mirrored"}, "--num_seeds=3: several workers and TPUs are connected once"),
        (BOTH, {"seed": 2**32 - 2}, "--num_seeds=3: seeds are below"),
        (BOTH, {"model_dir": None}, "--model_dir is required"),
    ],
)
def test_what_cannot_be(tmp_path, phases, flags, message):
    options = ClassifierOptions(**{"num_seeds": 3, "model_dir": str(tmp_path), **flags})
    with pytest.raises(UserError) as raised:
        run_seeds(options, phases, None)
    assert str(raised.value).startswith(message)


def test_a_directory_of_one_training_is_refused(tmp_path):
    (tmp_path / "run_config.json").write_text("{}")
    with pytest.raises(UserError, match="holds a single training; give another --model_dir"):
        run_seeds(ClassifierOptions(num_seeds=2, model_dir=str(tmp_path)), BOTH, None)


def test_something_else_of_the_name_of_the_best_stays(tmp_path):
    (tmp_path / "best").mkdir()
    with pytest.raises(UserError, match="will be a link to the directory of the best, and is there already; rename it"):
        run_seeds(ClassifierOptions(num_seeds=2, model_dir=str(tmp_path)), BOTH, None)


def results(metric, values, higher_is_better=True, degenerate=()):
    """A job that gives these values in turn, and what it was asked for."""
    asked, rest = [], iter(values)

    def run(options):
        asked.append((options.seed, options.num_seeds, options.directory))
        value = next(rest)
        if value is None:
            return RunResult(None, {}, {}, metric, higher_is_better, None)
        why = "its reason" if options.seed in degenerate else None
        scores = {"eval": {metric: value, f"{metric}/part": 1.0}}
        return RunResult(None, scores, {}, metric, higher_is_better, why)

    return run, asked


def test_what_they_come_to(tmp_path, caplog):
    values = [0.71, 0.5, 0.74, 0.72]
    run, asked = results("accuracy", values, degenerate=(8,))
    caplog.set_level("INFO")
    found = run_seeds(ClassifierOptions(num_seeds=4, seed=7, output_dir=str(tmp_path / "all")), BOTH, run)
    assert asked == [(seed, 1, str(tmp_path / "all" / f"seed_{seed}")) for seed in (7, 8, 9, 10)]
    assert (found["best"].seed, [seed.seed for seed in found["seeds"]]) == (9, [7, 8, 9, 10])
    kept = json.loads((tmp_path / "all" / "seeds.json").read_text())
    assert (kept["metric"], kept["best"]) == ("accuracy", "seed_9")
    assert kept["mean"] == {"accuracy": pytest.approx(np.mean(values))}
    assert kept["standard_deviation"] == {"accuracy": pytest.approx(np.std(values, ddof=1))}
    assert (tmp_path / "all" / "best").readlink().name == "seed_9"
    learnt = [0.71, 0.74, 0.72]
    report = (tmp_path / "all" / "report.md").read_text()
    assert "| [8](seed_8/report.md) | 0.5000 | has learnt nothing: its reason |" in report
    assert f"| those that learnt | {np.mean(learnt):.4f} ± {np.std(learnt, ddof=1):.4f} |" in report
    assert (
        f"accuracy 0.6675 ± {np.std(values, ddof=1):.4f} over 4 seeds, from 0.5000 to 0.7400; the best is seed 9" in caplog.text
    )
    assert "1 of 4 seeds have learnt nothing: 8 (its reason); accuracy of the others 0.7233 ± 0.0153" in caplog.text


def test_less_of_a_loss_is_better_and_what_is_not_defined_is_worst(tmp_path):
    run, _ = results("loss", [0.5, math.nan, 0.4], higher_is_better=False)
    assert run_seeds(ClassifierOptions(num_seeds=3, model_dir=str(tmp_path)), BOTH, run)["best"].seed == 3
    assert (tmp_path / "best").readlink().name == "seed_3"


def test_without_scores_it_ends_after_the_first(tmp_path):
    run, asked = results("f1", [None])
    with pytest.raises(UserError, match="--num_seeds=2 compares scores, and seed 1 has none"):
        run_seeds(ClassifierOptions(num_seeds=2, model_dir=str(tmp_path)), BOTH, run)
    assert len(asked) == 1


def test_a_loss_that_never_fell():
    def entries(losses):
        return [{"kind": POINT, "step": step, "loss": loss} for step, loss in enumerate(losses)]

    assert why_loss_never_fell(entries(np.linspace(0.7, 0.3, 20))) is None
    assert why_loss_never_fell(entries([0.9])) is None
    told = why_loss_never_fell(entries([0.69, 0.70, 0.68, 0.71, 0.69, 0.70, 0.69, 0.71, 0.70, 0.70]))
    assert told == "the training's loss never fell: 0.6950 at its beginning, 0.7000 at its end"


def test_two_real_ones(workplace, capsys):
    """That learn nothing at such a rate, and are trained as single runs of their seeds are."""
    flags = ["--mode=train_and_eval", "--num_train_epochs=1", "--learning_rate=1e-12"]
    assert workplace.run(*flags, "--num_seeds=2", "--seed=4") == 0
    said = capsys.readouterr().err
    assert "seed 5, 2 of 2:" in said
    assert "2 of 2 seeds have learnt nothing: 4 (" in said
    kept = json.loads((workplace.model_dir / "seeds.json").read_text())
    of_seed = [json.loads((workplace.model_dir / f"seed_{seed}" / "eval_results.json").read_text()) for seed in (4, 5)]
    assert [seed["scores"]["accuracy"] for seed in kept["seeds"]] == [scores["accuracy"] for scores in of_seed]
    assert of_seed[0]["loss"] != of_seed[1]["loss"]
    assert workplace.run("--mode=predict", f"--model_dir={workplace.model_dir / 'best'}") == 0
