"""The features of records: a question with a window of its context."""

from bert_tf2.data.records.feature_spec import TOKEN_FEATURES, TOKENS, FeatureSpec


def squad_features(*, training: bool = True, padded: bool = False) -> list[FeatureSpec]:
    """The features of question-answering records, as the model garden writes them.

    Args:
      training: records hold the answer's place; those made for prediction do not.
      padded: records hold also what the garden's reader for XLNet takes.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, L]; `unique_ids` int64 [B], the window's number from
    1000000000; for training `start_positions` and `end_positions` int32 [B], the places of the answer's first and last token
    in the input, both 0 where the window does not hold the answer.
    """
    specs = [*TOKEN_FEATURES, FeatureSpec("unique_ids", batch_dtype="int64")]
    if padded:
        # What a classifier of answerability may look at: the paragraph and the token [CLS], which stands first.
        specs += [FeatureSpec("paragraph_mask", shape=(TOKENS,), in_batch=False), FeatureSpec("class_index", in_batch=False)]
    if training:
        specs += [FeatureSpec("start_positions"), FeatureSpec("end_positions"), FeatureSpec("is_impossible", in_batch=False)]
    return specs
