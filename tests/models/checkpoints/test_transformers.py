"""Folders for `transformers`: its own classes read them and compute what ours compute."""

import json
import random
import warnings

import garden_checkpoints as garden
import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.tagging.task import TaggingTask
from bert_tf2.text.wordpiece import WordPieceTokenizer

pytestmark = pytest.mark.filterwarnings("ignore")
LABELS = ("neutral", "positive", "negative")


@pytest.fixture(scope="module")
def transformers():
    """The library, version 4, whose TensorFlow classes are the other side of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers")


@pytest.fixture
def config(tiny_config_dict):
    return BertConfig(**tiny_config_dict | {"hidden_act": "gelu_exact"})


def _converted(tmp_path, config, vocab_file, kind, heads, lower_case=True, labels=(), wanted=None):
    """A checkpoint of ours with random weights, and the folder made of it."""
    arrays = garden.random_weights(config, heads)
    convert.convert(garden.source_of(arrays), config, str(tmp_path / "ours"), "tf2")
    tokenizer = WordPieceTokenizer(vocab_file, lower_case)
    folder = str(tmp_path / "folder")
    source = open_source(str(tmp_path / "ours"))
    written = convert.convert(source, config, folder, "huggingface", tokenizer=tokenizer, label_names=labels, kind=wanted)
    assert written.kind == kind
    return folder, tokenizer


def _theirs(transformers, folder):
    """The class that the folder names, with the folder's weights: every one of them is asked for and given."""
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    config = transformers.AutoConfig.from_pretrained(folder)
    model = getattr(transformers, f"TF{config.architectures[0]}")(config)
    state = load_file(f"{folder}/model.safetensors")
    model, report = load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True, output_loading_info=True)
    assert not report["unexpected_keys"]
    # The output matrix is the word embeddings.
    assert [key for key in report["missing_keys"] if "decoder" not in key] == []
    return model


def _texts():
    return ["The movie was very good!", "the bad zoo, 42 times"], ["good", "was the zebra bad?"]


def _encoded(transformers, folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(*_texts(), padding=True, return_tensors="np")
    ours = {"input_word_ids": "input_ids", "input_mask": "attention_mask", "input_type_ids": "token_type_ids"}
    return dict(encoded), {name: tf.constant(encoded[theirs], tf.int32) for name, theirs in ours.items()}


def _ours(tmp_path, config, task, **kwargs):
    encoder = build_encoder(config, **kwargs)
    model = task.build_model(encoder)
    report = load_encoder_weights(encoder, str(tmp_path / "ours"), config, head_model=model)
    assert (report.missing, report.unused) == ([], [])
    return model


def test_a_classifier(transformers, tmp_path, config, tiny_vocab_file):
    folder, _ = _converted(tmp_path, config, tiny_vocab_file, "classifier", ("classifier",), labels=LABELS)
    model = _theirs(transformers, folder)
    assert type(model).__name__ == "TFBertForSequenceClassification"
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id == {label: index for index, label in enumerate(LABELS)}
    assert model.config.problem_type == "single_label_classification"
    theirs, inputs = _encoded(transformers, folder)
    logits = _ours(tmp_path, config, ClassificationTask(list(LABELS)))(inputs)
    np.testing.assert_allclose(model(theirs).logits, logits, atol=1e-5)


def test_a_tagger(transformers, tmp_path, config, tiny_vocab_file):
    folder, _ = _converted(tmp_path, config, tiny_vocab_file, "tagger", ("classifier",), labels=LABELS, wanted="tagger")
    model = _theirs(transformers, folder)
    assert type(model).__name__ == "TFBertForTokenClassification"
    assert model.config.id2label == dict(enumerate(LABELS))
    theirs, inputs = _encoded(transformers, folder)
    logits = _ours(tmp_path, config, TaggingTask(LABELS, "plain"))(inputs)["logits"]
    mask = inputs["input_mask"].numpy() == 1
    np.testing.assert_allclose(model(theirs).logits.numpy()[mask], logits.numpy()[mask], atol=1e-5)


def test_questions_and_answers(transformers, tmp_path, config, tiny_vocab_file):
    folder, _ = _converted(tmp_path, config, tiny_vocab_file, "span", ("span",))
    model = _theirs(transformers, folder)
    assert type(model).__name__ == "TFBertForQuestionAnswering"
    theirs, inputs = _encoded(transformers, folder)
    logits = _ours(tmp_path, config, SpanTask(DecodingOptions()))(inputs)
    found = model(theirs)
    mask = inputs["input_mask"].numpy() == 1
    np.testing.assert_allclose(found.start_logits.numpy()[mask], logits["start_positions"].numpy()[mask], atol=1e-5)
    np.testing.assert_allclose(found.end_logits.numpy()[mask], logits["end_positions"].numpy()[mask], atol=1e-5)


@pytest.mark.parametrize("heads", [("masked_lm", "next_sentence"), ("masked_lm",)])
def test_a_pretrainer(transformers, tmp_path, config, tiny_vocab_file, heads):
    folder, _ = _converted(tmp_path, config, tiny_vocab_file, "pretrainer", heads)
    theirs, inputs = _encoded(transformers, folder)
    has_pairs = "next_sentence" in heads
    ours = _ours(tmp_path, config, PretrainingTask(config, next_sentence=has_pairs), for_pretraining=True)
    model = _theirs(transformers, folder)
    assert type(model).__name__ == ("TFBertForPreTraining" if has_pairs else "TFBertForMaskedLM")
    found, places = model(theirs), tf.constant([[1, 3], [2, 4]])
    no_targets = {"masked_lm_ids": tf.zeros_like(places), "masked_lm_weights": tf.ones(places.shape)}
    outputs = ours({**inputs, "masked_lm_positions": places, **no_targets})
    logits = (found.prediction_logits if has_pairs else found.logits).numpy()
    chosen = np.take_along_axis(logits, places.numpy()[..., None], axis=1)
    # With weight 1 for id 0, what is given is minus its log-probability.
    losses = -tf.nn.log_softmax(chosen)[..., 0].numpy().ravel()
    np.testing.assert_allclose(outputs["masked_lm_loss"].numpy(), losses, atol=1e-5)
    if has_pairs:
        np.testing.assert_allclose(found.seq_relationship_logits, outputs["classification"], atol=1e-5)


def test_regression(transformers, tmp_path, config, tiny_vocab_file):
    arrays = garden.random_weights(config, ("classifier",), classes=1)
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    convert.convert(garden.source_of(arrays), config, str(tmp_path / "folder"), "huggingface", tokenizer=tokenizer)
    model = _theirs(transformers, str(tmp_path / "folder"))
    assert (model.config.num_labels, model.config.problem_type) == (1, "regression")


def _sentences():
    """Texts in which everything that a BERT tokenizer does is to be done, of words that the vocabulary can and cannot spell."""
    chosen = random.Random(0)
    words = [
        "The",
        "movie",
        "zÉbra",
        "naïve",
        "东西",
        "don't",
        "[MASK]",
        "a" * 150,
        "b\u00a0c",
        "x\u200by",
        "5,000.00",
        "ﬁn",
        "ß",
    ]
    return ["", "   ", *(" ".join(chosen.choices(words, k=chosen.randrange(1, 9))) for _ in range(60))]


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_tokenizer_of_the_folder_is_ours(transformers, tmp_path, config, tiny_vocab_file, lower_case):
    folder, ours = _converted(tmp_path, config, tiny_vocab_file, "encoder", (), lower_case)
    fast, slow = (transformers.AutoTokenizer.from_pretrained(folder, use_fast=use_fast) for use_fast in (True, False))
    assert (fast.is_fast, slow.is_fast) == (True, False)
    for tokenizer in (fast, slow):
        assert len(tokenizer) == tokenizer.vocab_size == config.vocab_size
        assert tokenizer.model_max_length == config.max_position_embeddings
        assert (tokenizer.mask_token_id, tokenizer.pad_token_id) == (4, 0)
        for text in _sentences():
            if tokenizer is slow and "a" * 150 in text:
                # Its limit of 100 characters cannot be set.
                continue
            parts = [ours.encode(part) for part in text.split("[MASK]")]
            expected = parts[0] + [id for part in parts[1:] for id in [4, *part]]
            assert tokenizer(text)["input_ids"] == [2, *expected, 3], text
        pair = tokenizer("good", "bad movie", return_token_type_ids=True)
        assert pair["token_type_ids"] == [0, 0, 0, 1, 1, 1]


def test_tokenizer_json_is_the_librarys_own(transformers, tmp_path, config, tiny_vocab_file):
    from tokenizers import Tokenizer

    _converted(tmp_path, config, tiny_vocab_file, "encoder", ())
    path = tmp_path / "folder" / "tokenizer.json"
    assert json.loads(Tokenizer.from_file(str(path)).to_str()) == json.loads(path.read_text())
