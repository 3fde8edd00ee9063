"""How texts become one input of an encoder: the special tokens around and between them, and the segment of every token."""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class TextTemplate:
    """How one text or two become an input, for example `[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]`.

    What stands before the second text belongs to the first segment, the rest to the second. Which token's vector stands for the
    whole input is for the encoder to say: the first one's, or the last one's. Inputs are padded at their end.

    Attributes:
      begin: ids of the special tokens before the first text.
      between: ids of those between the texts of a pair.
      end: ids of those behind the last text, one at least.
      segments: the segment ids of the first and of the second segment.
      last_segment: the segment id of the last token, where it is of neither.
    """

    begin: tuple[int, ...]
    between: tuple[int, ...]
    end: tuple[int, ...]
    segments: tuple[int, int] = (0, 1)
    last_segment: int | None = None

    @property
    def special_tokens(self) -> int:
        """How many special tokens an input of one text has."""
        return len(self.begin) + len(self.end)

    @property
    def special_tokens_of_pair(self) -> int:
        """How many special tokens an input of two texts has."""
        return len(self.begin) + len(self.between) + len(self.end)

    @property
    def before_second(self) -> int:
        """How many special tokens stand before the second text of a pair."""
        return len(self.begin) + len(self.between)

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of all special tokens, each once."""
        return tuple(dict.fromkeys((*self.begin, *self.between, *self.end)))

    def packed(self, ids_a: Sequence[int], ids_b: Sequence[int] = ()) -> list[int]:
        """The ids of an input of one text, or of two where the second has any id."""
        if ids_b:
            return [*self.begin, *ids_a, *self.between, *ids_b, *self.end]
        return [*self.begin, *ids_a, *self.end]

    def segment_ids(self, first: int, length: int) -> list[int]:
        """The segment ids of an input with so many tokens, of which the first ones, so many, belong to the first segment."""
        ids = [self.segments[0]] * first + [self.segments[1]] * (length - first)
        return ids if self.last_segment is None else [*ids[:-1], self.last_segment]


def bert_template(cls_id: int, sep_id: int) -> TextTemplate:
    """`[CLS] a [SEP]` and `[CLS] a [SEP] b [SEP]` (Devlin et al. 2018, figure 2)."""
    return TextTemplate((cls_id,), (sep_id,), (sep_id,))


def xlnet_template(cls_id: int, sep_id: int) -> TextTemplate:
    """`a <sep> <cls>` and `a <sep> b <sep> <cls>`, `<cls>` a segment of its own (`classifier_utils.py` of zihangdai/xlnet).

    There the padding stands in front. XLNet's attention knows only how far tokens are from each other, so that changes nothing.
    """
    return TextTemplate((), (sep_id,), (sep_id, cls_id), last_segment=2)
