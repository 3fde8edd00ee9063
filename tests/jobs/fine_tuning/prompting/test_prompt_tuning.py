"""Patterns with trained vectors through the commands: from the file of patterns to what uses the model."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from classifier_workplace import Workplace, write_rows
from job_processes import finish, history, start
from test_prompt_jobs import KIND, predicted, prepared, refused, texts_of, theirs, write_pretrained

from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint

WORDS = {"negative": ["bad"], "positive": ["good", "very"]}
HARD = {"patterns": ["{text} It was [MASK].", "good the [MASK]! [SEP] {text}"], "verbalizers": WORDS}
AS_WORDS = {"patterns": ["{text} [P:It was] [MASK].", "[P:good] the [MASK]! [SEP] {text}"], "verbalizers": WORDS}
SOFT = {"patterns": ["{text} [P:It was] [MASK].", "[P*2] [MASK] [P]! [SEP] {text}"], "verbalizers": WORDS}
ONE = {"patterns": ["[P] {text} [P:the was] [MASK]."], "verbalizers": {"negative": "bad", "positive": "good"}}
FREE = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """Rows, a BERT with a masked-LM head, and a vocabulary with free tokens."""
    directory = tmp_path_factory.mktemp("prompts")
    for seed, (split, rows) in enumerate((("train", 16), ("eval", 21), ("test", 9))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    vocabulary = [*tiny_vocabulary, *(f"[unused{number}]" for number in range(FREE))]
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(vocabulary), "max_position_embeddings": 64, "type_vocab_size": 2, **sizes}
    config["attention_probs_dropout_prob"] = 0.0
    place = Workplace(directory, str(vocab_file), config)
    place.pretrained = write_pretrained(directory / "pretrained", place.config_file, "masked_lm")
    return place


def train(place: Workplace, model: pathlib.Path, *flags: str) -> int:
    return place.run(f"--init_checkpoint={place.pretrained}", f"--vocab_file={place.vocab_file}", f"--model_dir={model}", *flags)


def weights_of(place: Workplace, path: pathlib.Path, directory: pathlib.Path) -> dict[str, np.ndarray]:
    """The weights of a run's last checkpoint, by the names that `transformers` has for them."""
    from safetensors.numpy import load_file

    options = {"converted_checkpoint_path": str(directory), "to": "huggingface", "vocab_file": place.vocab_file}
    convert_checkpoint(ConvertCheckpointOptions(checkpoint_to_convert=str(path), **options))
    return load_file(str(directory / "model.safetensors"))


TABLE = "bert.embeddings.word_embeddings.weight"


def test_vectors_that_begin_as_words_are_the_words(place):
    """The same predictions as with the words themselves, whose model equals that of transformers."""
    found = []
    for name, prompts in (("hard", HARD), ("as_words", AS_WORDS)):
        assert prepared(place, prompts) == 0
        assert train(place, place.directory / name, "--mode=predict") == 0
        found.append(predicted(place.directory / name))
    np.testing.assert_array_equal(found[0], found[1])


def test_one_step_is_that_of_numpy_on_the_model_of_transformers(place, tmp_path):
    """Vectors alone: AdamW's first step on gradients of `inputs_embeds`, and every other weight as it was."""
    assert prepared(place, ONE) == 0
    model = tmp_path / "model"
    flags = ["--prompt_tuning=vectors", "--num_train_steps=1", "--warmup_proportion=0", "--clip_norm=0.05", "--learning_rate=0.3"]
    assert train(place, model, "--mode=train", *flags) == 0
    meta = read_meta_data(str(place.directory / "meta_data.json")).extra["prompts"]
    ids = [id for id, _ in meta["vectors"][0][0] + meta["vectors"][0][1]]
    vocabulary = {token: id for id, token in enumerate(pathlib.Path(place.vocab_file).read_text().split())}
    free = len(vocabulary) - FREE
    assert ids == [free, free + 1, free + 2]
    before = weights_of(place, pathlib.Path(place.pretrained), tmp_path / "b")
    after = weights_of(place, model, tmp_path / "a")
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {TABLE}
    rows = np.flatnonzero((before[TABLE] != after[TABLE]).any(axis=1))
    assert rows.tolist() == ids

    bert = theirs(place.pretrained)
    words = before[TABLE].astype(np.float32)
    begins = np.stack([_random_row(words), words[vocabulary["the"]], words[vocabulary["was"]]])
    vectors = tf.Variable(begins)
    labels, losses = [], []
    with open(place.directory / "train.tsv") as file:
        lines = [line.rstrip("\n").split("\t") for line in file][1:]
    with tf.GradientTape() as tape:
        for text, label in lines:
            tokens = [vocabulary[word] for word in ["[CLS]", *text.split(), "[MASK]", ".", "[SEP]"]]
            looked_up = tf.constant(words[tokens])
            end = len(text.split()) + 1
            embedded = tf.concat([looked_up[:1], vectors[:1], looked_up[1:end], vectors[1:], looked_up[end:]], axis=0)
            logits = bert({"inputs_embeds": embedded[tf.newaxis]}).logits[0, end + 3]
            scores = tf.stack([logits[vocabulary["bad"]], logits[vocabulary["good"]]])
            labels.append(["negative", "positive"].index(label))
            losses.append(tf.reduce_logsumexp(scores) - scores[labels[-1]])
        loss = tf.add_n(losses) / len(losses)
    gradient = tape.gradient(loss, vectors).numpy()
    gradient *= min(1, 0.05 / np.linalg.norm(gradient))
    wanted = begins - 0.3 * 0.01 * begins - 0.3 * gradient / (np.abs(gradient) + 1e-6 / np.sqrt(1 - 0.999))
    history = [json.loads(line) for line in (model / "training_history.jsonl").read_text().splitlines()]
    assert next(entry["loss"] for entry in history if "loss" in entry) == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_allclose(after[TABLE][ids], wanted, atol=1e-4)
    report = (model / "report.md").read_text(encoding="utf-8")
    assert "| trained weights | 48 (3 vectors of 16) beside " in report
    assert "| prompt tuning | vectors |" in report


def _random_row(table: np.ndarray) -> np.ndarray:
    """A row with each column's mean and deviation, by the run's seed."""
    return np.random.default_rng(1).normal(table.mean(axis=0), table.std(axis=0)).astype(np.float32)


WRONG = [
    ("patterns: ['{text} [P5] [MASK]']", "has '[P5]', which is none of [P], [P*5] and [P:It was]"),
    ("patterns: ['{text} [p] [MASK]']", "has '[p]', which is none of"),
    ("patterns: ['{text} [P*0] [MASK]']", "has '[P*0]', which is none of"),
    ("patterns: ['{text} [P: ] [MASK]']", "has '[P: ]', which is none of"),
    ("patterns: ['{text} [P]']", "must hold [MASK] once"),
    ("patterns: ['{text} [P:€] [MASK]']", "[P:€] begins as words that"),
    ("patterns: ['{text} [P*4] [MASK]', '[P*5] {text} [MASK]']", "the patterns hold 9 vectors, and"),
    ("patterns: ['{text} [P*40] [MASK]']", "the patterns hold 40 vectors, and"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_a_file_that_cannot_be_used_is_refused(place, capsys, tmp_path, wrong, message):
    path = tmp_path / "prompts.yaml"
    path.write_text(f"{wrong}\nverbalizers: {{negative: bad, positive: good}}\n", encoding="utf-8")
    assert message in refused(
        capsys, place.prepare(KIND, f"--prompt_file={path}", f"--meta_data_file_path={tmp_path / 'm.json'}")
    )


def test_a_prompt_longer_than_an_input_and_tokens_that_are_kept_are_refused(place, capsys, tmp_path):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({**SOFT, "patterns": ["{text} [P*8] [MASK]"]}))
    file, meta = f"--prompt_file={path}", f"--meta_data_file_path={tmp_path / 'm.json'}"
    error = refused(capsys, place.prepare(KIND, file, meta, "--max_seq_length=10"))
    assert "pattern 1 has 11 tokens without a text, special ones included, and --max_seq_length=10" in error
    # A token that texts may hold is not free.
    assert "has 7 free tokens" in refused(capsys, place.prepare(KIND, file, meta, "--keep_tokens=[unused2]"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--lora_rank=2"], "--lora_rank=2: the patterns hold vectors ([P])"),
        (["--hub_module_trainable=false"], "--hub_module_trainable=false leaves the patterns' vectors ([P]) as they begin"),
        (
            ["--prompt_tuning=vectors", "--freeze_layers=1"],
            "and --freeze_layers=1: all layers are frozen",
        ),
        (["--prompt_tuning=vectors", "--layerwise_lr_decay=0.9"], "no layer is trained"),
        (["--prompt_tuning=vectors", "--head_learning_rate=0.1"], "what stands on the encoder is not trained"),
        (["--prompt_tuning=vectors", "--reinit_layers=1"], "layers that begin at random values would stay so"),
        (["--prompt_tuning=vectors", "--init_checkpoint="], "--prompt_tuning=vectors needs --init_checkpoint"),
        (["--prompt_tuning=all"], "must be one of vectors, model"),
    ],
)
def test_options_that_contradict_each_other_are_refused(place, capsys, tmp_path, flags, message):
    assert prepared(place, SOFT) == 0
    capsys.readouterr()
    assert message in refused(capsys, train(place, tmp_path / "model", "--mode=train", *flags))
    assert not (tmp_path / "model" / "run_config.json").exists()


def test_patterns_without_vectors_are_refused(place, capsys, tmp_path):
    assert prepared(place, HARD) == 0
    capsys.readouterr()
    for flag in ("--prompt_tuning=vectors", "--prompt_encoder=mlp"):
        error = refused(capsys, train(place, tmp_path / "model", "--mode=train", flag))
        assert f"{flag}: the records' patterns hold no vectors; write [P] into them" in error
    assert prepared(place, {**SOFT, "patterns": [SOFT["patterns"][0], HARD["patterns"][1]]}) == 0
    capsys.readouterr()
    error = refused(capsys, train(place, tmp_path / "model", "--mode=train", "--prompt_tuning=vectors"))
    assert "the pattern 'good the [MASK]! [SEP] {text}' holds no vector [P]" in error


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--prompt_tuning=vectors"], ["--prompt_encoder=lstm"], ["--freeze_layers=1"]])
def test_what_is_trained_is_in_all_that_uses_the_model(place, tmp_path, flags):
    """Directory, exported model and a Hugging Face folder give the same; what is frozen stays."""
    assert prepared(place, SOFT) == 0
    model, exported = tmp_path / "model", tmp_path / "exported"
    flags = [*flags, "--learning_rate=0.03", "--num_train_epochs=6", f"--model_export_path={exported}"]
    assert train(place, model, "--mode=train_and_eval", *flags) == 0
    scores = json.loads((model / "eval_results.json").read_text())
    history = [json.loads(line) for line in (model / "training_history.jsonl").read_text().splitlines()]
    evaluated = [entry for entry in history if entry["kind"] == "eval"]
    assert evaluated[-1]["loss"] == pytest.approx(scores["loss"], abs=1e-6)
    texts = texts_of(place, "test")
    found = [list(one.probabilities.values()) for one in TextClassifier.load(str(model)).predict_all(texts)]
    again = [list(one.probabilities.values()) for one in TextClassifier.load(f"{exported}_text").predict_all(texts)]
    np.testing.assert_allclose(again, found, atol=1e-5)
    before = weights_of(place, pathlib.Path(place.pretrained), tmp_path / "b")
    after = weights_of(place, model, tmp_path / "a")
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    ids = [
        id
        for of_pattern in read_meta_data(str(model / "meta_data.json")).extra["prompts"]["vectors"]
        for p in of_pattern
        for id, _ in p
    ]
    rows = np.flatnonzero((before[TABLE] != after[TABLE]).any(axis=1)).tolist()
    assert set(ids) <= set(rows)
    if "--prompt_encoder=lstm" not in flags:
        assert rows == ids
    assert (moved == {TABLE}) == ("--prompt_tuning=vectors" in flags)
    assert not any(name.startswith("bert.encoder.layer.0.") for name in moved) or "--prompt_encoder=lstm" in flags
    # A folder of another format has them too, as long as what it was trained on stands beside it.
    (tmp_path / "a" / "meta_data.json").write_text((model / "meta_data.json").read_text())
    assert place.run("--mode=eval", f"--init_checkpoint={tmp_path / 'a'}", f"--model_dir={tmp_path / 'other'}") == 0
    other = json.loads((tmp_path / "other" / "eval_results.json").read_text())
    assert other["loss"] == pytest.approx(scores["loss"], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [["--prompt_tuning=vectors", "--prompt_encoder=mlp"], ["--enable_xla"]])
def test_killed_and_run_again(place, capsys, tmp_path, flags):
    """To the same bits: vectors, what is added to them, moments and table."""
    assert prepared(place, SOFT) == 0
    flags = [*flags, "--mode=train", "--keep_checkpoint_max=9", "--deterministic", "--num_train_steps=4"]
    ends = []
    for name, stops in (("whole", (4,)), ("parted", (2, 4))):
        directory = tmp_path / name
        for stop in stops:
            assert train(place, directory, *flags, "--save_checkpoints_steps=2") == 0
            if stop == 2:
                for path in directory.glob("*ckpt-4*"):
                    path.unlink()
        prefix = tf.train.latest_checkpoint(str(directory))
        names = [name for name, _ in tf.train.list_variables(prefix) if name.startswith(("model/", "optimizer/"))]
        ends.append({name: tf.train.load_variable(prefix, name) for name in names})
    assert "continuing from step 2" in capsys.readouterr().err
    assert ends[0].keys() == ends[1].keys()
    assert any("/vectors/" in name for name in ends[0])
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)


@pytest.mark.slow
def test_an_ensemble_has_its_own_vectors_for_each_pattern(place, tmp_path):
    assert prepared(place, SOFT) == 0
    ensemble = tmp_path / "ensemble"
    flags = ["--mode=train_and_eval", "--pattern_ensemble", "--prompt_tuning=vectors", "--num_train_epochs=1"]
    assert train(place, ensemble, *flags) == 0
    for number, vectors in ((1, 3), (2, 3)):
        report = (ensemble / f"pattern_{number}" / "report.md").read_text(encoding="utf-8")
        assert f"({vectors} vectors of 16) beside " in report


@pytest.mark.slow
def test_devices_and_parts_change_nothing(place, tmp_path):
    """Two devices, and a batch in parts."""
    assert prepared(place, SOFT) == 0
    flags = ["--mode=train_and_eval", "--num_train_steps=6", "--log_steps=1", f"--init_checkpoint={place.pretrained}"]
    flags += ["--prompt_tuning=vectors", "--learning_rate=0.1"]
    losses = {}
    for name, way in {"one": [], "two": ["--num_logical_cpus=2"], "parts": ["--gradient_accumulation_steps=4"]}.items():
        directory = tmp_path / name
        finish(start("run_classifier.py", *place.arguments(*flags, *way, f"--model_dir={directory}")))
        losses[name] = [entry["loss"] for entry in history(directory, "train")]
        assert len(losses[name]) == 6
        np.testing.assert_allclose(losses[name], losses["one"], rtol=1e-4, err_msg=name)
    assert losses["one"][-1] < losses["one"][0]
