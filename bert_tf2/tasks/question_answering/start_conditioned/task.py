"""Extractive question answering with XLNet's head: an end for each of the best starts."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Task
from bert_tf2.tasks.exports import token_ids_export
from bert_tf2.tasks.portable import Portable
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers, DecodingOptions
from bert_tf2.tasks.question_answering.in_graph import answering_export
from bert_tf2.tasks.question_answering.start_conditioned.decoding import decode_conditioned
from bert_tf2.tasks.question_answering.start_conditioned.head import (
    END,
    END_LOGITS,
    END_PLACES,
    NO_ANSWER,
    START,
    START_LOGITS,
    START_PLACES,
    AnswerHead,
)
from bert_tf2.tasks.question_answering.start_conditioned.in_graph import StartConditionedModule
from bert_tf2.tasks.question_answering.start_conditioned.places import context_tokens, gold_places, summary_token
from bert_tf2.tasks.question_answering.task import SpanTask

_CHECKED_AT_ONCE = 2048


class StartConditionedTask(SpanTask):
    """Marks the answer's first token, and the last one given the first; a layer of its own tells whether there is an answer.

    The loss is XLNet's (`run_squad.py` of zihangdai/xlnet): the mean of the two cross-entropies, that of the end given the gold
    start, and with `version_2` half the cross-entropy of whether there is no answer.

    Args:
      decoding: as for `SpanTask`.
      config: the encoder's.
      start_n_top: how many starts an end is looked for.
      end_n_top: how many ends of each.
      options: the other ones of `SpanTask`.

    Raises:
      UserError: as there.
    """

    # A teacher's best places are not a student's.
    soft_loss = Task.soft_loss
    why_no_soft_loss = "give --answer_head=independent"

    def __init__(self, decoding: DecodingOptions, config: BertConfig, start_n_top: int = 5, end_n_top: int = 5, **options: Any):
        super().__init__(decoding, initializer_range=config.initializer_range, **options)
        self.heads = ("start_conditioned", "answerability") if decoding.version_2 else ("start_conditioned",)
        self._outputs = (START, START_PLACES, END, END_PLACES, *([NO_ANSWER] if decoding.version_2 else []))
        self._config, self._tops = config, (start_n_top, end_n_top)

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts the head on the encoder's sequence output; see `AnswerHead.call` for what the model gives."""
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        head = AnswerHead(self._config, *self._tops, self.decoding.version_2, name="answer_head")
        outputs = head(tf.cast(encoder(inputs)["sequence_output"], tf.float32), inputs)
        model = tf_keras.Model(inputs=inputs, outputs=outputs, name="start_conditioned_span_labeler")
        model.answer_head = head
        return model

    def training_outputs(self, model: tf_keras.Model, inputs: Batch, batch: Batch, training: bool = True) -> Batch:
        """The logits of start and end, masked, float32 [B, L], the end's for the gold start; and those of answerability, [B]."""
        encoder = next(layer for layer in model.layers if layer.weights)
        sequence = tf.cast(encoder(inputs, training=training)["sequence_output"], tf.float32)
        return model.answer_head.taught(sequence, inputs, batch["start_positions"], training)

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean over the windows; see `bert_tf2.tasks.base.Task.loss`. `outputs` are those of `training_outputs`."""
        summary = summary_token(batch, self._config.last_token_stands_for_input)
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(gold_places(batch[name], summary), outputs[logits])
            for name, logits in (("start_positions", START_LOGITS), ("end_positions", END_LOGITS))
        ]
        loss = tf.add_n(losses) / 2
        if self.decoding.version_2:
            is_impossible = tf.cast(batch["start_positions"] == 0, tf.float32)
            loss += 0.5 * tf.nn.sigmoid_cross_entropy_with_logits(is_impossible, outputs[NO_ANSWER])
        return tf.math.divide_no_nan(tf.reduce_sum(loss * batch["example_weight"]), denominators["example_weight"])

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """What `AnswerHead.call` gives."""
        del batch
        return {name: outputs[name] for name in self._outputs}

    @during("checking records")
    def check_records(self, records: RecordSet) -> None:
        """Checks that every answer lies inside its row, and there in the context: no other token can be one.

        Raises:
          UserError: a position is outside.
        """
        super().check_records(records)
        for first in range(0, len(records), _CHECKED_AT_ONCE):
            rows = range(first, min(first + _CHECKED_AT_ONCE, len(records)))
            features = records.parse(rows)
            in_context = context_tokens({name: tf.constant(features[name]) for name in INPUT_NAMES}).numpy()
            for name in ("start_positions", "end_positions"):
                places = np.asarray(features[name])
                wrong = (places > 0) & ~in_context[np.arange(len(rows)), places]
                if wrong.any():
                    row = int(np.argmax(wrong))
                    raise UserError(
                        f"{records.location(first + row)}: {name} must be a token of the context, which --answer_head="
                        f"start_conditioned looks for answers in, or 0 for none; got {places[row]}; prepare the data again"
                    )

    def outcome(self, collected: Collected, examples: ExampleSet) -> DecodedAnswers:
        """As that of `SpanTask`."""
        empty = {name: np.zeros((0,) + (1,) * self._axes(name), np.float32) for name in self._outputs}
        return self.tuned(decode_conditioned(examples.source, {**empty, **collected}, self.decoding))

    def _axes(self, name: str) -> int:
        return {NO_ANSWER: 0, START: 1, START_PLACES: 1}.get(name, 2)

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData | None) -> dict[str, Export]:
        """Token ids in, best starts and ends out; where a tokenizer is at hand also question and context in, the answer out."""
        token_ids = token_ids_export(model, self.serving_outputs)
        found = {"": dataclasses.replace(token_ids, says="token ids in, the best starts and ends out")}
        if tokenizer is None:
            return found
        return found | {"_text": answering_export(model, tokenizer, self.windows, self.exported_decoding, StartConditionedModule)}

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """The best starts and ends; not for other runtimes."""
        why_not = (
            "the model has the head of --answer_head=start_conditioned, which is not converted; export it with run_squad.py "
            "--mode=export_only --model_export_path, or train one with --answer_head=independent"
        )
        facts = {"answer_head": "start_conditioned"}
        whole = super().portable(model, meta)
        return dataclasses.replace(whole, facts={**whole.facts, **facts}, why_not_converted=why_not)

    def serving_outputs(self, outputs: Batch) -> dict[str, tf.Tensor]:
        """What `AnswerHead.call` gives, under XLNet's names."""
        return outputs
