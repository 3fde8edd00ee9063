"""Hugging Face transformers with TensorFlow: TFBertForMultipleChoice on SocialIQA, with the inputs and hyperparameters of
run_swag.py: context first, question and choice behind it, AdamW, linear warm-up and decay, gradients clipped to norm 1."""

import json
import os
import random

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import measure
import numpy as np
import tensorflow as tf
import transformers
from safetensors.numpy import load_file
from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

ANSWERS = ("answerA", "answerB", "answerC")


def main() -> None:
    """Trains, evaluates and prints the accuracy."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    transformers.set_seed(job["seed"])
    tokenizer = transformers.BertTokenizerFast(os.path.join(job["weights"], "vocab.txt"))
    config = transformers.BertConfig.from_json_file(os.path.join(job["weights"], "config.json"))
    model = transformers.TFBertForMultipleChoice(config)
    state = load_file(os.path.join(job["weights"], "model.safetensors"))
    state = {name if name.startswith("bert.") else f"bert.{name}": value for name, value in state.items()}
    load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True)
    train, held_out = (_encoded(tokenizer, job[split], job["max_seq_length"]) for split in ("train", "eval"))
    _train(model, train, job)
    print("RESULT " + json.dumps({"accuracy": _accuracy(model, held_out, job["batch_size"])}), flush=True)


def _encoded(tokenizer, path: str, length: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs [N, 3, L], padded to the length, and answers [N]."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    contexts = [row["context"] for row in rows for _ in ANSWERS]
    endings = [f"{row['question']} {row[answer]}" for row in rows for answer in ANSWERS]
    encoded = tokenizer(contexts, endings, truncation=True, max_length=length, padding="max_length", return_tensors="np")
    inputs = {name: values.reshape(len(rows), len(ANSWERS), length).astype(np.int32) for name, values in encoded.items()}
    return inputs, np.array(["ABC".index(row["correct"]) for row in rows], np.int32)


def _batch(inputs: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, tf.Tensor]:
    """Some rows, as long as the longest of them."""
    longest = int(inputs["attention_mask"][rows].sum(axis=2).max())
    return {name: tf.constant(values[rows, :, :longest]) for name, values in inputs.items()}


def _train(model, train: tuple[dict[str, np.ndarray], np.ndarray], job: dict) -> None:
    inputs, answers = train
    steps_of_epoch = -(-len(answers) // job["batch_size"])
    steps = steps_of_epoch * job["epochs"]
    optimizer, _ = transformers.create_optimizer(
        job["learning_rate"], steps, round(0.1 * steps), adam_epsilon=1e-6, weight_decay_rate=0.01
    )

    @tf.function(reduce_retracing=True)
    def step(batch, labels):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(batch, labels=labels, training=True).loss)
        gradients = tape.gradient(loss, model.trainable_variables)
        pairs = [(gradient, variable) for gradient, variable in zip(gradients, model.trainable_variables) if gradient is not None]
        clipped, _ = tf.clip_by_global_norm([gradient for gradient, _ in pairs], 1.0)
        optimizer.apply_gradients(zip(clipped, [variable for _, variable in pairs]))
        return loss

    order = list(range(len(answers)))
    for _ in range(job["epochs"]):
        random.shuffle(order)
        for first in range(0, len(order), job["batch_size"]):
            rows = np.array(order[first : first + job["batch_size"]])
            step(_batch(inputs, rows), tf.constant(answers[rows]))


def _accuracy(model, held_out: tuple[dict[str, np.ndarray], np.ndarray], batch_size: int) -> float:
    inputs, answers = held_out
    predict = tf.function(lambda batch: model(batch, training=False).logits, reduce_retracing=True)
    order = np.argsort(inputs["attention_mask"].sum(axis=2).max(axis=1), kind="stable")
    right = 0
    for first in range(0, len(order), 4 * batch_size):
        rows = order[first : first + 4 * batch_size]
        right += int((predict(_batch(inputs, rows)).numpy().argmax(axis=1) == answers[rows]).sum())
    return right / len(answers)


if __name__ == "__main__":
    main()
