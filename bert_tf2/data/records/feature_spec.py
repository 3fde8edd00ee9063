"""What a record holds: the description that both its writer and its reader work by. No TensorFlow here.

A feature with more than one value for each record names its axes:

- `tokens`: the tokens of an input. Padding at the end of all rows, where `input_mask` is 0, is no part of a batch.
- `predictions`: the masked positions of an input, likewise where `masked_lm_weights` is 0.
- `choices`: the choices of a question; records may have different numbers of them. Features of `("choices", "tokens")` are
  written choice after choice, and `choice_lengths` beside them says how many tokens each choice has.
- `labels`: the labels of a data set; all records have the same number of values.

Any other name is a list of its own length.
"""

import dataclasses
from collections.abc import Iterable

TOKENS, PREDICTIONS, CHOICES, LABELS = "tokens", "predictions", "choices", "labels"


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """One feature of a record.

    Attributes:
      name: the feature's name in the record.
      dtype: `int64`, `float32` or `string`, the type in the record. Strings are kept in the record for those who read it
        (`RecordSet.values`); they are never in a batch.
      shape: its axes: none for one value for each record, one such as `("tokens",)`, or `("choices", "tokens")`.
      pad: what fills up a list that is shorter than others of its batch, or than the fixed length of the records.
      batch_name: the tensor's name in a batch; `name` when None.
      aliases: other names under which records of other writers hold the same feature; not for one value for each record.
      optional: records may lack it; `default` stands in.
      default: the value of an optional feature that a record lacks.
      batch_dtype: the tensor's type in a batch; None means int32 for int64 and float32 for float32.
      in_batch: False for a feature that is written for other readers and that batches leave out, as all strings are.
    """

    name: str
    dtype: str = "int64"
    shape: tuple[str, ...] = ()
    pad: float = 0
    batch_name: str | None = None
    aliases: tuple[str, ...] = ()
    optional: bool = False
    default: float = 0
    batch_dtype: str | None = None
    in_batch: bool = True

    def __post_init__(self):
        assert self.dtype in ("int64", "float32", "string"), self.dtype
        assert len(self.shape) < 2 or self.shape == (CHOICES, TOKENS), f"{self.name} has unknown axes {self.shape}"
        assert self.shape or not self.aliases, "only lists have aliases"
        if self.dtype == "string":
            object.__setattr__(self, "in_batch", False)

    @property
    def key(self) -> str:
        """The tensor's name in a batch."""
        return self.batch_name or self.name

    @property
    def by_choice(self) -> bool:
        """Whether it holds the values of one choice after the other."""
        return len(self.shape) == 2


# The three features every BERT record begins with; `aliases` are the names of the garden's second feature naming.
TOKEN_FEATURES = (
    FeatureSpec("input_ids", shape=(TOKENS,), batch_name="input_word_ids", aliases=("input_word_ids",)),
    FeatureSpec("input_mask", shape=(TOKENS,)),
    FeatureSpec("segment_ids", shape=(TOKENS,), batch_name="input_type_ids", aliases=("input_type_ids",)),
)
CHOICE_LENGTHS = FeatureSpec("choice_lengths", shape=(CHOICES,), in_batch=False)
# Zeros at the end of these are padding; so is then what the other features of the axis hold there.
END_MARKS = {TOKENS: "input_mask", PREDICTIONS: "masked_lm_weights"}


def with_choice_lengths(specs: Iterable[FeatureSpec]) -> list[FeatureSpec]:
    """The features, and `choice_lengths` where they need it."""
    specs = list(specs)
    return [*specs, CHOICE_LENGTHS] if any(spec.by_choice for spec in specs) else specs


def counted_axes(specs: Iterable[FeatureSpec]) -> list[str]:
    """The axes on which rows are counted, since all parts of a batch must have the same size: `tokens` and those of batches.

    All records have the same labels, and nothing with an axis of predictions is gathered from the parts of a batch.
    """
    axes = dict.fromkeys([TOKENS, *(axis for spec in specs if spec.in_batch for axis in spec.shape)])
    return [axis for axis in axes if axis not in (PREDICTIONS, LABELS)]
