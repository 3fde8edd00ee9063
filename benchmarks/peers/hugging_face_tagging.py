"""Hugging Face transformers with TensorFlow: TFBertForTokenClassification on CoNLL files, with the inputs and hyperparameters of
run_ner.py: the first piece of a word has its tag, AdamW, linear warm-up and decay, gradients clipped to norm 1."""

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

NOTHING = -100


def main() -> None:
    """Trains, evaluates and prints the F1 of each set of `evaluated`."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    transformers.set_seed(job["seed"])
    tokenizer = transformers.BertTokenizerFast(os.path.join(job["weights"], "vocab.txt"))
    train = _sentences(job["train"])
    labels = sorted({tag for _, tags in train for tag in tags})
    config = transformers.BertConfig.from_json_file(os.path.join(job["weights"], "config.json"))
    config.num_labels = len(labels)
    model = transformers.TFBertForTokenClassification(config)
    state = load_file(os.path.join(job["weights"], "model.safetensors"))
    state = {name if name.startswith("bert.") else f"bert.{name}": value for name, value in state.items()}
    load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True)
    _train(model, [_encoded(tokenizer, words, job["max_seq_length"]) for words, _ in train], train, labels, job)
    found = {name: _f1(model, tokenizer, _sentences(path), labels, job) for name, path in job["evaluated"].items()}
    print("RESULT " + json.dumps(found), flush=True)


def _sentences(path: str) -> list[tuple[list[str], list[str]]]:
    """Words and tags of each sentence; lines of white space divide sentences."""
    found: list[tuple[list[str], list[str]]] = [([], [])]
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.strip():
                found.append(([], []))
                continue
            word, tag = line.split()
            found[-1][0].append(word)
            found[-1][1].append(tag)
    return [sentence for sentence in found if sentence[0]]


def _encoded(tokenizer, words: list[str], length: int) -> tuple[list[int], list[int | None]]:
    """Ids, and the word that each is of; words that have no piece, or are cut off, are nowhere."""
    encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=length)
    return encoded["input_ids"], encoded.word_ids()


def _batch(rows: list[list[int]], fill: int) -> tf.Tensor:
    longest = max(map(len, rows))
    return tf.constant([row + [fill] * (longest - len(row)) for row in rows], tf.int32)


def _inputs(encoded: list[tuple[list[int], list[int | None]]]) -> dict[str, tf.Tensor]:
    return {
        "input_ids": _batch([ids for ids, _ in encoded], 0),
        "attention_mask": _batch([[1] * len(ids) for ids, _ in encoded], 0),
        "token_type_ids": _batch([[0] * len(ids) for ids, _ in encoded], 0),
    }


def _first_pieces(words: list[int | None]) -> list[bool]:
    return [word is not None and (not place or words[place - 1] != word) for place, word in enumerate(words)]


def _train(model, encoded: list, train: list, labels: list[str], job: dict) -> None:
    ids = {label: number for number, label in enumerate(labels)}
    gold = [
        [ids[tags[word]] if first else NOTHING for word, first in zip(words, _first_pieces(words))]
        for (_, words), (_, tags) in zip(encoded, train)
    ]
    steps = -(-len(encoded) // job["batch_size"]) * job["epochs"]
    optimizer, _ = transformers.create_optimizer(
        job["learning_rate"], steps, round(0.1 * steps), adam_epsilon=1e-6, weight_decay_rate=0.01
    )

    @tf.function(reduce_retracing=True)
    def step(batch, tags):
        with tf.GradientTape() as tape:
            logits = model(batch, training=True).logits
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(tags, 0), logits)
            counts = tf.cast(tags != NOTHING, tf.float32)
            loss = tf.reduce_sum(losses * counts) / tf.reduce_sum(counts)
        gradients = tape.gradient(loss, model.trainable_variables)
        clipped, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply_gradients(zip(clipped, model.trainable_variables))

    order = list(range(len(encoded)))
    for _ in range(job["epochs"]):
        random.shuffle(order)
        for first in range(0, len(order), job["batch_size"]):
            rows = order[first : first + job["batch_size"]]
            step(_inputs([encoded[row] for row in rows]), _batch([gold[row] for row in rows], NOTHING))


def _f1(model, tokenizer, sentences: list, labels: list[str], job: dict) -> float:
    """seqeval's F1 over all words; those that the model was not shown count as `O`."""
    from seqeval.metrics import f1_score

    encoded = [_encoded(tokenizer, words, job["max_seq_length"]) for words, _ in sentences]
    predict = tf.function(lambda batch: model(batch, training=False).logits, reduce_retracing=True)
    order = np.argsort([len(ids) for ids, _ in encoded], kind="stable").tolist()
    predicted: list[list[str]] = [["O"] * len(words) for words, _ in sentences]
    for start in range(0, len(order), 32):
        rows = order[start : start + 32]
        for row, logits in zip(rows, predict(_inputs([encoded[row] for row in rows])).numpy()):
            words = encoded[row][1]
            for place, first in enumerate(_first_pieces(words)):
                if first:
                    predicted[row][words[place]] = labels[logits[place].argmax()]
    return f1_score([tags for _, tags in sentences], predicted)


if __name__ == "__main__":
    main()
