"""Which tokens of an input may be an answer's, from what the encoder takes alone."""

import tensorflow as tf


def context_tokens(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Whether a token is one of the context, bool [B, L]: not of the question, special or padding.

    The context is the second segment without the separator that ends it. In a row of one segment alone, as RoBERTa's are, it
    stands between the last two of the separators, with one of which the row ends. Padding may stand on either side.

    Args:
      inputs: `input_word_ids`, `input_mask` and `input_type_ids`, int32 [B, L].
    """
    is_token = inputs["input_mask"] > 0
    places = tf.range(tf.shape(is_token)[1])[tf.newaxis]
    second = is_token & (inputs["input_type_ids"] == 1)
    last_of_second = tf.reduce_max(tf.where(second, places, -1), axis=1, keepdims=True)
    ids = inputs["input_word_ids"]
    is_separator = is_token & (ids == tf.gather(ids, last_token(inputs)[:, tf.newaxis], batch_dims=1))
    seen = tf.cumsum(tf.cast(is_separator, tf.int32), axis=1)
    between = is_token & ~is_separator & (seen > 0) & (seen == seen[:, -1:] - 1)
    return tf.where(tf.reduce_any(second, axis=1, keepdims=True), second & (places != last_of_second), between)


def summary_token(inputs: dict[str, tf.Tensor], is_last: bool) -> tf.Tensor:
    """Where the token stands whose vector stands for the input, int32 [B]: the last one, or the first."""
    return last_token(inputs) if is_last else tf.zeros_like(inputs["input_mask"][:, 0])


def gold_places(places: tf.Tensor, summary: tf.Tensor) -> tf.Tensor:
    """Where answers begin or end, int32 [B], of what records say, which is 0 where there is none: the summary's token."""
    return tf.where(places == 0, summary, places)


def last_token(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Where the last token of each row stands that is none of padding, int32 [B]."""
    mask = inputs["input_mask"]
    return tf.reduce_max(mask * tf.range(tf.shape(mask)[1]), axis=1)
