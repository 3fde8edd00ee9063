"""What is told of the speed, counted beside numbers counted by hand."""

import math
import time

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tensorflow_internals import is_op_determinism_enabled
from bert_tf2.training.reporting import work


def batch(lengths, padded, weights):
    mask = [[1] * length + [0] * (padded - length) for length in lengths]
    return {"input_mask": tf.constant(mask, tf.int32), "example_weight": tf.constant(weights, tf.float32)}


def test_tokens_are_those_of_real_rows_and_slots_those_of_all():
    counted = work.counts(batch([3, 5, 5], 8, [1, 0.5, 0]))
    assert counted.numpy().tolist() == [8, 24, 192]


def test_choices_that_are_not_there_are_no_slots():
    mask = tf.constant([[[1, 1, 0], [1, 1, 1]], [[1, 0, 0], [0, 0, 0]]], tf.int32)
    assert work.counts({"input_mask": mask, "example_weight": tf.ones([2])}).numpy().tolist() == [6, 9, 27]


def test_packed_rows_have_the_slots_of_their_packs():
    packs = tf.zeros([2, 8], tf.int32)
    counted = work.counts({**batch([3, 5, 5], 8, [1, 1, 0]), "pack_slots": packs})
    assert counted.numpy().tolist() == [8, 16, 128]


def test_a_batch_without_tokens_counts_nothing():
    assert work.counts({"x": tf.ones([2, 3]), "example_weight": tf.ones([2])}).numpy().tolist() == [0, 0, 0]
    assert work.speeds(np.zeros(3), 2, 1.0, (1.0, 1.0)) == {}


def test_arithmetic_is_that_of_the_blocks_kernels():
    config = BertConfig(50, 32, 3, 4, 64, max_position_embeddings=16)
    encoder = build_encoder(config, output_range=1)
    kernels = sum(
        weight.shape.num_elements() for weight in encoder.weights if "transformer/" in weight.name and "/kernel" in weight.name
    )
    assert work.arithmetic(encoder) == (6.0 * kernels, 12.0 * 3 * 32)
    assert work.arithmetic(tf_keras.Sequential([tf_keras.layers.Dense(2)])) == (0.0, 0.0)


def test_speeds():
    found = work.speeds(np.array([600.0, 1000.0, 50_000.0]), 10, 5.0, (2e9, 4e6))
    assert found == pytest.approx({"tokens_per_second": 300.0, "padding": 0.4, "tflops": 0.5 * (2e12 + 2e11) / 1e12})


def test_waiting_is_the_time_until_a_batch_is_there():
    def late():
        time.sleep(0.2)
        return np.float32(1)

    iterator = iter(tf.data.Dataset.range(3).map(lambda _: tf.numpy_function(late, [], tf.float32)))
    values, waited = tf.function(lambda: work.timed(lambda: next(iterator)))()
    assert float(values) == 1
    # Another test of this process may have asked for determinism, for good.
    assert math.isnan(float(waited)) if is_op_determinism_enabled() else 0.15 < float(waited) < 20
