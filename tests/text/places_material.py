"""What places of tokens inside a graph are held to."""

import tensorflow as tf

from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.placing_in_graph import in_graph_placing_tokenizer


def assert_same_places(tokenizer, lines) -> None:
    """The ids and places of lines inside a graph are those of `placing_tokenizer`."""
    module, place = in_graph_placing_tokenizer(tokenizer), placing_tokenizer(tokenizer)
    placed = tf.function(module.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)(
        tf.constant([line.encode() for line in lines])
    )
    rows = zip(lines, *(values.to_list() for values in (placed.ids, placed.starts, placed.ends)))
    for line, ids, starts, ends in rows:
        tokens = place(line)
        assert ids == tokens.ids.tolist(), ascii(line)
        assert (starts, ends) == (tokens.starts.tolist(), tokens.ends.tolist()), ascii(line)
