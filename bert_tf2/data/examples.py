"""What a data set gives for one row, and how one or two token sequences become one input."""

from collections.abc import Sequence

from bert_tf2.text.template import TextTemplate


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


def head_of(kept: int, share: float | None) -> int:
    """How many of the tokens that are kept of a text that is cut are its first ones; the others are its last.

    Args:
      kept: tokens.
      share: of the first ones among them (Sun et al. 2019, https://arxiv.org/abs/1905.05583: 128 of 510); None for all.
    """
    return kept if share is None else int(share * kept + 0.5)


def _kept(ids: Sequence[int], kept: int, head_share: float | None) -> Sequence[int]:
    """So many ids of a text."""
    if head_share is None or kept >= len(ids):
        return ids[:kept]
    head = head_of(kept, head_share)
    return [*ids[:head], *ids[len(ids) - (kept - head) :]]


def pack_ids(
    ids_a: Sequence[int],
    ids_b: Sequence[int] | None,
    template: TextTemplate,
    max_seq_length: int,
    head_share: float | None = None,
) -> tuple[list[int], int, bool]:
    """Packs one text or two, cut to `max_seq_length` as the reference does.

    Args:
      ids_a, ids_b: token ids without special tokens; an empty `ids_b` counts as none.
      template: how they are packed.
      max_seq_length: the most ids the result may have, at least as many as an input of one text has special tokens.
      head_share: see `head_of`: of each text that is cut.

    Returns:
      The ids, how many of them belong to the first segment, and whether anything was cut.
    """
    if ids_b:
        length_a, length_b = len(ids_a), len(ids_b)
        most = max_seq_length - template.special_tokens_of_pair
        if length_a + length_b <= most:
            return template.packed(ids_a, ids_b), length_a + template.before_second, False
        kept_a, kept_b = kept_lengths(length_a, length_b, most)
        kept_a = max(kept_a, 0)
        if kept_b > 0:
            return (
                template.packed(_kept(ids_a, kept_a, head_share), _kept(ids_b, kept_b, head_share)),
                kept_a + template.before_second,
                True,
            )
        return template.packed(_kept(ids_a, kept_a, head_share)), kept_a + template.special_tokens, True
    kept = max_seq_length - template.special_tokens
    if len(ids_a) <= kept:
        return template.packed(ids_a), len(ids_a) + template.special_tokens, False
    return template.packed(_kept(ids_a, kept, head_share)), max_seq_length, True


def pack_pair(
    ids_a: Sequence[int], ids_b: Sequence[int] | None, template: TextTemplate, max_seq_length: int
) -> tuple[list[int], list[int], bool]:
    """As `pack_ids`, with the segment ids in full: `input_ids`, `segment_ids`, whether anything was cut."""
    input_ids, first, cut = pack_ids(ids_a, ids_b, template, max_seq_length)
    return input_ids, template.segment_ids(first, len(input_ids)), cut
