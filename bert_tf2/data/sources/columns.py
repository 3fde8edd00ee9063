"""Finding the columns of a file by their names or places."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from bert_tf2.errors import UserError, did_you_mean

USUAL_NAMES = {
    "text_column": ("text", "sentence", "text_a", "sentence1", "premise", "question1", "question", "review", "content"),
    "text_b_column": ("text_b", "sentence2", "hypothesis", "question2"),
    "label_column": ("label", "labels", "gold_label", "class", "category", "score"),
}


def check_roles(where: str, columns: Mapping[str, tuple[str, int | str | None]]) -> None:
    """Checks that no column has two roles, such as text and label.

    Args:
      where: begins the message.
      columns: by option what was given and the column that it means; None is no column.

    Raises:
      UserError: two options mean one column.
    """
    first: dict[int | str, str] = {}
    for option, (given, column) in columns.items():
        if column is not None and (other := first.setdefault(column, option)) != option:
            raise UserError(
                f"{where}--{other}={columns[other][0]} and --{option}={given} are the same column; give each its own, or leave "
                "out the flag of one that is not there"
            )


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes:
      names: as they stand there; empty for a table without header.
      count: how many cells a row of a table has; None where rows are objects, whose columns are found by their keys.
      where: file and line, for messages.
      usual: by option the names by which a column is found that nobody named.
    """

    names: Sequence[str]
    count: int | None
    where: str
    usual: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=lambda: USUAL_NAMES)

    def find_all(
        self, given: Mapping[str, str | None], optional: Collection[str] = (), others: Collection[int | str] = ()
    ) -> dict[str, int | str | None]:
        """As `find`, for several options. What a flag names plays no other part by its usual name.

        Args:
          given: by option the name or place of its column, or None.
          optional: the options whose columns need not be there.
          others: columns that are something else.

        Raises:
          UserError: as `find`; or two flags name the same column.
        """
        named = {name: value for name, value in given.items() if value is not None}
        found = {name: self.find(name, value, name in optional) for name, value in named.items()}
        check_roles(f"{self.where}: ", {name: (named[name], column) for name, column in found.items()})
        taken = [*others, *(column for column in found.values() if column is not None)]
        return {name: found[name] if name in found else self.find(name, None, taken=taken) for name in given}

    def find(self, option: str, given: str | None, optional: bool = False, taken: Collection[int | str] = ()) -> int | str | None:
        """The place (in a table) or key of a column.

        Args:
          option: the flag that names it, one of `usual` or another.
          given: its name, with or without the blanks around it, or its place from 0; None looks for a usual name.
          optional: it need not be there.
          taken: columns that a usual name does not mean, as they are something else.

        Returns:
          None where it was not given and has no usual name, or is not there and need not be.

        Raises:
          UserError: no such column, or several of one name.
        """
        if given is None:
            for usual in self.usual.get(option, ()):
                found = [place for place, name in enumerate(self.names) if name.strip().lower() == usual]
                if found := [place for place in found if (self.names[place] if self.count is None else place) not in taken]:
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
