"""What a kind of task is to the floors above it, at the model's end: head, loss, scores, files, exports."""

import abc
import dataclasses
import json
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.repeats import Repeats
from bert_tf2.data.records.feature_spec import TOKENS, FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.files import write_text
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.portable import Portable, of_rows
from bert_tf2.tasks.tally import Tally

Batch = dict[str, tf.Tensor]
Collected = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class ExampleSet:
    """Examples that are evaluated or predicted together.

    Attributes:
      name: `eval`, `test`, or that of a further set, such as `eval_mismatched`.
      records: what the model is shown, in the order in which results are written.
      is_labelled: whether the records' labels are real ones.
      source: what a kind made the records of; None where they were only read.
      texts: gives the text and second text (or None) of the examples with these ids; None where only records are at hand.
      origin: the files that they come from, as the command names them.
      prefix, suffix: what the names of its files have before them, and before their extension.
    """

    name: str
    records: RecordSet
    is_labelled: bool = True
    source: Any = None
    texts: Callable[[Sequence[int] | np.ndarray], list[tuple[str, str | None]]] | None = None
    origin: str = ""
    prefix: str = ""
    suffix: str = ""

    def named(self, file: str) -> str:
        """What a file of results is called for these examples: `predictions_mismatched.tsv` of `predictions.tsv`."""
        stem, extension = os.path.splitext(file)
        return f"{self.prefix}{stem}{self.suffix}{extension}"


@dataclasses.dataclass(frozen=True)
class Report:
    """What a report says beyond scores: captions and paths of pictures, headings and Markdown of sections."""

    pictures: Sequence[tuple[str, str]] = ()
    sections: Sequence[tuple[str, str]] = ()


@dataclasses.dataclass(frozen=True)
class Export:
    """A SavedModel to write.

    Attributes:
      module: holds the variables.
      signatures: concrete functions by name.
      says: what it takes and gives, in few words: "token ids in, logits out".
    """

    module: tf.Module
    signatures: Mapping[str, Any]
    says: str


@dataclasses.dataclass(frozen=True)
class Prompt:
    """Vectors of prompts, which are rows of the table of words of tokens that no text has.

    Attributes:
      beginnings: by row the row of the word that it begins as; None for a random beginning.
      groups: those that are trained, in groups that stand in one input.
      facts: what metadata say of the prompts; a model of the same has its vectors already.
    """

    beginnings: Mapping[int, int | None]
    groups: Sequence[Sequence[int]]
    facts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What an evaluation finds for later predictions, such as a threshold, and where a run keeps it.

    Attributes:
      flag: the flag that asks for it, with its value.
      file: its name in the model's directory.
      advice: how to get one, for messages.
      usual: what is used where none was found and none was asked for.
      what: what it is called.
      without: how to do without, for messages.
    """

    flag: str
    file: str
    advice: str
    usual: Any
    what: str = "threshold"
    without: str = "give a number"


class Task(abc.ABC):
    """A kind of task at the model's end.

    The loss of a step is a sum of shares, so that it is the same number however the batch is divided among replicas and
    accumulation steps: `loss_denominators` is summed over all of them first, then each one's `loss` is its share of the whole.

    Attributes:
      features: what a record holds; written and parsed by the same list.
      best_metric: the metric that names the best checkpoint unless the user names another.
      heads: the kinds of heads (`bert_tf2.models.families.names.HEADS`) that scores and predictions come from.
      num_labels: how many outputs a `classifier` among them has.
      on_pooler: whether they stand on the pooled output, and are worth nothing without the pooler they were trained with.
      why_no_soft_loss: where it has no `soft_loss`, why, and what helps; a clause for messages.
      needs_trained_heads: a head that is none of a checkpoint's is worth nothing to begin a training with.
      output_range: how many tokens of each row the head looks at; None for all. See `build_encoder`.
      output_axes: where the model gives one tensor with so few numbers for each example that a teacher's can be kept beside the
        records: the axes of those of one example, as a `FeatureSpec` names them; None where it gives more.
      sees_whole_batch: the loss of an example depends on the others of its batch, which therefore is not divided.
      bounds_inputs: examples may be many inputs each, so that a batch's inputs are bounded, not only its examples.
      facts: what metadata beside the model say of it besides what those of its records do.
      answer_feature: the feature of a record that holds its answer, which equal inputs must not have two of; None where there is
        none, or numbers that may differ a little.
      class_names: of what that feature numbers; none where an example has no class.
      equal_inputs_are_one: whether two records with the same ids are the same example.
      prompt: which rows of the model's table of words are vectors of a prompt; None for none.
      most: no record has more on these axes of its features; what a TPU and XLA fix besides the number of tokens.
      measure_names: what is measured in every training step besides the loss; see `measures`.
      told_metrics: those of `metrics_of_sums` that the terminal tells besides accuracies.
      export_suffixes: what is appended to `--model_export_path` for each SavedModel that `exports` gives.
      unit: what one of its examples is called, in the plural.
      pictures: the names of what `report` may draw.
      tuning: what evaluations find for later predictions; None for nothing.
      in_percent: its scores are from 0 to 100, not from 0 to 1.
      hub_task: what Hugging Face's Hub calls such a task (https://huggingface.co/tasks), for the model card.
    """

    features: Sequence[FeatureSpec]
    best_metric: str
    heads: tuple[str, ...] = ()
    num_labels: int = 1
    on_pooler: bool = False
    why_no_soft_loss: ClassVar[str] = "define its Task.soft_loss"
    needs_trained_heads: ClassVar[bool] = False
    output_range: int | None = None
    output_axes: tuple[str, ...] | None = None
    sees_whole_batch: bool = False
    bounds_inputs: bool = False
    facts: Mapping[str, Any] = MappingProxyType({})
    answer_feature: str | None = None
    class_names: Sequence[str] = ()
    equal_inputs_are_one: ClassVar[bool] = True
    prompt: Prompt | None = None
    most: Mapping[str, int] = MappingProxyType({})
    measure_names: tuple[str, ...] = ()
    told_metrics: tuple[str, ...] = ()

    export_suffixes: ClassVar[tuple[str, ...]] = ("", "_text")
    unit: ClassVar[str] = "examples"
    pictures: ClassVar[tuple[str, ...]] = ()
    in_percent: ClassVar[bool] = False
    hub_task: ClassVar[str] = "other"
    tuning: Tuning | None = None

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "build_model" in vars(cls):
            # As encoders are built: AutoGraph would read the source of every layer at every start.
            cls.build_model = tf.autograph.experimental.do_not_convert(cls.build_model)  # type: ignore[method-assign]

    @abc.abstractmethod
    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts the task's head on the encoder; the encoder is the model's first layer with weights."""

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """What the loss will be divided by, from the batch alone: float32 scalars by name; here the sum of the weights.

        The first is what `soft_loss` is divided by.
        """
        return {"example_weight": tf.reduce_sum(batch["example_weight"])}

    def training_outputs(self, model: tf_keras.Model, inputs: Batch, batch: Batch, training: bool = True) -> Any:
        """What the loss is computed of in a training step: here what the model gives.

        Args:
          model: the task's, on an encoder.
          inputs: the part of the batch that the model takes.
          batch: as for `loss`.
          training: whether there is dropout; without it the loss is looked at, and nothing trained.
        """
        del batch
        return model(inputs, training=training)

    def begin_training(self, records: RecordSet) -> dict[str, Any]:
        """Is told, before the first step, what is trained on: a loss may depend on how often labels occur.

        Args:
          records: checked.

        Returns:
          What identifies the training in the place of options that do not say it themselves, by their names: what a file holds.
        """
        del records
        return {}

    def repeats(self, records: RecordSet) -> Repeats | None:
        """Which rows an epoch holds several times; None where it holds each once.

        Args:
          records: what is trained on, checked.
        """
        del records
        return None

    @abc.abstractmethod
    def loss(self, outputs: Any, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """This part's share of the loss: a float32 scalar; the shares of all parts sum to the loss.

        Args:
          outputs: what the model gives.
          batch: tensors by the batch names of `features`, and `example_weight` float32 [B], 0 for rows that fill a batch up.
          denominators: `loss_denominators`, summed over all parts.
        """

    def soft_loss(
        self, outputs: Any, targets: Any, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """This part's share of the loss against a teacher's outputs, as `loss`; a kind that has none cannot be taught by them.

        Args:
          outputs: what the model gives.
          targets: what a model of the same task with other weights gives for these rows, or the same one with other dropout
            (R-Drop). To a teacher's no gradient goes, as they are constants; do not stop it here.
          batch, denominators: as for `loss`.
          temperature: what logits are divided by before they become a distribution (https://arxiv.org/abs/1503.02531); the loss
            is multiplied by its square, so that its gradient is of the size it has without.
        """
        raise NotImplementedError

    def measures(self, outputs: Any, batch: Batch) -> dict[str, tf.Tensor]:
        """A float32 scalar for each of `measure_names`, summed over all parts and steps between two reports.

        `metrics_of_sums` makes the reported metrics of the sums.
        """
        del outputs, batch
        return {}

    def metrics_of_sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The metrics that are reported while training, from the sums of `measures`."""
        del sums
        return {}

    @abc.abstractmethod
    def predictions(self, outputs: Any, batch: Batch) -> Batch:
        """What evaluation and prediction collect of a batch: tensors with one row per example."""

    def why_not_packed(self) -> str | None:
        """Why training cannot put several examples into one row of the encoder, a clause for messages; None where it can.

        Head and loss meet examples as always (see `bert_tf2.models.packing`), so it can where an example is one input, of which
        all tokens or the first one are computed.
        """
        for spec in self.features:
            if spec.in_batch and spec.key in INPUT_NAMES and spec.shape != (TOKENS,):
                return f"an example of this kind is more than one input ({', '.join(spec.shape)})"
        if self.output_range not in (None, 1):
            return f"this kind looks at the first {self.output_range} tokens of an example"
        return None

    def check_records(self, records: RecordSet) -> None:  # noqa: B027 (most values need no check)
        """Checks values that training would stumble over: a label that the model has no output for.

        Raises:
          UserError: there is such a value; the message names file and record.
        """

    def outcome(self, collected: Collected, examples: ExampleSet) -> Any:
        """What scores and files are made of, from what `predictions` gave: arrays with one row per record, in file order."""
        del examples
        return collected

    @abc.abstractmethod
    def scores(self, outcome: Any, examples: ExampleSet) -> dict[str, float]:
        """The metrics by name."""

    def tally(self, outcome: Any, examples: ExampleSet) -> Tally | None:
        """What each example adds to a metric, by which models are compared; None where none is a sum over examples."""
        del outcome, examples
        return None

    def strata(self, records: RecordSet) -> np.ndarray | None:
        """What parts of the records should have in equal shares, a number for each record: int [N]; None for nothing."""
        del records
        return None

    def why_degenerate(self, outcome: Any, examples: ExampleSet) -> str | None:
        """Why predictions are no better than those of a model that has learnt nothing, a clause; None where they are, or where
        the task cannot tell."""
        del outcome, examples
        return None

    def higher_is_better(self, metric: str) -> bool:
        """Whether a larger value of the named metric is the better one; all but losses."""
        return metric != "loss"

    def shown(self, scores: Mapping[str, float]) -> str:
        """Scores in one line for the log."""
        return ", ".join(f"{name} {value:.4f}" for name, value in scores.items() if isinstance(value, float))

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """The names of the files that `write_evaluation` writes; `eval_results` is the run's."""
        return [examples.named("eval_predictions.jsonl")]

    def write_evaluation(self, directory: str, outcome: Any, examples: ExampleSet) -> None:
        """Writes what an evaluation leaves besides its scores; here what `predictions` gave, an object for each example."""
        _write_rows(os.path.join(directory, self.evaluation_files(examples)[0]), outcome)

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """The names of the files that `write_predictions` writes, the one that people look at last."""
        return [examples.named("predictions.jsonl")]

    def write_predictions(self, directory: str, outcome: Any, examples: ExampleSet) -> None:
        """Writes the predictions; here what `predictions` gave, an object for each example."""
        _write_rows(os.path.join(directory, self.prediction_files(examples)[0]), outcome)

    def why_no_score(self, examples: ExampleSet) -> str | None:
        """Why predicted examples are not scored as well: a sentence for the log, empty where there is nothing to say, None where
        they are scored. Here they never are."""
        del examples
        return ""

    def count(self, examples: ExampleSet) -> int:
        """How many examples there are, in `unit`; here one a record."""
        return len(examples.records)

    def report(self, directory: str, outcome: Any, examples: ExampleSet) -> Report:
        """What the report says of an evaluation besides its scores; pictures are drawn into the directory."""
        del directory, outcome, examples
        return Report()

    def tune(self, outcome: Any, examples: ExampleSet) -> dict[str, Any]:
        """What `tuning` is about, found on examples with gold labels: `value` and what else is to be kept beside it.

        From here on it is used, and `outcome` is changed to it.
        """
        raise NotImplementedError

    def use_tuned(self, value: Any) -> None:
        """Uses the `value` that an earlier evaluation found.

        Raises:
          ValueError, TypeError: it is no such value.
        """
        raise NotImplementedError

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: Any) -> dict[str, Export]:
        """The SavedModels of a trained model, by suffix.

        Args:
          model: maps the encoder's inputs to the head's outputs, in float32.
          tokenizer: None where none is at hand; then there is none that takes text.
          meta: the metadata of the training's records.
        """
        del model, tokenizer, meta
        return {}

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """The trained model for runtimes without TensorFlow; here of kinds whose examples are one input each.

        Args:
          model: maps the encoder's inputs to the head's outputs, in float32.
          meta: the metadata of the training's records.

        Raises:
          UserError: an example of this kind is several inputs, and it does not say how they are rows.
        """
        del meta
        for spec in self.features:
            if spec.in_batch and spec.key in INPUT_NAMES and spec.shape != (TOKENS,):
                raise UserError(
                    f"an example of this kind of task is more than one input ({', '.join(spec.shape)}), and the kind does not "
                    "say how these are rows; define its Task.portable"
                )
        return of_rows(model)


def _write_rows(path: str, collected: Collected) -> None:
    columns = {name: values.tolist() for name, values in collected.items()}
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def chosen_metric(wanted: str | None, known: Sequence[str]) -> str:
    """The metric that names the best checkpoint: the one wanted, or the first.

    Raises:
      UserError: it is not among those that the task computes.
    """
    if wanted is None or wanted in known:
        return wanted or known[0]
    raise UserError(
        f"--best_metric={wanted} is not computed for this task.{did_you_mean(wanted, known)} Known: {', '.join(known)}"
    )
