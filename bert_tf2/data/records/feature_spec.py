"""What a record holds: the description that both its writer and its reader work by. No TensorFlow here."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """One feature of a record.

    Attributes:
      name: the feature's name in the record.
      dtype: `int64` or `float32`, the type in the record.
      per_token: one value for each token.
      per_prediction: one value for each masked position. With neither there is one value for each record.
      batch_name: the tensor's name in a batch; `name` when None.
      aliases: other names under which records of other writers hold the same feature; not for one value for each record.
      optional: records may lack it; `default` stands in.
      default: the value of an optional feature that a record lacks.
      batch_dtype: the tensor's type in a batch; None means int32 for int64 and float32 for float32.
      in_batch: False for a feature that is written for other readers and that batches leave out.
    """

    name: str
    dtype: str = "int64"
    per_token: bool = False
    per_prediction: bool = False
    batch_name: str | None = None
    aliases: tuple[str, ...] = ()
    optional: bool = False
    default: float = 0
    batch_dtype: str | None = None
    in_batch: bool = True

    def __post_init__(self):
        assert self.is_list or not self.aliases, "only lists have aliases"
        assert not (self.per_token and self.per_prediction), "a list is of tokens or of predictions"

    @property
    def is_list(self) -> bool:
        """Whether a record holds a list of values, which batches pad with 0."""
        return self.per_token or self.per_prediction

    @property
    def key(self) -> str:
        """The tensor's name in a batch."""
        return self.batch_name or self.name


# The three features every BERT record begins with; `aliases` are the names of the garden's second feature naming.
TOKEN_FEATURES = (
    FeatureSpec("input_ids", per_token=True, batch_name="input_word_ids", aliases=("input_word_ids",)),
    FeatureSpec("input_mask", per_token=True),
    FeatureSpec("segment_ids", per_token=True, batch_name="input_type_ids", aliases=("input_type_ids",)),
)
