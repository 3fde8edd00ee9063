"""What happens to the tokens of a text that is longer than an input."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from bert_tf2.data.examples import pack_ids
from bert_tf2.errors import UserError
from bert_tf2.options import refuse_given
from bert_tf2.tasks.classification.long_texts.options import DECIDED_BY_DATA, HEAD_TAIL, TRUNCATE, WAYS, WINDOWS
from bert_tf2.text.template import TextTemplate

MOST_WINDOWS = "most_windows"
"""What metadata call the most windows of one of their texts."""
_HEAD_SHARE = 0.25
_MOST_WINDOWS = 32
_BELONGS = {"head_share": HEAD_TAIL, "window_overlap": WINDOWS, "max_windows": WINDOWS}


@dataclasses.dataclass(frozen=True)
class LongText:
    """How records are made of texts longer than an input.

    Attributes:
      long_text: `truncate`, `head_tail` or `windows`.
      head_share: of `head_tail`, which share of the tokens that are kept is the text's beginning.
      window_overlap: of `windows`, the tokens that a window shares with the one before it.
      max_windows: of `windows`, the most of one text.
    """

    long_text: str = TRUNCATE
    head_share: float | None = None
    window_overlap: int | None = None
    max_windows: int | None = None

    @classmethod
    def of_options(cls, options: Any, max_seq_length: int) -> "LongText":
        """What options say; what they leave open is as usual.

        Raises:
          UserError: one belongs to another way than the one that is asked for.
        """
        way = options.long_text or TRUNCATE
        for flag, of in _BELONGS.items():
            if way != of:
                refuse_given(options, (flag,), f"belongs to --long_text={of}; with {way} it can do nothing")
        if way == HEAD_TAIL:
            return cls(way, _HEAD_SHARE if options.head_share is None else options.head_share)
        if way == WINDOWS:
            overlap = max_seq_length // 4 if options.window_overlap is None else options.window_overlap
            return cls(way, None, overlap, options.max_windows or _MOST_WINDOWS)
        return cls()

    @classmethod
    def of(cls, meta: Any) -> "LongText":
        """What `bert_tf2.data.records.metadata.MetaData` say of their records.

        Raises:
          UserError: a value cannot be.
        """
        found = {name: meta.extra[name] for name in DECIDED_BY_DATA if meta.extra.get(name) is not None}
        types = {"long_text": str, "head_share": float, "window_overlap": int, "max_windows": int}
        for name, value in found.items():
            if not isinstance(value, types[name]) or (name == "long_text" and value not in WAYS):
                raise UserError(f"the metadata's '{name}' cannot be {value!r}; prepare the data again")
        rule = cls(**found)
        needed = [name for name, of in _BELONGS.items() if of == rule.long_text and name not in found]
        if needed:
            raise UserError(f"the metadata say long_text '{rule.long_text}' without '{needed[0]}'; prepare the data again")
        return rule

    @property
    def has_windows(self) -> bool:
        """Whether a text may be more than one input."""
        return self.long_text == WINDOWS

    @property
    def facts(self) -> dict[str, Any]:
        """What metadata say of it: nothing of truncation, as before there was anything else."""
        return {} if self.long_text == TRUNCATE else {k: v for k, v in dataclasses.asdict(self).items() if v is not None}

    @property
    def flags(self) -> str:
        """It as a user gives it."""
        return " ".join(f"--{name}={value}" for name, value in (self.facts or {"long_text": TRUNCATE}).items())

    def check_flags(self, options: Any, was: str, cure: str) -> None:
        """Checks that flags which repeat it repeat it rightly.

        Args:
          options: a command's.
          was: what it is of, for messages: "the records were made".
          cure: what to do about it.

        Raises:
          UserError: a flag says something else.
        """
        for flag in DECIDED_BY_DATA:
            given = getattr(options, flag)
            if given is not None and given != getattr(self, flag):
                raise UserError(f"--{flag}={given}, but {was} with {self.flags}; {cure}")

    def check(self, template: TextTemplate, max_seq_length: int) -> None:
        """Refuses windows that do not advance.

        Raises:
          UserError: they overlap by a whole window.
        """
        room = max_seq_length - template.special_tokens
        if self.window_overlap is not None and self.window_overlap >= room:
            raise UserError(
                f"--window_overlap={self.window_overlap} must be less than the {room} tokens of text in a window of "
                f"--max_seq_length={max_seq_length}"
            )


TRUNCATED = LongText()


@dataclasses.dataclass(frozen=True)
class Packed:
    """The inputs of one text or pair.

    Attributes:
      ids: of each input.
      first: how many of them belong to the first segment, by input.
      lost: how many tokens of the text or texts stand in no input.
      tokens: how many they have.
    """

    ids: list[list[int]]
    first: list[int]
    lost: int
    tokens: int


def pack(
    ids_a: Sequence[int], ids_b: Sequence[int] | None, template: TextTemplate, max_seq_length: int, rule: LongText
) -> Packed | str:
    """The inputs of a text or a pair: one, or with windows any number; a text says why there can be none.

    Of a pair that does not fit, the longer text stands in windows, and the shorter one, of equal ones the first, whole in each of
    them.

    Args:
      ids_a, ids_b: token ids without special tokens; an empty `ids_b` counts as none.
      template: how they are packed.
      max_seq_length: the most ids of an input.
      rule: what happens to long texts.
    """
    ids_b = ids_b or []
    tokens = len(ids_a) + len(ids_b)
    special = template.special_tokens_of_pair if ids_b else template.special_tokens
    if not rule.has_windows or tokens + special <= max_seq_length:
        ids, first, _ = pack_ids(ids_a, ids_b, template, max_seq_length, rule.head_share)
        kept = len(ids) - (special if first < len(ids) or not ids_b else template.special_tokens)
        return Packed([ids], [first], tokens - kept, tokens)
    long_is_first = not ids_b or len(ids_a) > len(ids_b)
    long, whole = (ids_a, ids_b) if long_is_first else (ids_b, ids_a)
    room = max_seq_length - special - len(whole)
    assert rule.window_overlap is not None
    assert rule.max_windows is not None
    if room <= rule.window_overlap:
        return why_no_windows(len(whole), max_seq_length - special - rule.window_overlap - 1)
    spans, lost = windows(len(long), room, rule.window_overlap, rule.max_windows)
    parts = [long[first : first + room] for first in spans]
    inputs = [template.packed(part, whole) if long_is_first else template.packed(whole, part) for part in parts]
    if not ids_b:
        return Packed(inputs, [len(ids) for ids in inputs], lost, tokens)
    first = template.before_second + (room if long_is_first else len(whole))
    return Packed(inputs, [first] * len(inputs), lost, tokens)


def windows(tokens: int, room: int, overlap: int, most: int) -> tuple[list[int], int]:
    """The windows of a text that is longer than one.

    The last one ends with the text, so that none is short: it overlaps the one before it by more.

    Args:
      tokens: of the text, more than `room`.
      room: tokens in a window.
      overlap: tokens that a window shares with the one before it, at least; less than `room`.
      most: so many windows at most.

    Returns:
      The first token of each, and how many tokens behind the last one stand in none.
    """
    step = room - overlap
    count = 1 + math.ceil((tokens - room) / step)
    kept = min(count, most)
    starts = [min(number * step, tokens - room) for number in range(kept)]
    return starts, tokens - starts[-1] - room


def why_no_windows(whole: int, most: int) -> str:
    """What is said of a pair of which no text fits whole beside a window of the other."""
    return (
        f"the shorter text of the pair has {whole} tokens, and stands whole in each window of the longer one, which leaves room "
        f"for {max(most, 0)}; raise --max_seq_length, lower --window_overlap or take --long_text=head_tail"
    )
