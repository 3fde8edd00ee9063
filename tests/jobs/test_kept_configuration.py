"""A training writes down what it was given, and does the same again when it is given that."""

import dataclasses

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.config_file import options_of_file, read_settings
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.training import kept_configuration
from bert_tf2.jobs.training.kept_configuration import RUN_YAML


def kept(directory, given, **settled):
    """Writes the configuration of a training, and returns the options that it gives."""
    kept_configuration.keep(str(directory), given, dataclasses.replace(given, **settled), 7, None)
    return options_of_file(type(given), str(directory / RUN_YAML))


@pytest.mark.parametrize("options_class", [ClassifierOptions, SquadOptions, PretrainingOptions])
def test_all_of_a_command_is_kept(tmp_path, options_class):
    given = options_class(output_dir="out", do_train=True, max_seq_length=64, learning_rate=1e-4, scale_loss=True)
    read = kept(tmp_path, given, enable_xla=False, pack_sequences=False)
    # What was derived stays derived; what does nothing is left out.
    assert read == dataclasses.replace(given, seed=7, enable_xla=False, pack_sequences=False, scale_loss=False)
    text = (tmp_path / RUN_YAML).read_text()
    assert text.startswith("# bert_tf2 ")
    assert f"# {given.command} --config=run.yaml --model_dir=ANOTHER\n" in text
    assert "weight_decay_rate: 0.01\n" in text
    assert not {"scale_loss", "gin_file", "init_checkpoint", "label_threshold"} & set(read_settings(str(tmp_path / RUN_YAML)))


def test_what_is_kept_does_not_contradict_itself(tmp_path):
    read = kept(tmp_path, ClassifierOptions(compilation_cache="cache"), enable_xla=False)
    assert (read.compilation_cache, read.enable_xla) == ("cache", None)


def test_only_other_flags_are_written_anew_and_told(tmp_path, caplog):
    caplog.set_level("INFO", "bert_tf2")
    kept(tmp_path, ClassifierOptions(log_steps=10))
    path = tmp_path / RUN_YAML
    path.write_text(path.read_text() + "# mine\n")
    kept(tmp_path, ClassifierOptions(log_steps=10))
    assert path.read_text().endswith("# mine\n")
    assert not caplog.messages
    kept(tmp_path, ClassifierOptions(log_steps=20, tf_gpu_thread_mode="global"))
    changes = "tf_gpu_thread_mode not given -> global, log_steps 10 -> 20"
    assert caplog.messages == [f"{path}: written anew, for other flags than before: {changes}"]
    assert "# mine" not in path.read_text()


def test_a_file_of_ones_own_is_not_written_over(tmp_path):
    kept_configuration.require_no_other(str(tmp_path))
    (tmp_path / RUN_YAML).write_text("mode: train\n")
    with pytest.raises(UserError, match=r"run\.yaml is not a training's, .*; rename it, or name another --model_dir"):
        kept_configuration.require_no_other(str(tmp_path))


def bits(model_dir) -> dict[str, bytes]:
    prefix = tf.train.latest_checkpoint(str(model_dir))
    names = [name for name, _ in tf.train.list_variables(prefix) if "GRAPH" not in name]
    return {name: tf.train.load_variable(prefix, name).tobytes() for name in names}


def test_a_training_is_repeated_bit_for_bit_from_what_it_kept(workplace):
    # No seed: it is drawn, and kept.
    flags = [
        flag for flag in workplace.arguments("--deterministic", "--mode=train", "--num_train_epochs=1") if "seed" not in flag
    ]
    config = workplace.directory / "mine.yaml"
    config.write_text("".join(f"{name}: {value or 'true'}\n" for name, _, value in (flag[2:].partition("=") for flag in flags)))
    other = workplace.directory / "other"

    def run(*arguments):
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments])

    assert run(f"--config={config}") == 0
    assert run(f"--config={workplace.model_dir / RUN_YAML}", f"--model_dir={other}") == 0
    assert bits(workplace.model_dir) == bits(other)
    assert (other / RUN_YAML).read_text() == (workplace.model_dir / RUN_YAML).read_text().replace(
        str(workplace.model_dir), str(other)
    )
