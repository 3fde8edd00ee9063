"""Texts in patterns through the commands: without training, trained, as an ensemble; beside transformers' masked-LM model."""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest
from classifier_workplace import Workplace, write_rows

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
    for seed, (split, rows) in enumerate((("train", 60), ("eval", 41), ("test", 9))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    with open(directory / "test.tsv", "a") as file:
        file.write(f"{'very ' * 40}[MASK] good\tpositive\n")
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, "type_vocab_size": 2, **sizes}
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
