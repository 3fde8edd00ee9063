"""A kind of task of one's own: ratings in an order (1 to 5 stars), where 4 is nearer to 5 than 1 is.

One score of a text is compared with four thresholds ("better than 1?", "better than 2?", …): Cao, Mirjalili and Raschka 2020,
"Rank consistent ordinal regression". Measured by Cohen's kappa with quadratic weights.
"""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.feature_spec import TOKEN_FEATURES, FeatureSpec
from bert_tf2.models.families.names import Head, Weight, register_head
from bert_tf2.options import Options, at_least, option
from bert_tf2.tasks.base import Task
from bert_tf2.tasks.exports import INPUT_NAMES, token_ids_export
from bert_tf2.tasks.file_preparation import FilePreparation, Record
from bert_tf2.tasks.kind import Kind, kinds

WEIGHTS = (Weight("rating/kernel", ("hidden_size", None), "rating.weight"), Weight("rating/thresholds", (None,), "rating.bias"))
register_head(Head("rating", "rating head", WEIGHTS, {weight.name: tuple(weight.name.split("/")) for weight in WEIGHTS}))


@dataclasses.dataclass(frozen=True)
class RatingOptions(Options):
    stars: int = option(5, "The highest rating; the lowest is 1.", check=at_least(2), section="Ratings")


class Ratings(FilePreparation):
    features = (*TOKEN_FEATURES, FeatureSpec("rating"))
    metrics = ("kappa",)

    def record(self, row, split):
        stars = int(row["stars"]) if str(row.get("stars", "")).isdecimal() else 1 if split.is_test else 0
        if not 1 <= stars <= self.options.stars:
            return f"stars must be from 1 to {self.options.stars}; got {row.get('stars')!r}"
        values, cut = self.texts(row["text"])
        return Record({**values, "rating": stars}, cut, row["text"])

    def facts(self, splits):
        return {**super().facts(splits), "stars": self.options.stars}


class RatingHead(tf_keras.layers.Layer):
    def __init__(self, thresholds, width, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.kernel = self.add_weight(
            name="kernel", shape=(width, 1), initializer=tf_keras.initializers.TruncatedNormal(stddev=0.02)
        )
        self.thresholds = self.add_weight(name="thresholds", shape=(thresholds,), initializer="zeros")

    def call(self, pooled_output):
        return tf.cast(pooled_output, tf.float32) @ self.kernel + self.thresholds


class RatingTask(Task):
    features, best_metric = Ratings.features, "kappa"
    heads, on_pooler, output_range, export_suffixes = ("rating",), True, 1, ("",)

    def __init__(self, stars):
        self.stars = stars

    def build_model(self, encoder):
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        pooled = encoder(inputs)["pooled_output"]
        head = RatingHead(self.stars - 1, pooled.shape[-1], name="rating")
        model = tf_keras.Model(inputs, head(pooled))
        model.rating = head
        return model

    def loss(self, outputs, batch, denominators):
        better = tf.cast(batch["rating"][:, None] > tf.range(1, self.stars), tf.float32)
        losses = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(better, outputs), axis=1)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["example_weight"])

    def predictions(self, outputs, batch):
        stars = 1 + tf.reduce_sum(tf.cast(outputs > 0, tf.int32), axis=1)
        return {"predicted": stars, "gold": batch["rating"], "logits": outputs}

    def scores(self, outcome, examples):
        gold, predicted = outcome["gold"].astype(float), outcome["predicted"].astype(float)
        by_chance = np.mean((gold[:, None] - predicted[None, :]) ** 2)
        return {"kappa": float(1 - np.mean((gold - predicted) ** 2) / by_chance) if by_chance else 0.0}

    def exports(self, model, tokenizer, meta):
        return {"": token_ids_export(model, lambda logits: {"stars": 1 + tf.reduce_sum(tf.cast(logits > 0, tf.int32), axis=1)})}


@kinds.register("rating")
class Rating(Kind):
    task_type, data_options = "rating", RatingOptions

    def preparation(self, options, tokenizer, trained):
        return Ratings(options, tokenizer)

    def task(self, meta, config, options):
        return RatingTask(meta.extra["stars"])
