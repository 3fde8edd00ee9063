"""run_pretraining --teacher: what is learned, from whom, to the same bits; and what is left is an ordinary model."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, kill_when, start
from pretraining_workplace import PretrainingWorkplace
from test_run_pretraining import bits, classify, held_out

from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.models.checkpoints.loading import read_heads

ALL = "--distillation_losses=soft,hidden,cosine,attention:0.5,minilm:2"


def tried(place: PretrainingWorkplace, name: str, *flags: str, steps: int = 3) -> pathlib.Path:
    """Trains a student in a directory of that name after `teacher`; later flags win."""
    model_dir, teacher = place.directory / name, place.directory / "teacher"
    arguments = place.arguments(f"--model_dir={model_dir}", f"--teacher={teacher}", f"--num_train_steps={steps}", "--log_steps=1")
    if any("student_layers" in flag for flag in flags):
        arguments = [one for one in arguments if "bert_config_file" not in one]
    assert place.run_as_given(*arguments, *flags) == 0
    return model_dir


def curve(place, model_dir, name="loss") -> list[float]:
    return [entry[name] for entry in place.history("train", model_dir)]


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> PretrainingWorkplace:
    """A teacher of two layers, trained, in `teacher`, and as `narrow.json` a student of its own; no dropout anywhere."""
    directory = tmp_path_factory.mktemp("taught")
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = sizes | {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, "attention_probs_dropout_prob": 0.0}
    place = PretrainingWorkplace(directory, str(directory / "vocab.txt"), config)
    kept = json.loads(place.config_file.read_text())
    (directory / "narrow.json").write_text(json.dumps(kept | {"hidden_size": 12, "num_hidden_layers": 1}))
    place.write("records", 3, 40)
    place.write("held_out", 1, 30, seed=9)
    place.write("single", 2, 40, pairs=False, masked=False)
    flags = [f"--vocab_file={place.vocab_file}", "--also_export=huggingface,tf1"]
    assert place.run(f"--model_dir={directory / 'teacher'}", *flags) == 0
    return place


def test_a_student_that_is_its_teacher_has_nothing_to_learn_of_it(place):
    """Of all losses nothing is left, so that weights do not move; in parts of a batch, on two devices, packed words or not."""
    flags = ["--num_student_layers=2", ALL, "--distillation_alpha=1", "--weight_decay_rate=0", "--learning_rate=1e-6"]
    model_dir = tried(place, "same", *flags, "--gradient_accumulation_steps=2")
    assert max(curve(place, model_dir)) < 1e-5
    for name in ("soft", "hidden", "cosine", "attention", "minilm"):
        assert max(curve(place, model_dir, f"{name}_loss")) < 1e-5
    of_teacher, of_student = (read_heads(str(one / f"ckpt-{n}")) for one, n in ((place.directory / "teacher", 60), (model_dir, 3)))
    for kind in ("masked_lm", "next_sentence"):
        for name, value in of_teacher[kind].items():
            np.testing.assert_allclose(of_student[kind][name], value, atol=1e-5)


def test_narrower_with_everything(place):
    model_dir = tried(place, "narrow", f"--bert_config_file={place.directory / 'narrow.json'}", ALL.replace(",cosine", ""), steps=30)
    for name in ("soft", "hidden", "minilm"):
        losses = curve(place, model_dir, f"{name}_loss")
        assert losses[-1] < 0.9 * losses[0], name
