"""The features of records: a text or a pair of texts with one label; a question with a window of its context; running text
for pre-training."""

from bert_tf2.data.feature_spec import FeatureSpec

# The three features every BERT record begins with; `aliases` are the names of the garden's second feature naming.
TOKEN_FEATURES = (
    FeatureSpec("input_ids", per_token=True, batch_name="input_word_ids", aliases=("input_word_ids",)),
    FeatureSpec("input_mask", per_token=True),
    FeatureSpec("segment_ids", per_token=True, batch_name="input_type_ids", aliases=("input_type_ids",)),
)


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
        specs += [FeatureSpec("paragraph_mask", per_token=True, in_batch=False), FeatureSpec("class_index", in_batch=False)]
    if training:
        specs += [FeatureSpec("start_positions"), FeatureSpec("end_positions"), FeatureSpec("is_impossible", in_batch=False)]
    return specs


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
            FeatureSpec("masked_lm_positions", per_prediction=True),
            FeatureSpec("masked_lm_ids", per_prediction=True),
            FeatureSpec("masked_lm_weights", "float32", per_prediction=True),
        ]
    else:
        specs.append(FeatureSpec("masking_units", per_token=True))
    return [*specs, FeatureSpec("next_sentence_labels")] if next_sentence else specs
