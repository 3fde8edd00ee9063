"""What metadata say of records of texts that are alike or not besides what they say of all."""

import dataclasses
import math
from typing import Any

from bert_tf2.errors import UserError

TEXTS, PAIRS, TRIPLETS, SCORES, LABELS = FORMS = ("texts", "pairs", "triplets", "scores", "labels")
"""What rows hold: a text; two that are alike; these and a third that is not; two and how alike they are; two and a label."""


@dataclasses.dataclass(frozen=True)
class SimilarityFacts:
    """The keys of the metadata that are this kind's own.

    Attributes:
      form: of the rows to train on, one of `FORMS`; of all rows where there are none.
      most_texts: no row has more texts.
      lowest_score, highest_score: of the rows to train on; None without scores.
    """

    form: str
    most_texts: int
    lowest_score: float | None = None
    highest_score: float | None = None

    @classmethod
    def of(cls, meta: Any) -> "SimilarityFacts":
        """Those of a `bert_tf2.data.records.metadata.MetaData`.

        Raises:
          UserError: one is missing or has a wrong value.
        """
        given = {field.name: meta.extra.get(field.name) for field in dataclasses.fields(cls)}
        if given["form"] not in FORMS:
            raise UserError(f"the metadata's 'form' must be one of {', '.join(FORMS)}; got {given['form']!r}")
        if given["most_texts"] not in (2, 3):
            raise UserError(f"the metadata's 'most_texts' must be 2 or 3; got {given['most_texts']!r}")
        for name in ("lowest_score", "highest_score"):
            value = given[name]
            if value is not None and (type(value) not in (int, float) or not math.isfinite(value)):
                raise UserError(f"the metadata's '{name}' must be a number; got {value!r}")
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """The keys with a value."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
