"""The SavedModel that answers questions, loaded where nothing of this project is."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.question_answering.decoding import DecodingOptions, decode
from bert_tf2.tasks.question_answering.in_graph import answering_export
from bert_tf2.tasks.question_answering.squad import Paragraph, Question
from bert_tf2.tasks.question_answering.windows import WindowOptions, make_questions
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer
from bert_tf2.training import export

QUESTIONS = ["what was good?", "", "the movie", "bad?"]
CONTEXTS = ["the movie was very, very good 🤷🏽!", "the cafe\u0301 was bad.", "", "你好 good movie " * 100]

LOAD = """
import json, sys
import tensorflow as tf
import tensorflow_text
questions, contexts = json.loads(sys.argv[2])
found = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](
    question=tf.constant(questions), context=tf.constant(contexts)
)
assert not [name for name in sys.modules if name.startswith("bert_tf2")]
answers = [text.decode() for text in found.pop("answer").numpy().tolist()]
print(json.dumps({"answer": answers} | {name: value.numpy().tolist() for name, value in found.items()}))
"""


def export_question_answering_model(model, tokenizer, path, max_seq_length=384, doc_stride=128, max_query_length=64, **decoding):
    windows = WindowOptions(max_seq_length, doc_stride, max_query_length)
    made = answering_export(model, tokenizer, windows, DecodingOptions(**decoding))
    export.save_module(made.module, path, made.signatures)


def span_model(config_dict) -> tf_keras.Model:
    """A tiny encoder and a dense layer, with weights so large that answers differ."""
    inputs = {
        name: tf_keras.Input([None], dtype=tf.int32, name=name) for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    logits = tf_keras.layers.Dense(2)(build_encoder(BertConfig.from_dict(config_dict))(inputs)["sequence_output"])
    start, end = tf.unstack(logits, axis=-1)
    model = tf_keras.Model(inputs, {"start_positions": start, "end_positions": end})
    rng = np.random.default_rng(3)
    # The ones of layer normalisation stay, the random start goes.
    weights = model.get_weights()
    model.set_weights([value * (value.ndim == 1) + rng.normal(scale=0.4, size=value.shape) for value in weights])
    return model


def test_answers_in_a_process_without_this_project(tmp_path, tiny_vocab_file, tiny_config_dict):
    model, tokenizer = span_model(tiny_config_dict), WordPieceTokenizer(tiny_vocab_file)
    settings = {"max_seq_length": 32, "doc_stride": 8, "max_query_length": 10}
    decoding = {"n_best_size": 7, "max_answer_length": 5, "version_2": True, "null_score_diff_threshold": 0.5}
    path = tmp_path / "export" / "model"
    export_question_answering_model(model, tokenizer, str(path), **settings, **decoding)
    assert [entry.name for entry in path.parent.iterdir()] == ["model"]
    with pytest.raises(UserError, match="is not empty"):
        export_question_answering_model(model, tokenizer, str(path))

    arguments = [sys.executable, "-c", LOAD, str(path), json.dumps([QUESTIONS, CONTEXTS])]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"answer", "score", "start", "end", "null_score_difference"}

    expected = decoded(model, tokenizer, WindowOptions(**settings), DecodingOptions(**decoding))
    assert found["answer"] == list(expected.predictions.values())
    assert len(set(found["answer"])) > 2
    np.testing.assert_allclose(found["null_score_difference"], list(expected.null_odds.values()), rtol=1e-4, atol=1e-4)
    entries = [
        next(entry for entry in nbest if entry["text"] == text) for nbest, text in zip(expected.nbest.values(), found["answer"])
    ]
    np.testing.assert_allclose(found["score"], [entry["probability"] for entry in entries], rtol=1e-4)
    spans = [expected.spans[id] if text else (-1, -1) for id, text in expected.predictions.items()]
    assert list(zip(found["start"], found["end"])) == spans


@pytest.mark.parametrize("kind", [ByteLevelBPETokenizer, SentencePieceTokenizer])
def test_answers_of_other_tokenizers(byte_level_folder, word_pieces_model_file, tiny_config_dict, kind):
    tokenizer = kind(byte_level_folder if kind is ByteLevelBPETokenizer else word_pieces_model_file)
    model = span_model(tiny_config_dict | {"vocab_size": tokenizer.vocab_size, "max_position_embeddings": 64})
    windows, options = WindowOptions(48, 16, 10), DecodingOptions(n_best_size=7, max_answer_length=9, version_2=True)
    module = answering_export(model, tokenizer, windows, options).module
    found = module.answer(tf.constant(QUESTIONS), tf.constant(CONTEXTS))
    expected = decoded(model, tokenizer, windows, options)
    answers = [text.decode() for text in found["answer"].numpy()]
    assert answers == list(expected.predictions.values())
    assert len(set(answers)) > 2
    spans = [expected.spans[id] if text else (-1, -1) for id, text in expected.predictions.items()]
    assert list(zip(found["start"].numpy().tolist(), found["end"].numpy().tolist())) == spans


def decoded(model, tokenizer, windows, options):
    """What prediction answers outside of a graph."""
    questions = [Question(str(number), text, (), False) for number, text in enumerate(QUESTIONS)]
    paragraphs = [Paragraph(context, (question,), "") for question, context in zip(questions, CONTEXTS)]
    made = make_questions(paragraphs, tokenizer, windows)
    logits = np.zeros([2, len(made.records), windows.max_seq_length], np.float32)
    for row, record in enumerate(made.records):
        features = tf.train.Example.FromString(record).features.feature
        names = {"input_word_ids": "input_ids", "input_mask": "input_mask", "input_type_ids": "segment_ids"}
        inputs = {name: tf.constant([features[stored].int64_list.value], tf.int32) for name, stored in names.items()}
        outputs = model(inputs)
        for place, name in enumerate(("start_positions", "end_positions")):
            logits[place, row, : outputs[name].shape[1]] = outputs[name][0]
    return decode(made, *logits, options)
