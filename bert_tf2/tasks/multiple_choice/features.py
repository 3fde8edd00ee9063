"""The features of records: an input for each choice of a question."""

import dataclasses

from bert_tf2.data.records.feature_spec import CHOICES, TOKEN_FEATURES, TOKENS, FeatureSpec

NO_ANSWER = -1


def choice_features() -> list[FeatureSpec]:
    """The features of a question.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, C, L]; `label_ids` int32 [B], the right choice's number
    from 0, `NO_ANSWER` where it is not known; `example_id` int64 [B], the question's number in its file from 0. `id`, `context`,
    `question` and `choices` are its texts, for people; records to train on lack them.
    """
    return [
        *(dataclasses.replace(spec, shape=(CHOICES, TOKENS)) for spec in TOKEN_FEATURES),
        FeatureSpec("label_ids", optional=True, default=NO_ANSWER),
        FeatureSpec("example_id", optional=True, default=-1, batch_dtype="int64"),
        *(FeatureSpec(name, "string", optional=True) for name in ("id", "context", "question")),
        FeatureSpec("choices", "string", shape=("texts",), optional=True),
    ]
