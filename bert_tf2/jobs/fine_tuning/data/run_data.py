"""What a fine-tuning run works on, wherever it comes from: records, or raw files with questions."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.data.records.metadata import MetaData

if TYPE_CHECKING:
    from bert_tf2.data.batches.pipeline import Records
    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import ExampleSet, Task
    from bert_tf2.training.reporting.result_files import ResultInput
    from bert_tf2.training.run_directory import RunDirectory


class RunData(abc.ABC):
    """The data of one run.

    Attributes:
      meta: the metadata of the records that are or were trained on; None when nothing was prepared.
      tokenizer: what made the ids; None when the command names no vocabulary.
      max_seq_length: the longest row, in tokens.
      title: what the report calls the data.
    """

    meta: MetaData | None
    tokenizer: Any
    max_seq_length: int
    title: str

    @abc.abstractmethod
    def task(self, config: "BertConfig", options: Any) -> "Task":
        """The task, for these data and these options."""

    @abc.abstractmethod
    def training_records(self, task: "Task") -> "RecordSet":
        """The records to train on.

        Raises (here and below):
          UserError: data that cannot be used.
        """

    def with_unlabelled(self, records: "RecordSet", task: "Task") -> "RecordSet":
        """What is trained on, with the records besides that have no label and are learned from a teacher alone; as it is where
        there are none.

        Args:
          records: those of `training_records`, checked.
          task: what they hold.
        """
        del task
        return records

    def part_of_training(self) -> dict[str, Any]:
        """What identifies the part of the training data that is trained on; nothing where it is the whole."""
        return {}

    @abc.abstractmethod
    def evaluation_sets(self, task: "Task", finds_tuning: bool) -> list["ExampleSet"]:
        """What is evaluated; the first is what is looked at while training.

        Args:
          task: what their records hold.
          finds_tuning: they are evaluated only because predictions need what the evaluation finds.
        """

    @abc.abstractmethod
    def prediction_sets(self, task: "Task", evaluated: list["ExampleSet"]) -> list["ExampleSet"]:
        """What is predicted besides what is evaluated after the training, whose predictions are written anyway.

        Args:
          task: what their records hold.
          evaluated: what is looked at while training; one of them may be predicted, too.
        """

    @abc.abstractmethod
    def input_of(self, examples: "ExampleSet") -> "ResultInput":
        """What the results of some examples are made of."""

    @abc.abstractmethod
    def model_facts(self) -> dict[str, Any]:
        """What a trained model and data must agree in: the task, the vocabulary, the labels; None where nothing is said."""

    @abc.abstractmethod
    def google_train_steps(self, options: Any, records: "RecordSet") -> int:
        """How long the ancestors would train; see `training_setup.google_train_steps`."""

    def check_model_of(self, directory: "RunDirectory", named: str | None) -> None:  # noqa: B027 (often there is nothing)
        """Looks at whether a trained model is one for these data, beyond `model_facts`.

        Args:
          directory: the run's.
          named: the directory of a model from elsewhere; None for the run's own.
        """

    def raw_texts(self, number: int) -> list[tuple[str, str | None]] | None:
        """Texts, or pairs, of the first training examples as they stand in their files; None where only records are at hand."""
        del number
        return None

    def told_rows(self, split: str, records: "Records", rows: Sequence[int]) -> list[tuple[str, str]]:
        """Where some rows of a set come from, and what they say; of records alone the words that their ids stand for.

        Args:
          split: the name of the set.
          records: of the set.
          rows: few.
        """
        from bert_tf2.data.records.parsing import parse_records

        tokenizer, found = self.tokenizer, []
        for row in rows:
            text = ""
            if tokenizer is not None:
                (spec,) = (spec for spec in records.specs if spec.name == "input_ids")
                parsed = parse_records([records.read(int(row))], [spec])[spec.key].numpy().reshape(-1)
                words = [tokenizer.id_to_token(int(id)) for id in parsed if id not in (tokenizer.pad_id, tokenizer.cls_id)]
                text = " ".join(words).replace(" ##", "")
            found.append((records.location(int(row)), text))
        return found

    def fitted(self, source: "Source", task: "Task", begins: bool) -> tuple["Source", dict[str, str]]:
        """A checkpoint with its heads as the task needs them, and why those that it cannot use were left out, by kind.

        Args:
          source: the checkpoint.
          task: what its heads are for.
          begins: a training begins with it; otherwise it is used as it is.
        """
        del task, begins
        return source, {}
