"""Several labels for a text, as files hold them: in one cell, in a list, or as a column of 0 and 1 for each label."""

import ast
import json
import numbers
from collections.abc import Collection, Sequence
from typing import Any

from bert_tf2.errors import UserError

SEPARATORS = {"comma": ",", "semicolon": ";", "pipe": "|"}
_NAMES = {sign: name for name, sign in SEPARATORS.items()} | {" ": "space"}
_BEGINS, _ENDS = ('["', "['"), ('"]', "']")
_YES = frozenset({"1", "1.0", "true"})
_NO = frozenset({"0", "0.0", "false"})


def separator_of(given: str) -> str:
    """The sign that `--label_separator` names; empty where it leaves that to the file.

    Raises:
      UserError: it is none that separates labels.
    """
    sign = {**SEPARATORS, "space": " ", "tab": "\t", "\\t": "\t"}.get(given.lower(), given)
    if len(sign) > 1 or sign in ('"', "\n", "\r", "\0", "[", "]"):
        raise UserError(f"--label_separator must be one character, or {', '.join([*SEPARATORS, 'space'])}; got '{given}'")
    return sign


def is_list(value: Any) -> bool:
    """Whether a value is a list of labels, or the text of one as JSON and Python write it, be it cut at one end."""
    if isinstance(value, str):
        text = value.strip()
        return (text.startswith("[") and text.endswith("]")) or text.startswith(_BEGINS) or text.endswith(_ENDS)
    return isinstance(value, list | tuple)


def labels_in(value: Any, separator: str) -> tuple[tuple[str, ...], str | None]:
    """The labels that a cell or a JSON value holds, each once, and what is wrong with it.

    Args:
      value: nothing (None, or only blanks) is no label; a list as it is, or as text; else labels with the separator between them.
      separator: empty where there is at most one label in a cell.
    """
    if value is None:
        return (), None
    if is_list(value):
        values, complaint = (value, None) if not isinstance(value, str) else _parsed(value)
    elif isinstance(value, str):
        values, complaint = (value.split(separator) if separator else [value]) if value.strip() else [], None
    else:
        values, complaint = [value], None
    names = []
    for one in values:
        name, wrong = _name(one)
        complaint = complaint or wrong
        names.append(name)
    return tuple(dict.fromkeys(names)), complaint


def is_chosen(value: Any, column: str) -> tuple[bool, str | None]:
    """Whether the 0/1 column of a label says that a text has it, and what is wrong with the value.

    Args:
      value: 0 or 1, also as text, or false or true.
      column: its name, for the complaint.
    """
    text = str(value).strip().lower()
    if text in _YES or text in _NO:
        return text in _YES, None
    if value is None or not text:
        return False, f"the label column '{column}' is empty; it must be 0 or 1"
    return False, f"the label column '{column}' must be 0 or 1; got {str(value)[:60]!r}"


def find_separator(cells: Collection[str], known: Collection[str] = ()) -> str | None:
    """The sign that joins several labels in some cells of a column; None where none surely does.

    It does where every part of each cell that it divides is a label of its own in another cell; of known labels, where it
    divides a cell into nothing else.

    Args:
      cells: the different ones.
      known: the labels, where they are known.
    """
    stripped = {cell.strip() for cell in cells}
    found = []
    for sign in SEPARATORS.values():
        joined = [{part.strip() for part in cell.split(sign)} for cell in stripped if sign in cell]
        if any(parts <= set(known) for parts in joined) if known else joined and set().union(*joined) <= stripped:
            found.append(sign)
    return found[0] if len(found) == 1 else None


def require_separator(where: str, cells: Collection[str]) -> str:
    """The sign that joins labels in a column of which it is known that it holds several; empty where each cell holds one.

    Args:
      where: begins the message.
      cells: the different ones.

    Raises:
      UserError: there are several such signs.
    """
    found = find_separator(cells)
    if found is not None:
        return found
    signs = [sign for sign in SEPARATORS.values() if any(sign in cell for cell in cells)]
    if len(signs) > 1:
        named = " or ".join(f"--label_separator={_NAMES[sign]}" for sign in signs)
        example = next(cell for cell in cells if any(sign in cell for sign in signs))
        raise UserError(f"{where}: which sign separates the labels? Pass {named}; one cell is: {example[:80]}")
    return signs[0] if signs else ""


def joined(names: Sequence[str], every: Collection[str]) -> str:
    """Labels as one cell that `labels_in` reads: with a sign between two that is in no label's name, or as a JSON list.

    Args:
      names: the labels of a text.
      every: all labels.
    """
    sign = next((sign for sign in SEPARATORS.values() if not any(sign in name for name in every)), None)
    return json.dumps(list(names), ensure_ascii=False) if sign is None else sign.join(names)


def name_of(separator: str) -> str:
    """What a separator is called."""
    return _NAMES.get(separator, f"'{separator}'")


def _parsed(text: str) -> tuple[list, str | None]:
    """The list that a text writes."""
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, list):
            return value, None
    return [], f'the labels {text.strip()[:60]!r} are no list, as ["a", "b"]'


def _name(value: Any) -> tuple[str, str | None]:
    if isinstance(value, str):
        return value.strip(), None if value.strip() else "a label between separators is empty"
    if isinstance(value, bool):
        return str(value).lower(), None
    if isinstance(value, numbers.Integral):
        return str(int(value)), None
    return "", f"a label must be a name or a whole number; got {str(value)[:60]!r}"
