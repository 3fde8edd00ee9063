"""Labels with probabilities from a file, beside the records that were made of its rows: a teacher that is not there any more."""

import logging
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.sources.named_rows import named_rows
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.teaching.base import Teaching, Training
from bert_tf2.jobs.training.distillation_options import OF_SOFT_LABELS
from bert_tf2.tasks.base import Task
from bert_tf2.training.distillation import kept_outputs
from bert_tf2.training.distillation.task import DistilledTask, Losses
from bert_tf2.training.distillation.teachers import KeptTeacher

logger = logging.getLogger(__name__)

_COLUMN = "probability_{}"
# Far less than any probability with six digits.
_LEAST = 1e-7
_ROUNDING = 0.01


class SoftLabels(Teaching):
    """Labels and probabilities of a file.

    Args:
      options: what was asked, checked.
      task: classification into one label of several.

    Raises:
      UserError: there is no such file, or it is no table of probabilities of the task's labels.
    """

    def __init__(self, options: Any, task: Task):
        super().__init__(task)
        self._path, self._options = files.require_file(options.soft_labels, "soft_labels"), options
        self._labels = list(task.class_names)
        self._gold, self._logits = self._read()

    def _read(self) -> tuple[list[str | None], np.ndarray]:
        """The labels of all rows, None where there are none, and the logarithms of the probabilities, float32 [N, C]."""
        gold: list[str | None] = []
        rows: list[list[float]] = []

        def refuse(where: str, complaint: str, row: Any) -> None:
            del row
            raise UserError(f"{where}: {complaint}")

        for where, row in named_rows(self._path, refuse):
            missing = next((label for label in self._labels if _COLUMN.format(label) not in row), None)
            if missing is not None:
                raise UserError(f"{where}: --soft_labels needs a column '{_COLUMN.format(missing)}', of the label '{missing}'")
            values = [_probability(row[_COLUMN.format(label)]) for label in self._labels]
            if not all(0 <= value <= 1 for value in values) or abs(sum(values) - 1) > _ROUNDING:
                raise UserError(f"{where}: the probabilities of a row must be from 0 to 1, with the sum 1; got {values}")
            rows.append(values)
            gold.append(str(row["label"]).strip() if row.get("label") is not None else None)
        return gold, np.log(np.maximum(np.array(rows, np.float32), _LEAST))

    def identity(self) -> dict[str, Any]:
        """What the file holds, and how it is learned."""
        return {
            "soft_labels": files.sha256_of_file(self._path),
            **{name: getattr(self._options, name) for name in OF_SOFT_LABELS},
        }

    def begin(self, training: Training) -> tuple[Task, Any]:
        """The task with the loss against the probabilities; the records with these.

        Raises:
          UserError: the records were not made of the file.
        """
        axes = self._task.output_axes
        assert axes is not None, "one label of several has a logit for each"
        rows = self._rows_of(training.records)
        losses = Losses(alpha=self._options.distillation_alpha, temperature=self._options.distillation_temperature)
        logger.info("soft labels: the probabilities in %s, %g of the loss", self._path, losses.alpha)
        records = kept_outputs.TaughtRecords(training.records, self._logits[rows], axes)
        return DistilledTask(self._task, losses, KeptTeacher(kept_outputs.FEATURE)), records

    def _rows_of(self, records: RecordSet) -> np.ndarray:
        """The numbers of the rows that the records were made of: int64 [N]."""
        specs = [spec for spec in records.specs if spec.name in ("example_id", "label_ids")]
        parsed = parse_records([records.read(row) for row in range(len(records))], specs)
        rows, labels = parsed["example_id"].numpy(), parsed["label_ids"].numpy()
        for number, (row, label) in enumerate(zip(rows, labels)):
            in_file = self._gold[row] if 0 <= row < len(self._gold) else ""
            if in_file is not None and in_file != self._labels[label]:
                what = f"its row {row + 1} has the label '{in_file}'" if in_file else f"it has {len(self._gold)} rows"
                raise UserError(
                    f"--soft_labels={self._path}: the training records were not made of this file: {what}, and "
                    f"{records.location(number)} is of row {row + 1} with '{self._labels[label]}'; make them of it (--train_file)"
                )
        return rows


def _probability(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return -1.0
