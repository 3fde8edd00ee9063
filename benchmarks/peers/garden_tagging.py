"""The model garden's BertTokenClassifier, by tf_keras's `fit` on padded records, with the garden's optimizer."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import json

import measure
import tensorflow as tf
import tf_keras
from official.nlp import optimization
from official.nlp.modeling import models, networks


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    with open(job["config"], encoding="utf-8") as file:
        config = json.load(file)
    encoder = networks.BertEncoder(
        vocab_size=config["vocab_size"],
        hidden_size=config["hidden_size"],
        num_layers=config["num_hidden_layers"],
        num_attention_heads=config["num_attention_heads"],
        inner_dim=config["intermediate_size"],
        max_sequence_length=config["max_position_embeddings"],
        type_vocab_size=config["type_vocab_size"],
        dict_outputs=True,
    )
    model = models.BertTokenClassifier(encoder, job["num_labels"])

    def loss(tags: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(tags, 0), logits)
        counts = tf.cast(tags >= 0, tf.float32)
        return tf.reduce_sum(losses * counts) / tf.reduce_sum(counts)

    optimizer = optimization.create_optimizer(2e-5, job["steps"], 1)
    model.compile(optimizer=optimizer, loss={"logits": loss})
    steps = measure.Steps()
    on_end = tf_keras.callbacks.LambdaCallback(
        # Reading the loss waits for the step.
        on_batch_end=lambda _, logs: (float(logs["loss"]), steps.ended(job["batch_size"] * job["max_seq_length"]))
    )
    model.fit(_batches(job), epochs=1, steps_per_epoch=job["steps"], callbacks=[on_end], verbose=0)
    steps.report(job["warm_up"], job["batch_size"])


def _batches(job: dict) -> tf.data.Dataset:
    names = {"input_ids": "input_word_ids", "input_mask": "input_mask", "segment_ids": "input_type_ids"}
    features = {
        name: tf.io.FixedLenFeature([job["max_seq_length"]], tf.int64) for name in (*names, "label_ids")
    }  # fmt: skip

    def parsed(record: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        example = {name: tf.cast(value, tf.int32) for name, value in tf.io.parse_single_example(record, features).items()}
        return {key: example[name] for name, key in names.items()}, {"logits": example["label_ids"]}

    records = tf.data.TFRecordDataset(job["padded_records"]).shuffle(100).repeat()
    return records.map(parsed).batch(job["batch_size"], drop_remainder=True).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    main()
