"""What a served model is, whatever it does."""

import abc
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.inference.text_classifier import is_empty

_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


class ServedModel(abc.ABC):
    """Answers instances, which are JSON values.

    Args:
      name: by which it is asked for.

    Attributes:
      kind: what it does: "vectors".
      takes: the forms of an instance, for messages and for the description of the interface.
    """

    kind: ClassVar[str]
    takes: ClassVar[str]

    def __init__(self, name: str):
        self.name = name

    @property
    def about(self) -> dict[str, Any]:
        """What is worth knowing of the model, for its status."""
        return {}

    @abc.abstractmethod
    def check(self, instance: Any) -> Any:
        """The instance as `predict` takes it.

        Raises:
          UserError: it is none; the message does not say which, since it knows one only.
        """

    def length(self, prepared: Any) -> int:
        """A measure of how long it takes, by which instances are put together."""
        return sum(map(len, texts_in(prepared)))

    @abc.abstractmethod
    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        """The answers to instances that were checked, in their order, as JSON values.

        Raises:
          JobError: the model gives no numbers, or the batch does not fit into memory.
        """

    def warm_up(self) -> None:
        """Makes a first call, which costs much more than the others."""
        self.predict([self.check(self.example)])

    @property
    @abc.abstractmethod
    def example(self) -> Any:
        """An instance."""


def texts_in(value: Any) -> Iterator[str]:
    """All texts of a JSON value, those of lists and objects too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def check_texts(instance: Any, max_characters: int) -> None:
    """Refuses an instance that holds what is no text, or too much of it.

    Raises:
      UserError: half of a surrogate pair, or more characters than that.
    """
    count = 0
    for text in texts_in(instance):
        count += len(text)
        if wrong := _SURROGATE.search(text):
            raise UserError(f"character {wrong.start()} is half of a surrogate pair (\\u{ord(wrong[0]):04x}), which is no text")
    if count > max_characters:
        raise UserError(f"has {count:,} characters, more than the {max_characters:,} that are taken; cut it")


def text_or_pair(instance: Any, has_pairs: bool | None, takes: str) -> tuple[str, str | None]:
    """A text or a pair, as a string, a list of two or an object with `text` and `text_b`.

    Args:
      instance: a JSON value.
      has_pairs: whether only pairs are taken, or only single texts; None for both.
      takes: the forms, for messages.

    Raises:
      UserError: it is neither, is empty, or is not such as the model takes.
    """
    if isinstance(instance, dict):
        found = as_texts(instance, ["text"], ["text_b"])
        first, second = found["text"], found.get("text_b")
    elif isinstance(instance, list) and len(instance) == 2 and all(isinstance(one, str) for one in instance):
        first, second = instance
    elif isinstance(instance, str):
        first, second = instance, None
    else:
        raise UserError(f"must be {takes}; got {named(instance)}")
    if is_empty(first, second):
        raise UserError("empty text")
    if has_pairs is not None and has_pairs != (second is not None):
        raise UserError(
            "is a single text, but the model was trained on pairs of texts; give both texts"
            if has_pairs
            else "is a pair of texts, but the model was trained on single texts; give one text"
        )
    return first, second


def as_texts(instance: Any, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, str]:
    """An object whose values are texts.

    Raises:
      UserError: it is none, lacks a key that is needed, or has another one.
    """
    check_keys(instance, needed, optional)
    for key, value in instance.items():
        if not isinstance(value, str):
            raise UserError(f"'{key}' must be a text; got {named(value)}")
    return instance


def check_keys(instance: Any, needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Checks that a JSON value is an object with these keys.

    Raises:
      UserError: it is not.
    """
    form = ", ".join(f'"{key}": …' for key in needed)
    if not isinstance(instance, dict):
        raise UserError(f"must be an object {{{form}}}; got {named(instance)}")
    for key in needed:
        if key not in instance:
            raise UserError(f"the key '{key}' is missing; give {{{form}}}")
    for key in instance:
        if key not in needed and key not in optional:
            raise UserError(f"there is no key '{shown(key)}'.{did_you_mean(key, [*needed, *optional])}")


def shown(text: str) -> str:
    """The beginning of somebody's text, for a message of one line that is UTF-8."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:40])


def named(value: Any) -> str:
    """What a JSON value is: "a list of 3"."""
    kind = _KINDS.get(type(value), "a text")
    return f"{kind} of {len(value)}" if isinstance(value, list) else kind
