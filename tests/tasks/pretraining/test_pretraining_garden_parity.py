"""Records against the model garden's create_pretraining_data on the same text: the random numbers differ, what comes of them must
not."""

import random

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.tasks.pretraining.documents import TextFormat
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.preparation import TextSource, prepare_pretraining
from bert_tf2.tasks.pretraining.records import InstanceSettings
from bert_tf2.tasks.pretraining.shard_plan import OutputNames
from bert_tf2.tasks.pretraining.workers import make_shards

PASSES = 3


def histogram(values, bins) -> np.ndarray:
    return np.histogram(values, bins)[0] / len(values)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("length", "predictions", "whole_words", "ngram"),
    [(128, 20, False, None), (512, 76, False, None), (128, 20, True, None), (64, 10, True, 3)],
)
def test_records_are_distributed_as_the_gardens(tmp_path, real_data, length, predictions, whole_words, ngram):
    from official.nlp.data import create_pretraining_data as garden
    from official.nlp.tools import tokenization

    text = str(real_data / "corpus" / "1342_Pride-and-Prejudice.txt")
    vocab_file = str(real_data / "vocab" / "uncased.txt")
    tokenizer = tokenization.FullTokenizer(vocab_file=vocab_file, do_lower_case=True)
    to_text = garden.get_processor_text_fn(False, True)
    # The garden also draws from the global generator, and its counts differ by up to 2 % with it.
    random.seed(3)
    theirs = garden.create_training_instances(
        [text], tokenizer, to_text, length, PASSES, 0.1, 0.15, predictions, random.Random(3), whole_words, ngram
    )
    settings = InstanceSettings(
        length, predictions, dupe_factor=PASSES, whole_word_masking=whole_words, max_ngram_size=ngram or 1
    )
    source = TextSource((text,), TextFormat(), {"vocab_file": vocab_file})
    names = OutputNames(str(tmp_path / "a.tfrecord"), 1)
    prepare_pretraining(
        source, names, str(tmp_path / "m.json"), settings, lambda job, shards: make_shards(job, shards, num_workers=1)
    )
    records = list(tf.data.TFRecordDataset(str(tmp_path / "a.tfrecord")).as_numpy_iterator())
    ours = {name: value.numpy() for name, value in parse_records(tf.constant(records), pretraining_features()).items()}

    # The bounds are a few times what two seeds differ by.
    assert len(records) == pytest.approx(len(theirs), rel=0.015)
    our_lengths, their_lengths = ours["input_mask"].sum(axis=1), np.array([len(instance.tokens) for instance in theirs])
    assert our_lengths.mean() == pytest.approx(their_lengths.mean(), rel=0.015)
    bins = np.linspace(5, length + 1, 9)
    assert np.abs(histogram(our_lengths, bins) - histogram(their_lengths, bins)).max() < 0.015
    their_random = np.mean([instance.is_random_next for instance in theirs])
    assert ours["next_sentence_labels"].mean() == pytest.approx(their_random, abs=0.015)
    our_first = our_lengths - ours["input_type_ids"].sum(axis=1)
    their_first = [instance.segment_ids.count(0) for instance in theirs]
    assert our_first.mean() == pytest.approx(np.mean(their_first), rel=0.03)

    our_counts = ours["masked_lm_weights"].sum(axis=1)
    their_counts = np.array([len(instance.masked_lm_labels) for instance in theirs])
    assert our_counts.sum() / our_lengths.sum() == pytest.approx(their_counts.sum() / their_lengths.sum(), abs=0.001)
    their_positions = [np.array(instance.masked_lm_positions) for instance in theirs]
    our_positions = [row[: int(count)] for row, count in zip(ours["masked_lm_positions"], our_counts)]
    # Side by side more often where words and runs of words are masked together.
    side_by_side = [np.mean([np.sum(np.diff(row) == 1) for row in rows]) for rows in (our_positions, their_positions)]
    assert side_by_side[0] == pytest.approx(side_by_side[1], rel=0.04)

    masked = tokenizer.vocab["[MASK]"]
    here = np.concatenate([row[places] for row, places in zip(ours["input_word_ids"], our_positions)])
    labels = np.concatenate([row[: int(count)] for row, count in zip(ours["masked_lm_ids"], our_counts)])
    assert (here == masked).mean() == pytest.approx(0.8, abs=0.01)
    assert (here == labels).mean() == pytest.approx(0.1, abs=0.01)
