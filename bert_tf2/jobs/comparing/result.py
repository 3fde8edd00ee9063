"""What a comparison finds of a model."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bert_tf2.tasks.tally import Difference, Tally


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found of a model.

    Attributes:
      name, form: which, and in which form.
      scores: by metric.
      tally: what each example adds to a metric; None where the kind of task tells none.
      standard_error: of the tally's metric.
      difference: from the first model; None of that, and without a tally.
      size: in bytes.
      seconds: by number of rows.
    """

    name: str
    form: str
    scores: dict[str, float]
    tally: "Tally | None"
    standard_error: float | None
    difference: "Difference | None"
    size: int
    seconds: dict[int, float]
