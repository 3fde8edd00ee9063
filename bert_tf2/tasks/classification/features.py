"""The features of records: a text or a pair of texts with a label, a number, or any number of labels."""

import dataclasses
from typing import Literal

from bert_tf2.data.records.feature_spec import CHOICES, LABELS, TOKEN_FEATURES, TOKENS, FeatureSpec

Labels = Literal["class", "number", "set"]
_LABEL_IDS = {
    "class": FeatureSpec("label_ids"),
    "number": FeatureSpec("label_ids", "float32"),
    "set": FeatureSpec("label_ids", shape=(LABELS,)),
}


def classification_features(labels: Labels = "class", *, weighted: bool = False, in_windows: bool = False) -> list[FeatureSpec]:
    """The features of records, as the model garden writes them; of sets as google-research/goemotions does.

    Args:
      labels: what `label_ids` holds: the id of a `class`, a `number` (float32), or of a `set` 1 for each label that the text has
        and 0 for the others.
      weighted: records hold a float32 `weight`.
      in_windows: a text is any number of inputs.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, L], in windows [B, W, L]; `label_ids` int32 or float32 [B],
    int32 [B, C] of sets;
    `example_id` int64 [B], the row's number in its file from 0; `weight` float32 [B] where `weighted`.
    """
    specs = [
        *(dataclasses.replace(spec, shape=(CHOICES, TOKENS)) if in_windows else spec for spec in TOKEN_FEATURES),
        _LABEL_IDS[labels],
        FeatureSpec("is_real_example", optional=True, default=1, in_batch=False),
        FeatureSpec("example_id", optional=True, default=-1, batch_dtype="int64"),
    ]
    return [*specs, FeatureSpec("weight", "float32")] if weighted else specs
