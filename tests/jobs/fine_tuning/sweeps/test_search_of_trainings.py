"""A real search: it trains parts of trainings, goes on with the best, and repeats it by the command that it gives."""

import json
import re

import pytest

SPACE = """
method: successive_halving
trials: 2
reduction: 2
space:
  learning_rate: [0.01, 0.02]
"""


@pytest.mark.slow
def test_the_best_is_trained_as_it_would_be_alone(workplace, capsys):
    space = workplace.directory / "space.yaml"
    space.write_text(SPACE)
    given = [flag for flag in workplace.arguments("--mode=train_and_eval") if not flag.startswith(("--learning_rate", "--seed"))]
    flags = [*given, "--num_train_epochs=2", "--deterministic"]
    assert workplace.run_alone(*flags, f"--search={space}") == 0
    assert "training paused at step" in capsys.readouterr().err
    kept = json.loads((workplace.model_dir / "search.json").read_text())
    trials = {trial["number"]: trial for trial in kept["trials"]}
    best = int(kept["best"].removeprefix("trial_"))
    assert [[stage["share"] for stage in trials[number]["stages"]] for number in (best, 3 - best)] == [[0.5, 1.0], [0.5]]
    command = re.search(r"python run_classifier.py (.*) --model_dir=ANOTHER", (workplace.model_dir / "report.md").read_text())[1]
    again = workplace.directory / "again"
    assert workplace.run_alone(command, f"--model_dir={again}") == 0
    name = "eval_results.json"
    assert (again / name).read_bytes() == (workplace.model_dir / "best" / name).read_bytes()
    assert workplace.run_alone(*flags, f"--search={space}") == 0
    assert "training" not in capsys.readouterr().err.rpartition("the best of 2 trials")[0].rpartition("report:")[2]
