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
from bert_tf2.models.checkpoints.formats import open_source
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
    of_teacher, of_student = (
        read_heads(str(one / f"ckpt-{n}")) for one, n in ((place.directory / "teacher", 60), (model_dir, 3))
    )
    for kind in ("masked_lm", "next_sentence"):
        for name, value in of_teacher[kind].items():
            np.testing.assert_allclose(of_student[kind][name], value, atol=1e-5)


def test_a_narrower_student_learns_all_and_is_an_ordinary_model(place, capsys):
    """Projections are gone afterwards; the report, the summary and TensorBoard tell each loss, which add up to the whole."""
    flags = [f"--bert_config_file={place.directory / 'narrow.json'}", "--distillation_losses=soft,hidden,attention:0.5,minilm:2"]
    flags += [f"--vocab_file={place.vocab_file}", "--also_export=tf1,huggingface", held_out(place)]
    model_dir = tried(place, "narrow", *flags, steps=40)
    told = capsys.readouterr().err
    assert "teacher: loaded " in told
    wanted = "soft 0.5 of masked words and pairs at temperature 2, hidden 1, attention 0.5, minilm 2; labels 0.5"
    assert f"BERT of 2 layers of 16) runs in every training step: {wanted}" in told
    assert "soft_loss " in told
    for name in ("soft", "hidden", "minilm"):
        losses = curve(place, model_dir, f"{name}_loss")
        assert losses[-1] < 0.9 * losses[0], name
    for entry in place.history("train", model_dir):
        parts = 0.5 * (entry["masked_lm_loss"] + entry["next_sentence_loss"] + entry["soft_loss"]) + entry["hidden_loss"]
        assert entry["loss"] == pytest.approx(parts + 0.5 * entry["attention_loss"] + 2 * entry["minilm_loss"], rel=1e-4)
    report = (model_dir / "report.md").read_text()
    assert f"| learned from it | {wanted} |" in report
    assert "## What was learned from the teacher" in report
    assert "| minilm | 2 | " in report
    summary = json.loads((model_dir / "summaries" / "training_summary.txt").read_text())
    assert summary["hidden_loss"] == curve(place, model_dir, "hidden_loss")[-1]
    tags = set()
    for path in (model_dir / "summaries").rglob("events*"):
        tags |= {value.tag for event in tf.compat.v1.train.summary_iterator(str(path)) for value in event.summary.value}
    assert {"soft_loss", "attention_loss"} <= {tag.split("/")[-1] for tag in tags}

    pretrained = model_dir / "pretrained"
    for path in (pretrained / "bert_model.ckpt-40", pretrained / "tf1" / "bert_model.ckpt-40"):
        assert [12, 16] not in [shape for _, shape in tf.train.list_variables(str(path))]
    assert set(read_heads(str(pretrained / "huggingface-40"))) == {"masked_lm", "next_sentence"}
    place.config_file, config = place.directory / "narrow.json", place.config_file
    assert classify(place, str(pretrained)) == 0
    place.config_file = config
    assert "missing 2 (output_weights, output_bias)" in capsys.readouterr().err
    (best,) = MaskFiller.from_checkpoint(str(model_dir)).fill("the movie was [MASK] !", top_k=1)[0]
    # The records have eight words, the vocabulary 86 tokens.
    assert best.token in ("the", "movie", "was", "very", "good", "bad", "!")


def test_a_student_is_made_of_layers_of_its_teacher(place, capsys):
    """Of a folder of transformers; its heads too, where the teacher has them."""
    folder = place.directory / "teacher" / "pretrained" / "huggingface-60"
    model_dir = tried(place, "made", f"--teacher={folder}", "--student_layers=1", "--learning_rate=1e-12", held_out(place))
    told = capsys.readouterr().err
    assert f"the student begins as layer 1 of {folder}" in told
    assert "the masked-LM head was restored" in told
    teacher, student = (open_source(str(one)).tensors for one in (place.directory / "teacher", model_dir))
    assert len([name for name in student if "layer_" in name]) == 16
    for name, tensor in student.items():
        np.testing.assert_allclose(tensor.read(), teacher[name.replace("layer_0", "layer_1")].read(), atol=1e-6, err_msg=name)
    assert json.loads((model_dir / "bert_config.json").read_text())["num_hidden_layers"] == 1
    assert f"| initial weights | layer 1 of {folder} |" in (model_dir / "report.md").read_text()
    # Without a teacher's losses the same beginning, which a comparison needs.
    alone = tried(place, "alone", "--student_layers=1", "--learning_rate=1e-12", "--distillation_alpha=0")
    assert "nothing is learned from the teacher but what the student begins with" in capsys.readouterr().err
    made = place.history("train", model_dir)[0]
    assert curve(place, alone)[0] == pytest.approx(made["masked_lm_loss"] + made["next_sentence_loss"], rel=1e-4)


@pytest.mark.parametrize("kind", ["records", pytest.param("single", marks=pytest.mark.slow)])
def test_what_is_taken_back_is_trained_to_the_same_bits_and_another_teacher_is_refused(place, capsys, kind):
    """Of a student with projections, dropout, and masks drawn in every epoch."""
    config = json.loads((place.directory / "narrow.json").read_text()) | {"hidden_dropout_prob": 0.1}
    (place.directory / "dropped.json").write_text(json.dumps(config))
    flags = [f"--input_files={place.directory / kind}/part-*", f"--bert_config_file={place.directory / 'dropped.json'}"]
    flags += [ALL.replace(",cosine", ""), "--save_checkpoints_steps=2", "--keep_checkpoint_max=0"]
    name = f"resumed_{kind}"
    model_dir = tried(place, name, *flags, steps=6)
    whole = bits(model_dir)
    for path in model_dir.glob("ckpt-*"):
        if int(path.name.split("-")[1].split(".")[0]) > 2:
            path.unlink()
    tried(place, name, *flags, steps=6)
    assert "continuing from step 2" in capsys.readouterr().err
    assert bits(model_dir) == whole
    # The same weights in another form are the same teacher.
    teacher = place.directory / "teacher" / "pretrained"
    tried(place, name, *flags, f"--teacher={teacher / 'huggingface-60'}", steps=6)
    assert "already finished" in capsys.readouterr().err
    arguments = place.arguments(f"--model_dir={model_dir}", "--num_train_steps=6", "--log_steps=1", *flags)
    (teacher / "tf1" / "vocab.txt").write_bytes((place.directory / "vocab.txt").read_bytes())
    other = place.directory / "other_teacher"
    if not other.exists():
        assert place.run(f"--model_dir={other}", f"--vocab_file={place.vocab_file}", "--num_train_steps=1") == 0
    capsys.readouterr()
    assert place.run_as_given(*arguments, f"--teacher={other}") == 2
    assert f"{model_dir} belongs to another run (teacher: " in capsys.readouterr().err.strip().splitlines()[-1]
    assert place.run_as_given(*arguments, f"--teacher={place.directory / 'teacher'}", "--distillation_temperature=4") == 2
    assert "distillation_temperature: 2.0 there, 4.0 now" in capsys.readouterr().err


def test_an_encoder_alone_teaches_without_labels(place, capsys):
    """MiniLM's way, of a teacher that has no heads; the student's stay as they were, which is told."""
    encoder = place.directory / "teacher" / "pretrained"
    flags = [f"--teacher={encoder}", "--distillation_losses=minilm,hidden", "--distillation_alpha=1"]
    flags += [f"--bert_config_file={place.directory / 'narrow.json'}", held_out(place)]
    model_dir = tried(place, "unlabelled", *flags, steps=20)
    told = capsys.readouterr().err
    assert (
        "the masked-LM head and the next-sentence head stay at random values; use the encoder that is left, not fill_mask" in told
    )
    assert told.count("WARNING") == 1, told
    for entry in place.history("train", model_dir):
        assert entry["loss"] == pytest.approx(entry["minilm_loss"] + entry["hidden_loss"], rel=1e-5)
    assert curve(place, model_dir)[-1] < 0.8 * curve(place, model_dir)[0]
    heads = read_heads(str(model_dir / "ckpt-20"))["masked_lm"]
    assert not heads["cls/predictions/output_bias"].any()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_compiled_in_parts_on_two_devices_has_the_same_curve_of_the_loss(place, dtype):
    flags = [f"--bert_config_file={place.directory / 'narrow.json'}", ALL.replace(",cosine", ""), "--nobucket_by_length"]
    plain = tried(place, f"plain_{dtype}", *flags, steps=6)
    other = place.directory / f"other_{dtype}"
    arguments = place.arguments(f"--model_dir={other}", f"--teacher={place.directory / 'teacher'}", *flags, f"--dtype={dtype}")
    arguments += ["--num_train_steps=6", "--log_steps=1", "--num_logical_cpus=2", "--gradient_accumulation_steps=2"]
    finish(start("run_pretraining.py", *arguments, "--enable_xla"))
    assert len(curve(place, plain)) == 6
    np.testing.assert_allclose(curve(place, other), curve(place, plain), rtol=2e-3 if dtype == "fp32" else 0.05)


@pytest.mark.slow
def test_recomputed_layers_teach_the_same(place):
    """Of the losses that can be had with it."""
    flags = ["--num_student_layers=1", "--distillation_losses=soft,hidden,cosine"]
    plain, other = (tried(place, f"recomputed{len(more)}", *flags, *more, steps=5) for more in ([], ["--recompute"]))
    np.testing.assert_allclose(curve(place, other), curve(place, plain), rtol=1e-4)


@pytest.mark.slow
def test_killed_and_run_again_ends_with_the_same_bits(place):
    """On two devices, with everything that is learned of the teacher."""
    flags = [
        ALL,
        "--num_student_layers=1",
        "--num_logical_cpus=2",
        "--deterministic",
        "--save_checkpoints_steps=5",
        "--log_steps=1",
    ]
    whole, killed = (place.directory / name for name in ("whole", "killed"))

    def begun(model_dir):
        arguments = place.arguments(f"--model_dir={model_dir}", f"--teacher={place.directory / 'teacher'}", *flags)
        return start("run_pretraining.py", *(one for one in arguments if "bert_config_file" not in one))

    finish(begun(whole))
    assert kill_when(begun(killed), lambda: len(curve(place, killed)) >= 12)
    (told,) = finish(begun(killed))
    assert "continuing from step" in told
    assert bits(whole) == bits(killed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "losses"),
    [
        ({"model_type": "albert", "embedding_size": 8, "num_hidden_groups": 1}, "soft,hidden,attention"),
        ({"model_type": "distilbert", "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}, "soft,minilm"),
        ({"model_type": "electra", "embedding_size": 8}, "cosine,minilm"),
    ],
    ids=["albert", "distilbert", "electra"],
)
def test_teachers_of_other_families(place, capsys, family, losses):
    config = json.loads(place.config_file.read_text())
    if family["model_type"] == "distilbert":
        config = {name: config[name] for name in ("vocab_size", "max_position_embeddings", "initializer_range")}
    directory = place.directory / family["model_type"]
    directory.mkdir()
    (directory / "bert_config.json").write_text(json.dumps(config | family))
    given = [f"--bert_config_file={directory / 'bert_config.json'}", f"--vocab_file={place.vocab_file}", "--num_train_steps=2"]
    assert place.run(f"--model_dir={directory / 'teacher'}", *given) == 0
    flags = [f"--teacher={directory / 'teacher'}", f"--distillation_losses={losses}", held_out(place)]
    model_dir = tried(place, f"after_{family['model_type']}", *flags, steps=12)
    assert "runs in every training step" in capsys.readouterr().err
    for name in losses.split(","):
        found = curve(place, model_dir, f"{name}_loss")
        assert found[-1] < found[0], name
