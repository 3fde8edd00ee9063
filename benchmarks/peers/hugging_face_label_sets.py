"""Fine-tunes Hugging Face's TFBertForSequenceClassification on texts with any number of labels and writes its logits for others.

The loss is that of its PyTorch classes with `problem_type="multi_label_classification"`: sigmoid cross-entropy, the mean over
all labels of a batch. AdamW with a linear decay after a warm-up, without decay of biases and layer norms, gradients clipped to
norm 1; batches in random order, padded to their longest row.
"""

import json
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import measure
import numpy as np
import tensorflow as tf
import transformers
from safetensors.numpy import load_file
from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

_PREDICT_BATCH = 64


def main() -> None:
    """Trains and writes `logits`."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    transformers.set_seed(job["seed"])
    with np.load(job["rows"]) as arrays:
        rows = dict(arrays)
    size, lengths, labels = job["batch_size"], rows["train_lengths"], rows["train_labels"].astype(np.float32)
    steps = -(-len(lengths) // size) * job["epochs"]
    model = _model(job["weights"], labels.shape[1])
    optimizer, _ = transformers.create_optimizer(
        job["learning_rate"],
        num_train_steps=steps,
        num_warmup_steps=int(steps * job["warmup_proportion"]),
        adam_epsilon=job["adam_epsilon"],
        weight_decay_rate=0.01,
        adam_global_clipnorm=1.0,
    )

    @tf.function(reduce_retracing=True)
    def step(ids: tf.Tensor, mask: tf.Tensor, gold: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(input_ids=ids, attention_mask=mask, training=True).logits
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=gold, logits=logits))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    @tf.function(reduce_retracing=True)
    def logits_of(ids: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return model(input_ids=ids, attention_mask=mask, training=False).logits

    order = np.random.default_rng(job["seed"])
    for _ in range(job["epochs"]):
        shuffled = order.permutation(len(lengths))
        for first in range(0, len(shuffled), size):
            chosen = shuffled[first : first + size]
            step(*_batch(rows, "train", chosen), labels[chosen])
    found = {}
    for split in ("eval", "test"):
        by_length = np.argsort(-rows[f"{split}_lengths"], kind="stable")
        found[split] = np.zeros((len(by_length), labels.shape[1]), np.float32)
        for first in range(0, len(by_length), _PREDICT_BATCH):
            chosen = by_length[first : first + _PREDICT_BATCH]
            found[split][chosen] = logits_of(*_batch(rows, split, chosen)).numpy()
    np.savez(job["logits"], **found)
    print("RESULT " + json.dumps({"steps": steps}), flush=True)


def _model(folder: str, num_labels: int) -> transformers.TFBertForSequenceClassification:
    """The encoder of a folder with safetensors, and a new head."""
    config = transformers.BertConfig.from_pretrained(folder, num_labels=num_labels)
    model = transformers.TFBertForSequenceClassification(config)
    weights = {
        name if name.startswith("bert.") else f"bert.{name}": value
        for name, value in load_file(f"{folder}/model.safetensors").items()
    }
    model, report = load_pytorch_state_dict_in_tf2_model(model, weights, allow_missing_keys=True, output_loading_info=True)
    missing = [name for name in report["missing_keys"] if not name.startswith("classifier")]
    assert not missing, f"{folder} lacks {missing[:3]}"
    return model


def _batch(rows: dict[str, np.ndarray], split: str, chosen: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    lengths = rows[f"{split}_lengths"][chosen]
    longest = int(lengths.max())
    mask = np.arange(longest) < lengths[:, None]
    return tf.constant(rows[f"{split}_ids"][chosen, :longest], tf.int32), tf.constant(mask, tf.int32)


if __name__ == "__main__":
    main()
