"""The features of records: a text or a pair of texts with one label."""

from bert_tf2.data.records.feature_spec import TOKEN_FEATURES, FeatureSpec


def classification_features(*, regression: bool = False, weighted: bool = False) -> list[FeatureSpec]:
    """The features of classification and regression records, as the model garden writes them.

    Args:
      regression: `label_ids` is a float32 instead of a class id.
      weighted: records hold a float32 `weight`.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, L]; `label_ids` int32 or float32 [B];
    `example_id` int64 [B], the row's number in its file from 0; `weight` float32 [B] where `weighted`.
    """
    specs = [
        *TOKEN_FEATURES,
        FeatureSpec("label_ids", "float32" if regression else "int64"),
        FeatureSpec("is_real_example", optional=True, default=1, in_batch=False),
        FeatureSpec("example_id", optional=True, default=-1, batch_dtype="int64"),
    ]
    return [*specs, FeatureSpec("weight", "float32")] if weighted else specs
