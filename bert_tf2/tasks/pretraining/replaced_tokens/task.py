"""ELECTRA's pre-training (https://arxiv.org/abs/2003.10555): which tokens did a generator replace?"""

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import COMPUTE_DTYPES, INPUT_NAMES
from bert_tf2.models.families.electra.discriminator_head import DiscriminatorHead
from bert_tf2.models.families.electra.generator import NAME, build_generator, generator_config
from bert_tf2.tasks.base import Batch, chosen_metric
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.objective import Companion, Objective, of_examples, prediction_weights
from bert_tf2.tasks.pretraining.predictions import Predictions, with_first
from bert_tf2.tasks.pretraining.replaced_tokens import token_sums
from bert_tf2.tasks.pretraining.replaced_tokens.corruption import Chosen, Corruption, Sampling, with_tokens
from bert_tf2.tasks.pretraining.replaced_tokens.options import ReplacedTokenOptions

_PREDICTIONS = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
_OF_TOKENS = ("disc_logits", "disc_kinds")


class ReplacedTokenTask(Objective):
    """A generator guesses masked tokens; what is drawn from its guesses stands in the text that the discriminator judges.

    The loss is `gen_weight` times the mean cross-entropy of the masked tokens plus `disc_weight` times that of the answers to
    "replaced or original" of all tokens, each over the whole batch. A drawn token that is the original counts as original. Pairs
    of segments are not judged.

    Args:
      config: shape of the discriminator.
      options: sizes of the generator, weights, temperature.
      mask_id: id of [MASK].
      masked: the records say which tokens are chosen; otherwise training chooses them, see `data.dynamic_masking`.
      policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
      static_shapes: unused predictions of a row are computed too, with weight 0, so that all shapes are known (TPU, XLA).
      best_metric: the metric that names the best checkpoint.
      recompute: as for encoders, of the generator.

    Raises:
      UserError: there is no generator of the sizes asked for, or `best_metric` is not computed for this task.
    """

    kind = "discriminator"
    heads = ("discriminator",)
    summary_names = types.MappingProxyType({name: name for name in token_sums.METRICS})
    measure_names = (*token_sums.OF_PREDICTIONS, *token_sums.OF_TOKENS, *token_sums.OF_PAIRS)

    def __init__(
        self,
        config: BertConfig,
        options: ReplacedTokenOptions,
        *,
        mask_id: int,
        masked: bool = True,
        policy: str = "float32",
        static_shapes: bool = False,
        best_metric: str | None = None,
        recompute: bool = False,
    ):
        self.features = pretraining_features(masked=masked, next_sentence=False)
        self.best_metric = chosen_metric(best_metric, ("loss", *token_sums.METRICS))
        self.generator_config = generator_config(config, options.generator_hidden_size, options.generator_layers)
        self._config, self._options, self._mask_id = config, options, mask_id
        self._policy, self._static_shapes, self._recompute = policy, static_shapes, recompute

    def identifying(self) -> dict[str, Any]:
        """Sizes, weights and temperature."""
        options = self._options
        return {
            "generator": [self.generator_config.hidden_size, self.generator_config.num_hidden_layers],
            "weights": [options.gen_weight, options.disc_weight],
            "temperature": options.temperature,
        }

    def companions(self, model: tf_keras.Model) -> dict[str, Companion]:
        """The generator."""
        return {NAME: Companion(NAME, model.generator, self.generator_config, ("masked_lm",))}

    def check_source(self, source: Source) -> None:
        """Checks the sizes of the checkpoint's generator, if it has one.

        Raises:
          UserError: they are others than those asked for.
        """
        beside = source.companions.get(NAME)
        if beside is None:
            return
        sizes, wanted, whole = beside.family.weights.sizes(beside.shapes), self.generator_config, self._config
        width, layers = sizes["hidden_size"], sizes["num_hidden_layers"]
        if (width, layers) != (wanted.hidden_size, wanted.num_hidden_layers):
            raise UserError(
                f"the generator in {source.path} has {layers} layer(s) of width {width}, the flags ask for "
                f"{wanted.num_hidden_layers} of width {wanted.hidden_size}; give "
                f"--generator_hidden_size={width / whole.hidden_size:g} --generator_layers={layers / whole.num_hidden_layers:g}"
            )

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Builds a generator on the embeddings of an encoder, the discriminator, and both heads.

        The model takes the encoder's inputs, `masked_lm_positions` and `masked_lm_ids` int32 [B, P] and `masked_lm_weights`
        float32 [B, P]. Of the N predictions, those with a weight (all B * P with `static_shapes`), it gives `masked_lm_loss`,
        `masked_lm_correct`, `sampled_masked_lm_correct`, `masked_lm_weights` float32 [N] and the numbers of their rows,
        `masked_lm_rows` int32 [N]; of all tokens `disc_logits` and `replaced`, 1 for another one than the original, float32
        [B, L]; and `disc_word_ids` int32 [B, L], what the discriminator saw. `model.masked_lm.logits` gives the generator's whole
        distributions.
        """
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in (*INPUT_NAMES, *_PREDICTIONS[:2])}
        inputs["masked_lm_weights"] = tf_keras.Input((None,), dtype=tf.float32, name="masked_lm_weights")
        listed = Predictions(self._static_shapes, name="predictions")(*(inputs[name] for name in _PREDICTIONS[1:]))
        positions = inputs["masked_lm_positions"]
        places, label_ids, weights, rows = listed
        chosen = Chosen(rows, tf_keras.layers.Lambda(_listed, name="places")((positions, places, rows)), label_ids, weights)
        corruption = Corruption(self._mask_id, name="corruption")
        text, masked, draws = corruption(inputs["input_word_ids"], inputs["input_mask"], chosen)

        generator = build_generator(self.generator_config, encoder, self._policy, self._recompute)
        dtype = COMPUTE_DTYPES[self._policy]
        sampling = Sampling(
            self.generator_config,
            encoder._embedding_layer,
            dtype,
            temperature=self._options.temperature,
            name="generator_predictions",
        )
        output_positions = tf_keras.layers.Lambda(with_first, name="output_positions")(positions)
        others = {name: inputs[name] for name in INPUT_NAMES[1:]}
        guessed = generator({"input_word_ids": masked, "output_positions": output_positions, **others})
        losses, right, drawn = sampling(guessed["sequence_output"], places, label_ids, draws)

        replacement = Replacement(name="replacement")
        disc_word_ids, replaced, sampled_right = replacement(text, chosen, drawn)
        head = DiscriminatorHead(self._config, dtype, name="discriminator_predictions")
        judged = encoder({"input_word_ids": disc_word_ids, **others})
        outputs = {
            "masked_lm_loss": losses,
            "masked_lm_correct": right,
            "sampled_masked_lm_correct": sampled_right,
            "masked_lm_weights": weights,
            "masked_lm_rows": rows,
            "disc_logits": head(judged["sequence_output"]),
            "replaced": replaced,
            "disc_word_ids": disc_word_ids,
        }
        model = tf_keras.Model(inputs=inputs, outputs=outputs, name="electra_pretrainer")
        model.encoder, model.discriminator_head = encoder, head
        model.generator, model.masked_lm = generator, sampling
        return model

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The number of predictions and of tokens, as sums of their weights."""
        weights = batch["example_weight"]
        predictions = tf.reduce_sum(batch["masked_lm_weights"] * weights[:, tf.newaxis])
        return {"masked_lm": predictions, "discriminator": tf.reduce_sum(_token_weights(batch))}

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Weighted sum of both losses; see `bert_tf2.tasks.base.Task.loss`."""
        of_generator = tf.reduce_sum(outputs["masked_lm_loss"] * prediction_weights(outputs, batch))
        of_discriminator = tf.reduce_sum(_answers(outputs) * _token_weights(batch))
        options = self._options
        return options.gen_weight * tf.math.divide_no_nan(
            of_generator, denominators["masked_lm"]
        ) + options.disc_weight * tf.math.divide_no_nan(of_discriminator, denominators["discriminator"])

    def measures(self, outputs: Batch, batch: Batch) -> dict[str, tf.Tensor]:
        """Sums over this part of a batch, of which `metrics_of_sums` makes metrics, by `measure_names`: float32 scalars.

        So `disc_auc` compares tokens of one part of a step, and is a mean over them.
        """
        sums = {name: tf.reduce_sum(value) for name, value in self._sums(outputs, batch).items()}
        return sums | token_sums.pairs(outputs["disc_logits"], outputs["replaced"], _token_weights(batch))

    def metrics_of_sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The metrics of what `measures` gave, summed over any number of parts and steps."""
        return token_sums.metrics_of_sums(sums)

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """What is summed, for each example: float32 [B] by name; and of its tokens `disc_logits`, float16 [B, L], and
        `disc_kinds`, int8 [B, L], as `token_sums.told_apart` gives them.

        Of rows that only fill a batch up all is 0.
        """
        kinds = token_sums.told_apart(outputs["replaced"], _token_weights(batch))
        # There are as many as tokens in all of the text.
        of_tokens = dict(zip(_OF_TOKENS, (tf.cast(outputs["disc_logits"], tf.float16), kinds)))
        return self._sums(outputs, batch) | of_tokens

    def metrics(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        """All metrics and the loss, from what `predictions` gave for every example."""
        sums = {name: float(np.sum(values, dtype=np.float64)) for name, values in collected.items() if name not in _OF_TOKENS}
        sums |= token_sums.pairs_of_tokens(*(collected[name] for name in _OF_TOKENS))
        metrics, options = token_sums.metrics_of_sums(sums), self._options
        loss = options.gen_weight * metrics["masked_lm_loss"] + options.disc_weight * metrics["disc_loss"]
        return {"loss": loss, **metrics}

    def _sums(self, outputs: Batch, batch: Batch) -> Batch:
        """Sums over each example's predictions and tokens: float32 [B] by name."""
        weights = prediction_weights(outputs, batch)
        values = (weights, *(outputs[name] * weights for name in token_sums.OF_PREDICTIONS[1:]))
        sums = {name: of_examples(value, outputs, batch) for name, value in zip(token_sums.OF_PREDICTIONS, values)}
        answers = outputs["disc_logits"], _answers(outputs), outputs["replaced"], _token_weights(batch)
        return sums | token_sums.of_tokens(*answers)


class Replacement(tf_keras.layers.Layer):
    """Puts the drawn tokens into the text."""

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

    def call(self, text: tf.Tensor, chosen: Chosen, drawn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Replaces.

        Args:
          text: int32 [B, L].
          chosen: the places.
          drawn: what goes there, int32 [N].

        Returns:
          The rows so made, int32 [B, L]; 1 where they differ from the text, float32 [B, L]; and 1 where the text was drawn,
          float32 [N].
        """
        ids = with_tokens(text, chosen, drawn)
        return ids, tf.cast(ids != text, tf.float32), tf.cast(drawn == chosen.label_ids, tf.float32)


def _listed(tensors: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """The positions of the listed predictions, int32 [N]: of all positions [B, P], by the places and rows of `Predictions`."""
    positions, places, rows = tensors
    return tf.gather(tf.reshape(positions, [-1]), places - rows - 1)


def _token_weights(batch: Batch) -> tf.Tensor:
    """1 for every token of the batch's examples, float32 [B, L]."""
    return tf.cast(batch["input_mask"], tf.float32) * batch["example_weight"][:, tf.newaxis]


def _answers(outputs: Batch) -> tf.Tensor:
    """The cross-entropies of the discriminator's answers, float32 [B, L]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=outputs["replaced"], logits=outputs["disc_logits"])
