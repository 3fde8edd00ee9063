"""How inputs of questions with choices are cut."""

import dataclasses

from bert_tf2.errors import UserError

SPECIAL_TOKENS = 3
"""[CLS] and two [SEP]."""


@dataclasses.dataclass(frozen=True)
class PackingOptions:
    """How inputs are cut.

    Attributes:
      max_seq_length: the most tokens an input may have.
      max_qa_length: of question and choice together only so many tokens, the last ones, are kept; None keeps all.
    """

    max_seq_length: int = 128
    max_qa_length: int | None = None

    @property
    def room(self) -> int:
        """How many tokens fit besides the special ones."""
        return self.max_seq_length - SPECIAL_TOKENS

    def check(self) -> None:
        """Refuses what cannot work.

        Raises:
          UserError: nothing fits, or question and choice may be longer than what does.
        """
        if self.room < 1:
            raise UserError(f"--max_seq_length must be at least {SPECIAL_TOKENS + 1} here; got {self.max_seq_length}")
        if self.max_qa_length is not None and not 1 <= self.max_qa_length <= self.room:
            raise UserError(
                f"--max_qa_length must be from 1 to --max_seq_length - {SPECIAL_TOKENS} = {self.room}; got {self.max_qa_length}"
            )
