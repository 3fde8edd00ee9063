"""What a record of a window on a sentence holds; no TensorFlow here."""

from bert_tf2.data.records.feature_spec import TOKEN_FEATURES, TOKENS, FeatureSpec

WORDS = "words"
# What a piece has that no tag is asked for, as in the model garden's records.
NO_TAG = -1


def tagging_features(all_pieces: bool = False) -> list[FeatureSpec]:
    """The features of a window, under the model garden's names where it has them.

    `label_ids` is the tag of each piece, -1 where none is asked for: at special tokens, at the later pieces of a word, and at
    words that another window answers. Where no tag is known it is 0 instead of a tag. A sentence's windows follow one another and
    count from 0 as `sub_sentence_id`. `words` are the words that are answered here, `text` is what they stand in, in the first
    window of a sentence, and `word_begins` and `word_ends` are their places there, in code points.

    Args:
      all_pieces: the later pieces of a word have its tag too; `word_starts` is then 1 at the first pieces, 0 elsewhere.
    """
    return [
        *TOKEN_FEATURES,
        FeatureSpec("label_ids", shape=(TOKENS,), pad=NO_TAG),
        *([FeatureSpec("word_starts", shape=(TOKENS,))] if all_pieces else []),
        FeatureSpec("sentence_id", in_batch=False),
        FeatureSpec("sub_sentence_id", optional=True),
        FeatureSpec("words", "string", shape=(WORDS,)),
        FeatureSpec("text", "string"),
        FeatureSpec("word_begins", shape=(WORDS,), in_batch=False),
        FeatureSpec("word_ends", shape=(WORDS,), in_batch=False),
    ]
