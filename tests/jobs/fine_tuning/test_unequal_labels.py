"""Class weights, label smoothing and focal loss in the command: trained, told, identified, and refused where they do nothing."""

import json

from bert_tf2 import files


def test_a_training_with_all_three_and_what_may_not_change_of_it(workplace, capsys, caplog):
    caplog.set_level("INFO")
    weights = workplace.directory / "weights.json"
    weights.write_text('{"negative": 1, "positive": 3}')
    flags = ["--num_train_epochs=1", f"--class_weights={weights}", "--label_smoothing=0.1", "--focal_gamma=2"]
    assert workplace.run("--mode=train", *flags) == 0
    noted = files.read_json(str(workplace.model_dir / "run_config.json"))["run"]["data"]
    assert noted["class_weights"] == {"negative": 1.0, "positive": 3.0}
    assert (noted["label_smoothing"], noted["focal_gamma"]) == (0.1, 2.0)

    # The same weights in other words are the same run, which is finished; others are another.
    same = ["--class_weights=positive=3.0,negative=1", *flags[2:]]
    assert workplace.run("--mode=train", *flags[:1], *same) == 0
    capsys.readouterr()
    assert workplace.run("--mode=train", *flags[:1], "--class_weights=balanced", *flags[2:]) == 2
    told = 'belongs to another run (class_weights: {"negative": 1.0, "positive": 3.0} there, "balanced" now)'
    assert told in capsys.readouterr().err

    # Nothing of it is needed to use the model.
    weights.unlink()
    assert workplace.run("--mode=eval") == 0
    assert 0 < json.loads((workplace.model_dir / "eval_results.json").read_text())["loss"] < 2
    for flag in ("--class_weights=balanced", "--focal_gamma=2"):
        capsys.readouterr()
        assert workplace.run("--mode=eval", flag) == 2
        assert f"{flag.split('=')[0]} is for training; leave it out to evaluate" in capsys.readouterr().err
