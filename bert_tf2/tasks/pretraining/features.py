"""The features of records: running text for pre-training."""

from bert_tf2.data.records.feature_spec import PREDICTIONS, TOKEN_FEATURES, TOKENS, FeatureSpec


def pretraining_features(*, masked: bool = True, next_sentence: bool = True) -> list[FeatureSpec]:
    """The features of pre-training records, as the model garden writes them.

    Args:
      masked: the tokens to predict were chosen and masked when the records were made. Otherwise the records hold the text as
        it is, and training chooses anew in every epoch among the `masking_units`.
      next_sentence: records hold the label of a pair of segments.

    Batch: `input_word_ids`, `input_mask`, `input_type_ids` int32 [B, L]; `next_sentence_labels` int32 [B] where
    `next_sentence`: 1 where the second segment does not follow the first (or, of sentence order, where they are swapped).
    With `masked`: `masked_lm_positions`, the places of the masked tokens in ascending order, and `masked_lm_ids`, the ids that
    stood there, int32 [B, P]; `masked_lm_weights` float32 [B, P], 1 for a prediction, 0 for padding. Otherwise
    `masking_units` int32 [B, L]: 0 for a token that is never masked, else a number from 1 that ascends along the row; tokens
    of the same number are masked together (a whole word).
    """
    specs = [*TOKEN_FEATURES]
    if masked:
        specs += [
            FeatureSpec("masked_lm_positions", shape=(PREDICTIONS,)),
            FeatureSpec("masked_lm_ids", shape=(PREDICTIONS,)),
            FeatureSpec("masked_lm_weights", "float32", shape=(PREDICTIONS,)),
        ]
    else:
        specs.append(FeatureSpec("masking_units", shape=(TOKENS,)))
    return [*specs, FeatureSpec("next_sentence_labels")] if next_sentence else specs
