"""A classifier on an encoder of transformers' TensorFlow classes or on the garden's ALBERT, by `tf_keras`'s fit."""

import json
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import measure
import numpy as np
import tf_keras
from official.nlp import optimization


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    size, steps = job["batch_size"], measure.Steps()
    with np.load(job["rows"]) as arrays:
        rows = {name: array[: job["steps"] * size] for name, array in arrays.items()}
    model, inputs = (_of_garden if job["side"] == "garden" else _of_transformers)(job, rows)
    optimizer = optimization.create_optimizer(2e-5, job["steps"], 1, optimizer_type="adamw")
    model.compile(optimizer, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    on_end = tf_keras.callbacks.LambdaCallback(
        # Reading the loss waits for the step.
        on_batch_end=lambda _, logs: (float(logs["loss"]), steps.ended(size * job["max_seq_length"]))
    )
    model.fit(inputs, rows["label_ids"], batch_size=size, epochs=1, verbose=0, callbacks=[on_end])
    steps.report(job["warm_up"], size)


def _of_transformers(job: dict, rows: dict) -> tuple:
    import transformers

    transformers.logging.set_verbosity_error()
    with open(job["config"], encoding="utf-8") as file:
        values = json.load(file)
    config = transformers.AutoConfig.for_model(**values)
    model = transformers.TFAutoModelForSequenceClassification.from_config(config)
    inputs = {"input_ids": rows["input_word_ids"], "attention_mask": rows["input_mask"], "token_type_ids": rows["input_type_ids"]}
    if job["family"] == "distilbert":
        del inputs["token_type_ids"]
    if job["family"] == "roberta":
        inputs["token_type_ids"] = np.zeros_like(rows["input_type_ids"])
    return model, inputs


def _of_garden(job: dict, rows: dict) -> tuple:
    from official.nlp.modeling import models, networks

    with open(job["config"], encoding="utf-8") as file:
        values = json.load(file)
    encoder = networks.AlbertEncoder(
        vocab_size=values["vocab_size"],
        embedding_width=values["embedding_size"],
        hidden_size=values["hidden_size"],
        num_layers=values["num_hidden_layers"],
        num_attention_heads=values["num_attention_heads"],
        max_sequence_length=values["max_position_embeddings"],
        type_vocab_size=values["type_vocab_size"],
        intermediate_size=values["intermediate_size"],
        dropout_rate=values["hidden_dropout_prob"],
        attention_dropout_rate=values["attention_probs_dropout_prob"],
    )
    model = models.BertClassifier(encoder, num_classes=2, dropout_rate=0.1)
    return model, {name: rows[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}


if __name__ == "__main__":
    main()
