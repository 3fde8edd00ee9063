"""What metadata say of records of questions with choices besides what they say of all."""

import dataclasses
from typing import Any

from bert_tf2.errors import UserError


@dataclasses.dataclass(frozen=True)
class ChoiceFacts:
    """The keys of the metadata that are this kind's own.

    Attributes:
      max_qa_length: the most tokens of a question with its choice; None where nothing of them is cut.
      fills_blank: choices stand where a question has a blank (`_`), as in RACE.
      most_choices: no question has more choices; None where that is not known.
    """

    max_qa_length: int | None = None
    fills_blank: bool = False
    most_choices: int | None = None

    @classmethod
    def of(cls, meta: Any) -> "ChoiceFacts":
        """Those of a `bert_tf2.data.records.metadata.MetaData`.

        Raises:
          UserError: one has a value of the wrong kind.
        """
        given = {field.name: meta.extra.get(field.name) for field in dataclasses.fields(cls)}
        for name, value in given.items():
            expected = bool if name == "fills_blank" else int
            if value is not None and (type(value) is not expected or value < 0):
                raise UserError(f"the metadata's '{name}' must be of type {expected.__name__}; got {value!r}")
        return cls(**{name: value for name, value in given.items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """The keys with a value."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
