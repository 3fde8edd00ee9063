"""How inputs of questions with choices are cut."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.text.template import TextTemplate


@dataclasses.dataclass(frozen=True)
class PackingOptions:
    """How inputs are cut.

    Attributes:
      max_seq_length: the most tokens an input may have.
      max_qa_length: of question and choice together only so many tokens, the last ones, are kept; None keeps all.
      special_tokens: how many an input has; see `of`.
    """

    max_seq_length: int = 128
    max_qa_length: int | None = None
    special_tokens: int = 3

    def of(self, template: TextTemplate) -> "PackingOptions":
        """The same for inputs that are packed by a template."""
        return dataclasses.replace(self, special_tokens=template.special_tokens_of_pair)

    @property
    def room(self) -> int:
        """How many tokens fit besides the special ones."""
        return self.max_seq_length - self.special_tokens

    def check(self) -> None:
        """Refuses what cannot work.

        Raises:
          UserError: nothing fits, or question and choice may be longer than what does.
        """
        if self.room < 1:
            raise UserError(f"--max_seq_length must be at least {self.special_tokens + 1} here; got {self.max_seq_length}")
        if self.max_qa_length is not None and not 1 <= self.max_qa_length <= self.room:
            raise UserError(
                f"--max_qa_length must be from 1 to --max_seq_length - {self.special_tokens} = {self.room}; "
                f"got {self.max_qa_length}"
            )
