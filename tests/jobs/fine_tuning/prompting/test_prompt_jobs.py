"""Texts in patterns through the commands: without training, trained, as an ensemble; beside transformers' masked-LM model."""

import csv
import json
import pathlib

import numpy as np
import pytest
from classifier_workplace import Workplace, write_rows

from bert_tf2.api import Classifier
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.families.base import families, read_config
from bert_tf2.models.families.names import HEADS

KIND = "--fine_tuning_task_type=prompt_classification"
PATTERNS = ["{text} It was [MASK].", "[MASK]! [SEP] {text}"]
SHORT = {"patterns": PATTERNS, "verbalizers": {"negative": ["bad"], "positive": ["good", "very"]}}
LONG = {"patterns": PATTERNS, "verbalizers": {"positive": ["good", "ab"], "negative": "bad"}, "multi_token": True}


def write_pretrained(folder: pathlib.Path, config_file: pathlib.Path, *heads: str) -> str:
    """A Hugging Face folder of a BERT with random weights, and these heads."""
    rng, config, family = np.random.default_rng(2), read_config(str(config_file)), families.get("bert")
    tensors = {}
    for weight in (*family.weights.encoder(config.num_hidden_layers), *(one for head in heads for one in HEADS[head].weights)):
        array = rng.normal(0.0, 0.3, [getattr(config, field) for field in weight.shape]).astype(np.float32)
        array += weight.name.endswith("gamma")
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    convert(Source("tf1", "memory", tensors, family=family), config, str(folder), "huggingface")
    return str(folder)


def theirs(folder: str):
    """The masked-LM model of transformers with the weights of a folder."""
    from safetensors.numpy import load_file
    from transformers import AutoConfig, TFBertForMaskedLM
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    model = TFBertForMaskedLM(AutoConfig.from_pretrained(folder))
    return load_pytorch_state_dict_in_tf2_model(model, load_file(f"{folder}/model.safetensors"), allow_missing_keys=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """Rows, a BERT with a masked-LM head, and records of two patterns."""
    directory = tmp_path_factory.mktemp("prompts")
    for seed, (split, rows) in enumerate((("train", 96), ("eval", 41), ("test", 9))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    with open(directory / "test.tsv", "a") as file:
        file.write(f"{'very ' * 40}[MASK] good\tpositive\n")
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, "type_vocab_size": 2, **sizes}
    config["attention_probs_dropout_prob"] = 0.0
    place = Workplace(directory, str(vocab_file), config)
    place.pretrained = write_pretrained(directory / "pretrained", place.config_file, "masked_lm")
    assert prepared(place, SHORT) == 0
    return place


def prepared(place: Workplace, prompts: dict, *flags: str) -> int:
    path = place.directory / "prompts.json"
    path.write_text(json.dumps(prompts))
    return place.prepare(KIND, f"--prompt_file={path}", *flags)


def texts_of(place: Workplace, split: str) -> list[str]:
    with open(place.directory / f"{split}.tsv", newline="") as file:
        return [row["text"] for row in csv.DictReader(file, delimiter="\t")]


def from_transformers(place: Workplace, prompts: dict, masks: int) -> np.ndarray:
    """Probabilities of the test rows, by their tokenizer, their model, and the papers' formulas."""
    from transformers import BertTokenizer

    tokenizer, model = BertTokenizer(place.vocab_file), theirs(place.pretrained)
    labels = ("negative", "positive") if masks == 1 else ("positive", "negative")
    found = []
    for text in texts_of(place, "test"):
        of_patterns = []
        for pattern in PATTERNS:
            # The text alone is cut; a sign for a mask in it is none.
            words, length = tokenizer.tokenize(text.replace("[MASK]", "[UNK]")), 32
            while True:
                whole = pattern.replace("{text}", tokenizer.convert_tokens_to_string(words)).replace("[MASK]", "[MASK] " * masks)
                encoded = tokenizer(*whole.split("[SEP]"), return_tensors="np")
                if encoded["input_ids"].shape[1] <= length:
                    break
                words.pop()
            places = np.flatnonzero(encoded["input_ids"][0] == tokenizer.mask_token_id)
            assert len(places) == masks
            logits = model(dict(encoded)).logits.numpy()[0, places].astype(np.float64)
            if masks > 1:
                logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
            scores = []
            for label in labels:
                words_of_label = np.atleast_1d(prompts["verbalizers"][label])
                ids = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words_of_label]
                scores.append(np.mean([sum(logits[place, token] for place, token in enumerate(word)) for word in ids]))
            of_patterns.append(np.exp(scores) / np.exp(scores).sum())
        found.append(np.mean(of_patterns, axis=0))
    return np.array(found)


def predicted(directory: pathlib.Path) -> np.ndarray:
    return np.loadtxt(directory / "test_results.tsv", delimiter="\t")


@pytest.mark.parametrize(("prompts", "masks"), [(SHORT, 1), (LONG, 2)], ids=["short", "long"])
def test_untrained_predictions_are_those_of_transformers(place, prompts, masks):
    assert prepared(place, prompts) == 0
    assert read_meta_data(str(place.directory / "meta_data.json")).extra["prompts"]["masks"] == masks
    model = place.directory / f"untrained{masks}"
    assert place.run("--mode=predict", f"--init_checkpoint={place.pretrained}", f"--model_dir={model}") == 0
    np.testing.assert_allclose(predicted(model), from_transformers(place, prompts, masks), atol=2e-5)
    # The texts stand beside them.
    with open(model / "predictions.tsv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file, delimiter="\t")][:9] == texts_of(place, "test")[:9]


def refused(capsys, code: int) -> str:
    """The one line that says what is wrong."""
    assert code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("ERROR: ")
    return error


WORDS = {"negative": "bad", "positive": "good"}
WRONG = [
    ("patterns: [it was good]", "must hold [MASK] once, where the word of the label stands; it holds it 0 times"),
    ("patterns: ['{text} [MASK] [MASK]']", "it holds it 2 times"),
    ("patterns: ['It was [MASK].']", "must hold each text once: {text}, or {text_a} and {text_b} of a pair"),
    ("patterns: ['{text} {text_a} [MASK]']", "must hold each text once"),
    ("patterns: ['{txt} [MASK]']", "has the unknown placeholder {txt}. Did you mean 'text'?"),
    ("patterns: ['{text} [SEP] [MASK] [SEP] very']", "may hold [SEP] once"),
    ("patterns: ['{text} [MASK]', '{text} [MASK]']", "pattern 2, '{text} [MASK]', stands there twice"),
    ("patterns: ['{text} [MASK]', '{text_a} [MASK] {text_b}']", "does not show as many texts as pattern 1 does"),
    ("patterns: []", "'patterns' holds nothing"),
    ("pattern: ['{text} [MASK]']", "unknown word 'pattern'. Did you mean 'patterns'?"),
    ("multi_token: true", "lacks 'patterns'"),
    ("patterns: ['{text} [MASK]']\npatterns: ['[MASK] {text}']", "'patterns' stands there twice"),
    ("patterns: ['{text} [MASK]']\nmulti_token: perhaps", "'multi_token' must be true or false; got 'perhaps'"),
    ("patterns: ['{text} %s [MASK]']" % (" very" * 30), "pattern 1 has 33 tokens without a text, special ones included"),
    ({"negative": "bad"}, "there are verbalizers of one label only"),
    (WORDS | {"mixed": "the"}, "no row of train, eval, test has the label 'mixed', which has verbalizers"),
    ({"negative": "bad", "mixed": "good"}, "unknown label 'positive'. Known labels: negative, mixed"),
    (WORDS | {"positive": ["good", "good"]}, "'positive' has a word twice"),
    (WORDS | {"positive": ["good", "bad"]}, "'bad' stands for 'positive' and for 'negative'"),
    (WORDS | {"positive": ["good", "BAD"]}, "'BAD' stands for 'positive' and for 'negative'"),
    (
        WORDS | {"positive": "ab"},
        "'ab', a verbalizer of 'positive', is 2 tokens (a ##b); take a word that is one, or write multi_token",
    ),
    (WORDS | {"positive": "€"}, "'€', a verbalizer of 'positive', is no word of"),
    (WORDS | {"positive": []}, "'positive' holds nothing"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_a_file_that_cannot_be_used_is_refused(place, capsys, tmp_path, wrong, message):
    path = tmp_path / "prompts.yaml"
    words = WORDS if isinstance(wrong, str) else wrong
    patterns = wrong if isinstance(wrong, str) else "patterns: ['{text} It was [MASK].']"
    path.write_text(f"{patterns}\nverbalizers: {json.dumps(words, ensure_ascii=False)}\n", encoding="utf-8")
    assert message in refused(
        capsys, place.prepare(KIND, f"--prompt_file={path}", f"--meta_data_file_path={tmp_path / 'm.json'}")
    )
    assert not (tmp_path / "m.json").exists()


def test_what_a_command_cannot_use_is_refused(place, capsys, tmp_path):
    file = f"--prompt_file={place.directory / 'prompts.json'}"
    assert prepared(place, SHORT) == 0
    capsys.readouterr()
    assert "--prompt_file is required" in refused(capsys, place.prepare(KIND))
    assert "--prompt_file belongs to --fine_tuning_task_type=prompt_classification" in refused(capsys, place.prepare(file))
    error = refused(capsys, place.prepare(KIND, file, "--labels=negative,positive,mixed"))
    assert "has no verbalizer for the label 'mixed'" in error
    error = refused(capsys, place.prepare(KIND, file, "--labels=negative,other"))
    assert "has no verbalizer for the label 'other'" in error
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("text\ttext_b\tlabel\ngood\tvery\tpositive\nbad\tvery\tnegative\n")
    error = refused(capsys, place.prepare(KIND, file, f"--train_file={pairs}", f"--eval_file={pairs}", f"--test_file={pairs}"))
    assert "is a pair of texts, and the patterns have one {text}" in error
    model = f"--model_dir={tmp_path / 'model'}"
    assert "the records have 2 patterns" in refused(capsys, place.run("--mode=train", "--pattern=3", model))
    encoder = write_pretrained(tmp_path / "encoder", place.config_file)
    for mode in ("train", "predict"):
        error = refused(capsys, place.run(f"--mode={mode}", f"--init_checkpoint={encoder}", model))
        assert f"--init_checkpoint={encoder} has no masked-LM head, which this kind of task works with" in error
    assert not (tmp_path / "model" / "run_config.json").exists()
    error = refused(capsys, place.run("--mode=train", "--pattern_ensemble", "--pattern=1", model))
    assert "--pattern is one of those that --pattern_ensemble has a model of each for" in error


@pytest.mark.slow
def test_an_ensemble_is_the_mean_of_its_models_and_labels_texts(place, capsys):
    """Trained, used again, from Python and exported."""
    assert prepared(place, SHORT) == 0
    ensemble, start = place.directory / "ensemble", f"--init_checkpoint={place.pretrained}"
    flags = ["--pattern_ensemble", f"--model_dir={ensemble}"]
    assert place.run("--mode=train_and_eval", start, "--num_train_epochs=8", f"--vocab_file={place.vocab_file}", *flags) == 0
    assert json.loads((ensemble / "eval_results.json").read_text())["accuracy"] == 1
    assert "| all | |" in (ensemble / "report.md").read_text()
    # What is needed besides the records is found in the directories of the models.
    records = [f"--test_data_path={place.directory / 'test.tf_record'}", "--num_gpus=0"]
    assert place.run_alone("--mode=predict", *flags, *records) == 0
    of_models = [predicted(ensemble / f"pattern_{number}") for number in (1, 2)]
    np.testing.assert_allclose(predicted(ensemble), np.mean(of_models, axis=0), atol=1e-6)
    assert abs(of_models[0] - of_models[1]).max() > 1e-3
    with open(ensemble / "soft_labels.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["text"] for row in rows][:9] == texts_of(place, "test")[:9]
    assert [float(row["probability_negative"]) for row in rows] == pytest.approx(predicted(ensemble)[:, 0], abs=1e-6)
    # A model knows which pattern it is of.
    one, texts = ensemble / "pattern_2", texts_of(place, "test")
    exported = place.directory / "exported"
    assert place.run_alone("--mode=export_only", f"--model_dir={one}", f"--model_export_path={exported}", "--num_gpus=0") == 0
    for path in (one, f"{exported}_text"):
        found = TextClassifier.load(str(path)).predict_all(texts, batch_size=4)
        np.testing.assert_allclose([list(answer.probabilities.values()) for answer in found], of_models[1], atol=1e-5)
    scores = Classifier.from_run(one).evaluate(str(place.directory / "eval.tsv"))
    assert scores["loss"] == pytest.approx(json.loads((one / "eval_results.json").read_text())["loss"], rel=1e-5)
    capsys.readouterr()
    assert prepared(place, {**SHORT, "patterns": PATTERNS[::-1]}) == 0
    capsys.readouterr()
    assert "prompts" in refused(capsys, place.run("--mode=eval", f"--model_dir={one}"))


@pytest.mark.slow
def test_soft_labels_of_a_file_are_what_is_learned(place, capsys):
    """With alpha=1 and next to no learning rate the loss is the divergence from the file's probabilities."""
    rows = [(text, 0.9 - 0.05 * number) for number, text in enumerate(texts_of(place, "eval")[:16])]
    lines = ["text\tlabel\tprobability_positive\tprobability_negative"]
    lines += [f"{text}\t{'positive' if p >= 0.5 else 'negative'}\t{p:.6f}\t{1 - p:.6f}" for text, p in rows]
    soft = place.directory / "soft" / "soft.tsv"
    soft.parent.mkdir()
    soft.write_text("\n".join(lines) + "\n")
    usual = Workplace(soft.parent, place.vocab_file, json.loads(place.config_file.read_text()))
    assert usual.prepare(*(f"--{split}_file={soft}" for split in ("train", "eval", "test"))) == 0
    flags = [
        f"--soft_labels={soft}",
        "--num_train_epochs=1",
        "--learning_rate=1e-12",
        "--distillation_temperature=1.5",
        "--log_steps=1",
    ]
    assert usual.run("--mode=train", *flags, "--distillation_alpha=1") == 0
    assert usual.run("--mode=predict") == 0
    wanted = np.array([[1 - p, p] for _, p in rows]) ** (1 / 1.5)
    given = predicted(usual.model_dir) ** (1 / 1.5)
    wanted, given = (values / values.sum(axis=1, keepdims=True) for values in (wanted, given))
    history = [json.loads(line) for line in (usual.model_dir / "training_history.jsonl").read_text().splitlines()]
    (loss,) = [entry["loss"] for entry in history if entry["kind"] == "train"]
    assert loss == pytest.approx(1.5**2 * np.mean(np.sum(wanted * np.log(wanted / given), axis=1)), abs=1e-5)
    capsys.readouterr()
    other = f"--model_dir={soft.parent / 'other'}"
    soft.write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    assert "the training records were not made of this file" in refused(capsys, usual.run("--mode=train", *flags, other))
    soft.write_text(lines[0].replace("probability_positive", "p") + f"\n{lines[1]}\n")
    assert "needs a column 'probability_positive'" in refused(capsys, usual.run("--mode=train", *flags, other))
    assert "--distillation_alpha can do nothing" in refused(capsys, usual.run("--mode=train", "--distillation_alpha=1", other))
