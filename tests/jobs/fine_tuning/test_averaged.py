"""A moving average of the weights in the commands: what is scored, kept, exported, resumed and told."""

import json

import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, start

FLAGS = ["--num_train_epochs=2", "--save_checkpoints_steps=15", "--ema_decay=0.9"]


def variables_of(directory, part="model/"):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(directory)))
    names = [name for name in reader.get_variable_to_shape_map() if part in name]
    return {name: reader.get_tensor(name) for name in names}


def scores_of(directory):
    return json.loads((directory / "eval_results.json").read_text())


def test_a_training_is_scored_kept_and_resumed_by_its_average(workplace, capsys):
    assert workplace.run("--mode=train_and_eval", *FLAGS) == 0
    assert "| ema decay | 0.9 |" in (workplace.model_dir / "report.md").read_text()
    scores, whole = scores_of(workplace.model_dir), variables_of(workplace.model_dir)
    # From the directory, where nothing is known of averages, the same scores.
    (workplace.model_dir / "eval_results.json").unlink()
    assert workplace.run("--mode=eval") == 0
    assert scores_of(workplace.model_dir) == pytest.approx(scores)

    plain = workplace.directory / "plain"
    assert workplace.run("--mode=train", *FLAGS[:2], f"--model_dir={plain}") == 0
    # What the training went on from is beside the average.
    last = variables_of(plain)
    kernel = next(name for name in last if name.endswith("/kernel/.ATTRIBUTES/VARIABLE_VALUE") and "OPTIMIZER" not in name)
    kept = variables_of(workplace.model_dir, "OPTIMIZER_SLOT/optimizer/average")
    assert not variables_of(plain, "OPTIMIZER_SLOT/optimizer/average")
    of_kernel = next(value for name, value in kept.items() if name.startswith(kernel.split("/.ATTRIBUTES")[0]))
    np.testing.assert_array_equal(of_kernel, last[kernel])
    assert not np.array_equal(whole[kernel], last[kernel])

    # As after a kill behind step 15.
    for path in workplace.model_dir.glob("ckpt-20*"):
        path.unlink()
    capsys.readouterr()
    assert workplace.run("--mode=train_and_eval", *FLAGS) == 0
    assert "continuing from step 15" in capsys.readouterr().err
    again = variables_of(workplace.model_dir)
    assert whole.keys() == again.keys()
    assert all(np.array_equal(whole[name], again[name]) for name in whole)

    assert workplace.run("--mode=train_and_eval", *FLAGS[:2]) == 2
    assert "ema_decay: 0.9 there, null now" in capsys.readouterr().err
    for value in ("0", "1", "1.5", "much"):
        assert workplace.run("--mode=train", f"--ema_decay={value}") == 2
        assert "--ema_decay" in capsys.readouterr().err


@pytest.mark.slow
def test_two_replicas_and_compiled_code_keep_the_same_average(workplace):
    """In a process of its own, which divides its processor."""
    config = json.loads(workplace.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    workplace.config_file.write_text(json.dumps(config))
    kept = []
    for name, more in (("one", []), ("two", ["--num_logical_cpus=2"]), ("compiled", ["--num_logical_cpus=2", "--enable_xla"])):
        directory = workplace.directory / name
        flags = ["--mode=train", "--num_train_steps=6", "--ema_decay=0.9", f"--model_dir={directory}"]
        finish(start("run_classifier.py", *workplace.arguments(*flags, *more)))
        kept.append(variables_of(directory))
    for name, value in kept[0].items():
        for other in kept[1:]:
            np.testing.assert_allclose(other[name], value, rtol=1e-3, atol=2e-5, err_msg=name)
