"""Masking in the input pipeline: Google's distribution, whole units, and a function of the sample alone."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.tasks.pretraining.dynamic_masking import DynamicMasking

VOCABULARY, MASK = 1000, 4


def make_batch(rows, length, seed=0, words=False):
    random = np.random.default_rng(seed)
    lengths = random.integers(length // 2, length + 1, rows)
    place = np.arange(length)
    mask = place < lengths[:, None]
    ids = np.where(mask, random.integers(5, VOCABULARY, (rows, length)), 0)
    special = (place == 0) | (place == lengths[:, None] - 1) | (place == lengths[:, None] // 2)
    ids = np.where(special & mask, 2, ids)
    begins = random.random((rows, length)) < (0.7 if words else 1.0)
    units = np.cumsum(begins & mask & ~special, axis=1)
    # A row's first word begins with its first token.
    units = np.where(mask & ~special, np.maximum(units, 1), 0)
    arrays = {"input_word_ids": ids, "input_mask": mask, "masking_units": units}
    return {name: tf.constant(value.astype(np.int32)) for name, value in arrays.items()}


def masked(batch, samples=None, predictions=20, seed=7, probability=0.15):
    masking = DynamicMasking(seed, probability, predictions, VOCABULARY, MASK)
    rows = batch["input_word_ids"].shape[0]
    samples = np.arange(rows) if samples is None else samples
    result = tf.function(masking)(batch, tf.constant(samples, tf.int64))
    return {name: value.numpy() for name, value in result.items()}


@pytest.mark.parametrize("words", [False, True])
def test_what_is_masked(words):
    batch = make_batch(3000, 48, words=words)
    result = masked(batch)
    ids, units = batch["input_word_ids"].numpy(), batch["masking_units"].numpy()
    weights, positions = result["masked_lm_weights"], result["masked_lm_positions"]
    assert "masking_units" not in result
    assert positions.shape == weights.shape == result["masked_lm_ids"].shape == (3000, 20)
    counts = weights.sum(1).astype(int)
    wanted = np.maximum(1, np.round(batch["input_mask"].numpy().sum(1) * 0.15)).astype(int)
    assert (counts <= wanted).all()
    if words:
        assert counts.sum() > 0.99 * wanted.sum()
    else:
        np.testing.assert_array_equal(counts, wanted)
    kinds = {"mask": 0, "same": 0, "random": 0}
    for row in range(3000):
        places = positions[row, : counts[row]]
        assert (np.diff(places) > 0).all()
        assert not positions[row, counts[row] :].any()
        assert (units[row, places] > 0).all()
        np.testing.assert_array_equal(result["masked_lm_ids"][row, : counts[row]], ids[row, places])
        untouched = np.setdiff1d(np.arange(48), places)
        np.testing.assert_array_equal(result["input_word_ids"][row, untouched], ids[row, untouched])
        # Whole units.
        assert set(np.flatnonzero(np.isin(units[row], units[row, places]))) == set(places.tolist())
        now = result["input_word_ids"][row, places]
        kinds["mask"] += int((now == MASK).sum())
        kinds["same"] += int((now == ids[row, places]).sum())
        kinds["random"] += int(((now != MASK) & (now != ids[row, places])).sum())
    total = counts.sum()
    for kind, share in (("mask", 0.8), ("same", 0.1), ("random", 0.1)):
        assert kinds[kind] / total == pytest.approx(share, abs=0.01), kind


def test_every_token_is_masked_equally_often_and_random_tokens_are_uniform():
    batch = {name: tf.repeat(value[:1], 20000, axis=0) for name, value in make_batch(1, 40).items()}
    result = masked(batch, predictions=40)
    units = batch["masking_units"].numpy()[0]
    chosen = np.zeros(40)
    np.add.at(chosen, result["masked_lm_positions"].reshape(-1), result["masked_lm_weights"].reshape(-1))
    shares = chosen[units > 0] / 20000
    assert np.abs(shares - shares.mean()).max() < 6 * np.sqrt(shares.mean() / 20000)
    now = np.take_along_axis(result["input_word_ids"], result["masked_lm_positions"], 1)
    random = now[(result["masked_lm_weights"] > 0) & (now != MASK) & (now != result["masked_lm_ids"])]
    assert random.min() < 10
    assert random.max() > VOCABULARY - 10
    assert random.mean() == pytest.approx(VOCABULARY / 2, rel=0.03)


def test_masking_is_a_function_of_the_sample():
    batch = make_batch(32, 32, words=True)
    first, again = masked(batch), masked(batch)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    other = masked(batch, samples=np.arange(32) + 32)
    assert (first["masked_lm_positions"] != other["masked_lm_positions"]).any(1).mean() > 0.9
    assert (first["masked_lm_positions"] != masked(batch, seed=8)["masked_lm_positions"]).any(1).mean() > 0.9
    # In another batch, with other padding.
    some = {name: tf.pad(value[5:9], [[0, 0], [0, 6]]) for name, value in batch.items()}
    part = masked(some, samples=np.arange(5, 9))
    np.testing.assert_array_equal(part["masked_lm_positions"], first["masked_lm_positions"][5:9])
    np.testing.assert_array_equal(part["input_word_ids"][:, :32], first["input_word_ids"][5:9])


def test_the_most_predictions_bound_the_row():
    batch = make_batch(50, 64)
    assert masked(batch, predictions=3)["masked_lm_weights"].sum(1).max() == 3
    assert masked(batch, predictions=80)["masked_lm_weights"].shape == (50, 80)
    nothing = masked({**batch, "masking_units": tf.zeros_like(batch["masking_units"])})
    assert not nothing["masked_lm_weights"].any()
    np.testing.assert_array_equal(nothing["input_word_ids"], batch["input_word_ids"])
