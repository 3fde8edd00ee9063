"""The features of records: two or three texts, each an input of its own."""

import dataclasses
import math

from bert_tf2.data.records.feature_spec import CHOICES, TOKEN_FEATURES, TOKENS, FeatureSpec

NO_LABEL = -1
NO_SCORE = math.nan


def similarity_features() -> list[FeatureSpec]:
    """The features of a row.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, C, L], of C texts, 2 or 3; `score` float32 [B], how alike
    the first two are, `NO_SCORE` where that is not known; `label_ids` int32 [B], `NO_LABEL` where there is none; `example_id`
    int64 [B], the row's number in its file from 0. `texts` are for people; records to train on lack them.
    """
    return [
        *(dataclasses.replace(spec, shape=(CHOICES, TOKENS)) for spec in TOKEN_FEATURES),
        FeatureSpec("score", "float32", optional=True, default=NO_SCORE),
        FeatureSpec("label_ids", optional=True, default=NO_LABEL),
        FeatureSpec("example_id", optional=True, default=-1, batch_dtype="int64"),
        FeatureSpec("texts", "string", shape=("texts",), optional=True),
    ]
