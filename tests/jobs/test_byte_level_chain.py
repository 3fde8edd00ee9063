"""A RoBERTa and its byte-level BPE from rows to answers: records, a training, and all that is done with its directory alone."""

import json
import os
import shutil

import numpy as np
import pretraining_material
import pytest
import tensorflow as tf
from squad_workplace import SquadWorkplace
from transformers import AutoTokenizer

from bert_tf2 import cli
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.text.tokenizer import load_tokenizer

ROBERTA = {"model_type": "roberta", "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}


@pytest.mark.slow
def test_a_directory_is_all_that_is_needed(workplace, byte_level_folder, capsys):
    place, tokenizer = workplace, load_tokenizer(vocab_file=byte_level_folder)
    config = json.loads(place.config_file.read_text())
    place.config_file.write_text(json.dumps(config | ROBERTA | {"vocab_size": tokenizer.vocab_size}))
    own = shutil.copytree(byte_level_folder, place.directory / "own")
    place.vocab_file = str(own / "vocab.json")
    os.unlink(place.directory / "meta_data.vocab.txt")
    assert place.prepare() == 0
    shutil.rmtree(own)
    assert place.run("--mode=train_and_eval", "--num_train_epochs=12") == 0
    assert json.loads((place.model_dir / "eval_results.json").read_text())["accuracy"] > 0.8
    assert load_tokenizer(vocab_file=str(place.model_dir)).fingerprint == tokenizer.fingerprint
    assert json.loads((place.model_dir / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "RobertaTokenizer",
        "add_prefix_space": False,
    }
    # A second training there finds its own files, though written in another form.
    value = json.loads((place.model_dir / "tokenizer.json").read_text())
    (place.model_dir / "tokenizer.json").write_text(json.dumps(value, indent=1))
    assert place.run("--mode=train", "--num_train_epochs=12") == 0
    os.unlink(place.directory / "meta_data.tokenizer.json")
    assert place.run("--mode=predict") == 0
    predicted = [line.split("\t") for line in (place.model_dir / "predictions.tsv").read_text().splitlines()]
    texts = [line.split("\t")[0] for line in (place.directory / "test.tsv").read_text().splitlines()[1:]]
    by_run = TextClassifier.from_run(str(place.model_dir)).predict(texts)
    column = predicted[0].index("prediction")
    assert [one.label for one in by_run] == [row[column] for row in predicted[1:]]
    export = f"--model_export_path={place.directory / 'export'}"
    assert place.run("--mode=export_only", export) == 0
    loaded = tf.saved_model.load(str(place.directory / "export_text"))
    found = loaded.signatures["serving_default"](text=tf.constant(texts))
    by_run_again = [max(one.probabilities.values()) for one in by_run]
    np.testing.assert_allclose(found["probabilities"].numpy().max(1), by_run_again, atol=1e-5)
    capsys.readouterr()


@pytest.mark.slow
def test_questions_are_answered_by_the_directory_and_by_the_export(tmp_path, byte_level_folder, tiny_config_dict, capsys):
    config = tiny_config_dict | ROBERTA | {"vocab_size": 500, "max_position_embeddings": 98}
    place = SquadWorkplace(tmp_path, f"{byte_level_folder}/vocab.json", config)
    sizes = ["--max_seq_length=96", "--doc_stride=32", "--max_query_length=12"]
    assert place.prepare(*sizes) == 0
    assert place.run("--mode=train", "--num_train_epochs=6", f"--model_export_path={tmp_path / 'export'}") == 0
    alone = ["--mode=predict", f"--model_dir={place.model_dir}", f"--predict_file={tmp_path / 'dev.json'}", "--num_gpus=0"]
    assert place.run_as_given(*alone) == 0
    predicted = place.read("predictions.json")
    right = sum(predicted[id].strip(".") == text for id, text in place.gold.items())
    assert right > len(place.gold) / 2
    paragraphs = json.loads((tmp_path / "dev.json").read_text())["data"]
    asked = [
        (one["id"], one["question"], paragraph["context"])
        for article in paragraphs
        for paragraph in article["paragraphs"]
        for one in paragraph["qas"]
    ]
    answerer = QuestionAnswerer.from_saved_model(str(tmp_path / "export_text"))
    answers = answerer.answer_all([(question, context) for _, question, context in asked])
    assert {id: answer.text for (id, *_), answer in zip(asked, answers)} == predicted
    capsys.readouterr()
    assert place.run_as_given(*alone, "--answer_text=google") == 2
    assert "--answer_text=google glues WordPiece tokens together" in capsys.readouterr().err


@pytest.mark.slow
def test_words_are_guessed_by_a_model_trained_on_text(tmp_path, byte_level_folder, tiny_config_dict, capsys):
    text = pretraining_material.write_text(tmp_path / "text.txt")
    arguments = pretraining_material.arguments(text, byte_level_folder, tmp_path / "records", do_whole_word_mask=True)
    assert cli.run(create_pretraining_data, PretrainingDataOptions, "", arguments) == 0
    config = tiny_config_dict | ROBERTA | {"vocab_size": 500, "max_position_embeddings": 66}
    (tmp_path / "bert_config.json").write_text(json.dumps(config))
    flags = [f"--input_files={tmp_path}/records/train-*", f"--bert_config_file={tmp_path}/bert_config.json", "--num_gpus=0"]
    flags += [f"--model_dir={tmp_path}/model", "--num_train_steps=10", "--train_batch_size=16", "--also_export=huggingface"]
    assert cli.run(run_pretraining, PretrainingOptions, "", ["run_pretraining.py", "--do_train", *flags]) == 0
    folder = tmp_path / "model" / "pretrained" / "huggingface-10"
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["RobertaForMaskedLM"]
    theirs = AutoTokenizer.from_pretrained(folder)
    filler = MaskFiller.from_checkpoint(str(tmp_path / "model"))
    assert filler.encoded("the movie was <mask> .") == theirs("the movie was <mask> .")["input_ids"]
    assert len(filler.fill("the movie was <mask> .")[0]) == 5
    capsys.readouterr()
