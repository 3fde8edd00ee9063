"""Finding the columns of a file by their names or places."""

import dataclasses
from collections.abc import Sequence

from bert_tf2.errors import UserError, did_you_mean

USUAL_NAMES = {
    "text_column": ("text", "sentence", "text_a", "sentence1", "premise", "question1", "question", "review", "content"),
    "text_b_column": ("text_b", "sentence2", "hypothesis", "question2"),
    "label_column": ("label", "labels", "gold_label", "class", "category", "score"),
}


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes:
      names: as they stand there; empty for a table without header.
      count: how many cells a row of a table has; None where rows are objects, whose columns are found by their keys.
      where: file and line, for messages.
    """

    names: Sequence[str]
    count: int | None
    where: str

    def find(self, option: str, given: str | None, optional: bool = False) -> int | str | None:
        """The place (in a table) or key of a column.

        Args:
          option: the flag that names it, one of `USUAL_NAMES` or another.
          given: its name, with or without the blanks around it, or its place from 0; None looks for a usual name.
          optional: it need not be there.

        Returns:
          None where it was not given and has no usual name, or is not there and need not be.

        Raises:
          UserError: no such column, or several of one name.
        """
        if given is None:
            for usual in USUAL_NAMES.get(option, ()):
                if found := [place for place, name in enumerate(self.names) if name.strip().lower() == usual]:
                    return self._only(found, option, usual)
            return None
        exact = [place for place, name in enumerate(self.names) if name == given]
        if found := exact or [place for place, name in enumerate(self.names) if name.strip() == given.strip()]:
            return self._only(found, option, given)
        if self.count is not None and given.isdecimal() and int(given) < self.count:
            return int(given)
        if optional:
            # An object may lack in the first line what others have.
            return given if self.count is None else None
        raise UserError(f"{self.where}: {self._not_there(option, given)}")

    def _only(self, found: list[int], option: str, name: str) -> int | str:
        if len(found) == 1:
            return self.names[found[0]] if self.count is None else found[0]
        if self.count is None:
            named = [f"--{option}='{self.names[place]}'" for place in found]
            ways = f"pass {' or '.join(named)}" if len(set(named)) > 1 else "rename one of them"
        else:
            # Places alone would say that there is no header.
            ways = "pass --header=yes and " + " or ".join(f"--{option}={place}" for place in found)
        places = ", ".join(map(str, found))
        raise UserError(f"{self.where}: {len(found)} columns are called '{name}' (places from 0: {places}); {ways}")

    def _not_there(self, option: str, given: str) -> str:
        if given.isdecimal() and self.count is not None:
            return f"{self.count} columns, so --{option} can be 0 to {self.count - 1}; got {given}"
        if not self.names:
            return f"--{option}={given} is a name, but the file has no header; give its place from 0"
        names = [name.strip() for name in self.names]
        return f"no column '{given}' (--{option}).{did_you_mean(given, names)} Columns: {', '.join(names)}"
