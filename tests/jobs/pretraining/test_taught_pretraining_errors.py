"""Teachers, students and flags of a pre-training that do not fit: one line that says what differs, and exit code 2."""

import json
import shutil

import pytest
from pretraining_workplace import PretrainingWorkplace
from test_run_pretraining_errors import refused


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> PretrainingWorkplace:
    """A teacher in `teacher`, without pairs, and its encoder alone in `encoder`, whose folder holds what it needs."""
    directory = tmp_path_factory.mktemp("refused")
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = sizes | {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64}
    place = PretrainingWorkplace(directory, str(directory / "vocab.txt"), config)
    place.write("records", 2, 8)
    place.write("bare", 1, 8, meta=False)
    flags = [f"--vocab_file={place.vocab_file}", "--nouse_next_sentence_label", "--also_export=tf1"]
    assert place.run(f"--model_dir={directory / 'teacher'}", "--num_train_steps=1", *flags) == 0
    shutil.copytree(directory / "teacher" / "pretrained", directory / "encoder", ignore=shutil.ignore_patterns("tf1"))
    for name, changed in (
        ("wide.json", {"hidden_size": 32}),
        ("heads.json", {"num_attention_heads": 4}),
        ("long.json", {"vocab_size": 90}),
        ("electra.json", {"model_type": "electra", "embedding_size": 16}),
    ):
        (directory / name).write_text(json.dumps(json.loads(place.config_file.read_text()) | changed))
    return place


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_student_layers=1"], "--num_student_layers can do nothing without --teacher"),
        (["--distillation_losses=minilm"], "--distillation_losses can do nothing without --teacher"),
        (["--teacher=nowhere"], "--teacher=nowhere: "),
        (["--teacher={at}/records"], "--teacher={at}/records: "),
        (["--teacher={at}/teacher/ckpt-7"], "--teacher={at}/teacher/ckpt-7: "),
        (["--teacher={at}/model"], "is the directory to train in"),
        (["--teacher={at}/teacher", "--do_eval"], "--teacher is for training"),
        (["--teacher={at}/teacher", "--num_student_layers=1"], "--bert_config_file names the beginning of a model of its own"),
        (["--teacher={at}/teacher", "--layer_map=last"], "--layer_map is of hidden and attention"),
        (["--teacher={at}/teacher", "--distillation_losses=hidden", "--distillation_alpha=0.3"], "or give 1 to learn nothing"),
        (["--teacher={at}/teacher", "--distillation_losses=hidden", "--distillation_temperature=3"], "is of the soft loss"),
        (["--teacher={at}/teacher", "--distillation_losses=minilm", "--recompute"], "--recompute keeps nothing"),
        (["--teacher={at}/teacher", "--distillation_losses=hidden", "--layer_map=0:5"], "no layer 5 in the teacher, whose 2"),
        (["--teacher={at}/teacher", "--pack_sequences"], "--pack_sequences: pre-training does not count"),
        (["--teacher={at}/encoder"], "has no masked-LM head, whose guesses the soft loss is of"),
        (["--teacher={at}/teacher", "--distillation_alpha=1"], "has no head for these pairs"),
        (["--teacher={at}/teacher", "--bert_config_file={at}/long.json"], "has 86 rows of words and the student 90 (vocab_size)"),
        (
            ["--teacher={at}/teacher", "--bert_config_file={at}/wide.json", "--distillation_losses=cosine"],
            "the student's have 32 numbers (hidden_size), the teacher's 16; use hidden",
        ),
        (
            ["--teacher={at}/teacher", "--bert_config_file={at}/heads.json", "--distillation_losses=minilm"],
            "the student has 4 heads (num_attention_heads), the teacher 2",
        ),
        (
            ["--teacher={at}/teacher", "--bert_config_file={at}/electra.json", "--vocab_file={at}/vocab.txt"],
            "ELECTRA learns which tokens a generator replaced",
        ),
        (
            ["--teacher={at}/teacher", "--input_files={at}/bare/part-*", "--max_seq_length=24", "--max_predictions_per_seq=4"],
            "--vocab_file is required with --teacher={at}/teacher",
        ),
    ],
)
def test_flags_and_models_that_do_not_fit(place, capsys, flags, message):
    told = refused(place, capsys, *(flag.format(at=place.directory) for flag in flags))
    assert message.format(at=place.directory) in told, told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vocab": "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(97, 120))])}, 'vocabulary: "'),
        ({"vocab": None}, "no vocabulary lies beside it"),
        ({"do_lower_case": False}, "do_lower_case: false there, true here"),
        ({"max_position_embeddings": 16}, "max_position_embeddings"),
        ({"config": None}, "no bert_config.json or config.json lies in"),
        ({"model_type": "xlnet"}, "--teacher="),
    ],
    ids=["vocabulary", "no_vocabulary", "casing", "positions", "no_configuration", "family"],
)
def test_a_teacher_of_another_kind(place, tmp_path, capsys, changed, message):
    """The folder of an encoder, with one thing changed."""
    folder = tmp_path / "other"
    shutil.copytree(place.directory / "encoder", folder)
    config, settings = (json.loads((folder / name).read_text()) for name in ("bert_config.json", "tokenizer_config.json"))
    if "vocab" in changed:
        (folder / "vocab.txt").unlink()
        if changed["vocab"] is not None:
            (folder / "vocab.txt").write_text(changed["vocab"] + "\n")
    (folder / "bert_config.json").write_text(
        json.dumps(config | {k: v for k, v in changed.items() if k in (*config, "model_type")})
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {k: v for k, v in changed.items() if k in settings}))
    if "config" in changed:
        (folder / "bert_config.json").unlink()
    told = refused(place, capsys, f"--teacher={folder}", "--distillation_losses=minilm")
    assert f"--teacher={folder}" in told
    assert message in told, told


def test_records_longer_than_the_teacher(place, tmp_path, capsys):
    """A teacher that was trained on 16 tokens, as its configuration says too."""
    short = PretrainingWorkplace(
        tmp_path, place.vocab_file, json.loads(place.config_file.read_text()) | {"max_position_embeddings": 16}
    )
    sentences = [
        "--max_seq_length=16",
        "--max_predictions_per_seq=4",
        "--nouse_next_sentence_label",
        f"--vocab_file={place.vocab_file}",
    ]
    short.write("records", 1, 8, meta=False, pairs=False)
    assert short.run("--num_train_steps=1", *sentences) == 0
    told = refused(place, capsys, f"--teacher={short.model_dir}")
    assert "takes 16 tokens, and the records have up to 24" in told
