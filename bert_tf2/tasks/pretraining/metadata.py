"""What `meta_data.json` tells of pre-training records: how they were made, and what is in them."""

import dataclasses
import types
import typing
from typing import Any

from bert_tf2.data.records.metadata import PRETRAINING, MetaData
from bert_tf2.errors import UserError

KEY = "pretraining"
NEXT_SENTENCE, SENTENCE_ORDER, NO_PAIRS = "nsp", "sop", "none"
SENTENCE_PAIRS = (NEXT_SENTENCE, SENTENCE_ORDER, NO_PAIRS)
_AGAIN = "make the records again with create_pretraining_data.py"


@dataclasses.dataclass(frozen=True)
class PretrainingSettings:
    """The settings and statistics of pre-training records; under the key `pretraining` of the metadata.

    Attributes:
      max_predictions_per_seq: the most predictions of a record; also what training may choose where `dynamic_masking`.
      masked_lm_prob: share of the tokens of a record to predict.
      sentence_pairs: `nsp` (the second segment follows the first or is from elsewhere), `sop` (the segments are in order or
        swapped) or `none` (one segment, no label).
      whole_word_masking: the tokens of a word are masked together.
      dynamic_masking: records hold `masking_units`, and training chooses what to mask.
      max_ngram_size: the most words in a row that were masked as one.
      dupe_factor: how many times the documents were gone through.
      random_seed: of all choices.
      short_seq_prob: share of the passes through a document that made shorter inputs.
      documents: number of documents that gave records.
      masked_fraction: predictions as a share of all tokens that may be masked; None where `dynamic_masking`.
      next_sentence_fraction: share of the records labelled 1; None without pairs.
      padding_fraction: share of the slots that are padding when records are padded to `max_seq_length`.
      mean_tokens: tokens in a record, special ones included.
      mask_id: the id of [MASK]; training needs it where `dynamic_masking`.
    """

    max_predictions_per_seq: int
    masked_lm_prob: float
    sentence_pairs: str = NEXT_SENTENCE
    whole_word_masking: bool = False
    dynamic_masking: bool = False
    max_ngram_size: int = 1
    dupe_factor: int = 1
    random_seed: int = 12345
    short_seq_prob: float = 0.0
    documents: int = 0
    masked_fraction: float | None = None
    next_sentence_fraction: float | None = None
    padding_fraction: float = 0.0
    mean_tokens: float = 0.0
    mask_id: int | None = None

    @property
    def has_pairs(self) -> bool:
        """Whether records have `next_sentence_labels`."""
        return self.sentence_pairs != NO_PAIRS

    def to_extra(self) -> dict[str, Any]:
        """What belongs into `MetaData.extra`."""
        return {KEY: dataclasses.asdict(self)}


def from_meta_data(meta_data: MetaData, path: str = "meta_data.json") -> PretrainingSettings:
    """The settings that the metadata of pre-training records hold.

    Args:
      meta_data: as `read_meta_data` gave it.
      path: where it was read, for messages.

    Raises:
      UserError: it belongs to records of another task, or a setting is missing or has a value of the wrong kind.
    """
    if meta_data.task_type != PRETRAINING:
        raise UserError(f"{path}: these are records of {meta_data.task_type}, not of {PRETRAINING}; {_AGAIN}")
    found = meta_data.extra.get(KEY)
    if not isinstance(found, dict):
        raise UserError(f"{path}: the key '{KEY}' is missing or no object; {_AGAIN}")
    values = {}
    for field in dataclasses.fields(PretrainingSettings):
        if field.name not in found:
            raise UserError(f"{path}: '{KEY}.{field.name}' is missing; {_AGAIN}")
        values[field.name] = _checked(path, field, found[field.name])
    if values["sentence_pairs"] not in SENTENCE_PAIRS:
        raise UserError(
            f"{path}: '{KEY}.sentence_pairs' must be one of {', '.join(SENTENCE_PAIRS)}; got '{values['sentence_pairs']}'"
        )
    return PretrainingSettings(**values)


def _checked(path: str, field: dataclasses.Field, value: Any) -> Any:
    kinds = typing.get_args(field.type) or (field.type,)
    if value is None and types.NoneType in kinds:
        return None
    accepted = (*kinds, int) if float in kinds else kinds
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in kinds):
        raise UserError(f"{path}: '{KEY}.{field.name}' must be of type {kinds[0].__name__}; got {value!r}")
    if not isinstance(value, (str, bool)) and value < 0:
        raise UserError(f"{path}: '{KEY}.{field.name}' must be 0 or greater; got {value}")
    return value
