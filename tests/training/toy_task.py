"""A task that the trainer has never heard of: a bag of tokens, labelled by whether the first token is even."""

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.models.dropout import Dropout
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.trainer import Trainer, TrainerConfig

VOCABULARY = 20
FEATURES = [
    FeatureSpec("input_ids", shape=("tokens",), batch_name="input_word_ids"),
    FeatureSpec("input_mask", shape=("tokens",)),
    FeatureSpec("label_ids"),
    FeatureSpec("example_id"),
]


class ToyTask:
    """Binary classification of a bag of tokens."""

    features = FEATURES
    best_metric = "accuracy"

    def loss_denominators(self, batch):
        return {"examples": tf.reduce_sum(batch["example_weight"])}

    def training_outputs(self, model, inputs, batch):
        return model(inputs, training=True)

    def loss(self, outputs, batch, denominators):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["label_ids"], tf.cast(outputs, tf.float32))
        return tf.reduce_sum(losses * batch["example_weight"]) / denominators["examples"]

    def predictions(self, outputs, batch):
        return {"logits": tf.cast(outputs, tf.float32), "label_ids": batch["label_ids"], "example_id": batch["example_id"]}

    def metrics(self, collected):
        return {"accuracy": float(np.mean(collected["logits"].argmax(1) == collected["label_ids"]))}

    def higher_is_better(self, metric):
        return metric != "loss"

    def shown(self, scores):
        return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


class GreedyTask(ToyTask):
    """Needs more memory than there is for more tokens at once than a number of them; the loss is the toy's, bit for bit."""

    def __init__(self, most_tokens):
        self._most_tokens = most_tokens

    def loss(self, outputs, batch, denominators):
        size = tf.where(tf.size(batch["input_word_ids"]) > self._most_tokens, 10**15, 1)
        # Random numbers are not folded into the graph.
        nothing = tf.reduce_max(tf.cast(tf.random.uniform([size]) > 2.0, tf.float32))
        return super().loss(outputs, batch, denominators) + nothing


def write_records(path, number=50, seed=0, gzip=False, longest=12):
    """Writes toy records of 1 to `longest` tokens."""
    random = np.random.default_rng(seed)
    with RecordWriter(str(path), FEATURES, gzip=gzip) as writer:
        for row in range(number):
            ids = random.integers(1, VOCABULARY, random.integers(1, longest + 1)).tolist()
            writer.write({"input_ids": ids, "input_mask": [1] * len(ids), "label_ids": ids[0] % 2, "example_id": row})
    return str(path)


def open_records(path):
    return RecordSet.open(str(path), FEATURES)


def build_model(dropout=0.1, width=8):
    """An embedding (whose gradient is sparse), dropout, two dense layers, and one layer that the output does not use."""
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in ("input_word_ids", "input_mask")}

    def init(seed):
        return tf_keras.initializers.GlorotUniform(seed=seed)

    embedded = tf_keras.layers.Embedding(VOCABULARY, width, embeddings_initializer=init(1), name="embedding")(
        inputs["input_word_ids"]
    )
    mask = tf_keras.layers.Lambda(lambda used: tf.expand_dims(tf.cast(used, tf.float32), -1), dtype="float32")(
        inputs["input_mask"]
    )
    pooled = tf_keras.layers.Lambda(lambda both: tf.reduce_sum(both[0] * tf.cast(both[1], both[0].dtype), 1))([embedded, mask])
    pooled = Dropout(dropout, salt=1)(pooled)
    hidden = tf_keras.layers.Dense(width, activation="tanh", kernel_initializer=init(2), name="hidden")(pooled)
    hidden = tf_keras.layers.LayerNormalization(name="layer_norm")(hidden)
    logits = tf_keras.layers.Dense(2, kernel_initializer=init(3), name="logits", dtype="float32")(hidden)
    return tf_keras.Model(inputs=inputs, outputs=logits, name="toy")


def make_trainer(
    model_dir,
    strategy=None,
    train_steps=20,
    dropout=0.1,
    learning_rate=0.01,
    loss_scale=None,
    optimizer_type="adamw",
    width=8,
    task=None,
    most_tokens=None,
    average_decay=None,
    **config,
):
    """A trainer of the toy and its model."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = build_model(dropout, width)
        schedule = WarmUpThenDecay(learning_rate, train_steps, warmup_steps=2)
        optimizer = create_optimizer(schedule, optimizer_type, loss_scale=loss_scale, average_decay=average_decay)
    task = task or (ToyTask() if most_tokens is None else GreedyTask(most_tokens))
    config = TrainerConfig(model_dir=str(model_dir), train_steps=train_steps, seed=7, **{"log_steps": 5, **config})
    return Trainer(task, model, optimizer, strategy, config), model


def make_plan(records, batch_size=8, seed=7):
    return BatchPlan(records.lengths, batch_size, seed)


def evaluator(records, strategy=None, task=None):
    """What a job passes as `evaluate`."""
    task, strategy = task or ToyTask(), strategy or tf.distribute.get_strategy()
    return lambda model: task.metrics(predict_all(task, model, strategy, records, 8))


def weights_of(model):
    return [weight.numpy() for weight in model.weights]
