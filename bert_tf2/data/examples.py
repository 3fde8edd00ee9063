"""What a data set gives for one row, and how one or two token sequences become one input."""

from collections.abc import Sequence


class InputExample:
    """One example: a text or a pair of texts, with its label.

    Args:
      guid: any text that identifies the example in messages, for example `train-17`.
      text_a: the text, or the first of a pair.
      text_b: the second text; None for tasks on single texts.
      label: the label's name; a number for regression; a list of names where there may be any number; None for rows without a
        label (test sets).
      weight: how much the example counts in training; None means 1.
      example_id: the row's number in its file from 0; None lets data preparation count.
      origin: file and line (or `row 7`) the example was read from, for messages.
    """

    __slots__ = ("example_id", "guid", "label", "origin", "text_a", "text_b", "weight")

    def __init__(
        self,
        guid: str,
        text_a: str,
        text_b: str | None = None,
        label: str | float | Sequence[str] | None = None,
        weight: float | None = None,
        example_id: int | None = None,
        origin: tuple[str, int | str] | None = None,
    ):
        self.guid = guid
        self.text_a = text_a
        self.text_b = text_b
        self.label = label
        self.weight = weight
        self.example_id = example_id
        self.origin = origin

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("guid", "text_a", "text_b", "label"))
        return f"InputExample({values})"

    def where(self) -> str:
        """`file:line` where it is known, else the guid."""
        return f"{self.origin[0]}:{self.origin[1]}" if self.origin else f"example '{self.guid}'"


def kept_lengths(length_a: int, length_b: int, most: int) -> tuple[int, int]:
    """How many tokens of each sequence remain when both together may have `most`.

    The reference takes tokens away one at a time from the end of the longer sequence, from the second of two equally long
    ones (`_truncate_seq_pair` of google-research/bert); this is where that ends.
    """
    if length_a + length_b <= most:
        return length_a, length_b
    half_a, half_b = (most + 1) // 2, most // 2
    if length_a <= half_a:
        return length_a, most - length_a
    if length_b <= half_b:
        return most - length_b, length_b
    return half_a, half_b


def pack_ids(
    ids_a: Sequence[int], ids_b: Sequence[int] | None, cls_id: int, sep_id: int, max_seq_length: int
) -> tuple[list[int], int, bool]:
    """Packs `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, cut to `max_seq_length` as the reference does.

    Args:
      ids_a, ids_b: token ids without special tokens; an empty `ids_b` counts as none.
      cls_id, sep_id: the special tokens' ids.
      max_seq_length: the most ids the result may have, at least 2.

    Returns:
      The ids, how many of them belong to the first segment (up to the first [SEP]), and whether anything was cut.
    """
    if ids_b:
        length_a, length_b = len(ids_a), len(ids_b)
        if length_a + length_b <= max_seq_length - 3:
            return [cls_id, *ids_a, sep_id, *ids_b, sep_id], length_a + 2, False
        kept_a, kept_b = kept_lengths(length_a, length_b, max_seq_length - 3)
        if kept_b > 0:
            return [cls_id, *ids_a[:kept_a], sep_id, *ids_b[:kept_b], sep_id], kept_a + 2, True
        return [cls_id, *ids_a[: max(kept_a, 0)], sep_id], max(kept_a, 0) + 2, True
    kept = max_seq_length - 2
    if len(ids_a) <= kept:
        return [cls_id, *ids_a, sep_id], len(ids_a) + 2, False
    return [cls_id, *ids_a[:kept], sep_id], max_seq_length, True


def pack_pair(
    ids_a: Sequence[int], ids_b: Sequence[int] | None, cls_id: int, sep_id: int, max_seq_length: int
) -> tuple[list[int], list[int], bool]:
    """As `pack_ids`, with the segment ids in full: `input_ids`, `segment_ids`, whether anything was cut."""
    input_ids, first, cut = pack_ids(ids_a, ids_b, cls_id, sep_id, max_seq_length)
    return input_ids, [0] * first + [1] * (len(input_ids) - first), cut
