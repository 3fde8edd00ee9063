"""SentencePiece's unigram segmentation inside a TensorFlow graph, with the arithmetic of the `sentencepiece` library.

`tensorflow_text.SentencepieceTokenizer` is built from an older release of the library, which compared path scores in double
precision; since release 0.2.2 the library compares them in single precision. Where two segmentations are equally good on
paper (`xx xxx` and `xxx xx`) the two may choose differently: about one line in two thousand. So the segmentation is done
here, and only the normalization of the text is left to that operation.
"""

import numpy as np
import sentencepiece
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

# `kUnkPenalty` of the library: how much worse an unknown character is than the worst piece.
_UNKNOWN_PENALTY = np.float32(10.0)
_ALPHABET = 0x110000
_NORMAL, _USER_DEFINED, _BYTE = 1, 4, 6


def is_needed(model: sentencepiece_model_pb2.ModelProto) -> bool:
    """Whether TensorFlow's own operation could give other ids than the installed library, and the segmenter can help."""
    release = tuple(int(part) for part in sentencepiece.__version__.split(".")[:3])
    spec = model.trainer_spec
    return release >= (0, 2, 2) and spec.model_type == spec.UNIGRAM


class UnigramSegmenter(tf.Module):
    """The best segmentation of normalized texts into the pieces of a unigram language model (Kudo, 2018), by Viterbi search.

    Args:
      model: the SentencePiece model, of type unigram.
    """

    def __init__(self, model: sentencepiece_model_pb2.ModelProto):
        super().__init__()
        normal = [np.float32(piece.score) for piece in model.pieces if piece.type == _NORMAL]
        self._unknown_id = model.trainer_spec.unk_id
        self._unknown_score = float(min(normal) - _UNKNOWN_PENALTY)
        edges: dict[int, int] = {}
        ids, scores, self._longest = [-1], [0.0], 1
        for id, piece in enumerate(model.pieces):
            if piece.type not in (_NORMAL, _USER_DEFINED):
                continue
            node = 0
            for character in piece.piece:
                node = edges.setdefault(node * _ALPHABET + ord(character), len(ids))
                if node == len(ids):
                    ids.append(-1)
                    scores.append(0.0)
            ids[node] = id
            # That of a symbol which the user defined is 0.
            scores[node] = piece.score
            self._longest = max(self._longest, len(piece.piece))
        # One more node, from which nothing can be spelled.
        self._nowhere = len(ids)
        self._node_ids = tf.constant([*ids, -1], tf.int32)
        # In the order of the bytes.
        bytes_ = sorted((piece.piece, id) for id, piece in enumerate(model.pieces) if piece.type == _BYTE)
        self._byte_ids = tf.constant([id for _, id in bytes_], tf.int32) if model.trainer_spec.byte_fallback else None
        self._lengths = tf.constant([len(piece.piece) for piece in model.pieces], tf.int32)
        self._node_scores = tf.constant([*scores, 0.0], tf.float32)
        self._edges = tf.constant(sorted(edges), tf.int64)
        self._targets = tf.constant([edges[edge] for edge in sorted(edges)], tf.int32)

    def __call__(self, texts: tf.RaggedTensor) -> tf.RaggedTensor:
        """Normalized texts as code points, int32 [B, (n)] -> ids, int32 [B, (m)]."""
        return self.with_lengths(texts)[0]

    def with_lengths(self, texts: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """As a call, and how many characters each piece stands for, int32 [sum of m]: of the bytes of one the first for one."""
        characters = texts.to_tensor(default_value=-1)
        # There may be no character at all, and a graph stacks no empty list.
        characters = tf.pad(characters, [[0, 0], [0, tf.cast(tf.shape(characters)[1] == 0, tf.int32)]], constant_values=-1)
        ids, scores = self._pieces_from_everywhere(characters)
        lengths, ids = self._best_last_pieces(ids, scores)
        ids = _traced_back(lengths, ids, tf.cast(texts.row_lengths(), tf.int32))
        lengths = tf.where(ids.flat_values == self._unknown_id, 1, tf.gather(self._lengths, ids.flat_values))
        if self._byte_ids is None:
            return self._without_repeated_unknowns(ids, lengths)
        return self._with_bytes(ids, lengths, tf.gather(texts.flat_values, tf.cumsum(lengths) - 1))

    def _pieces_from_everywhere(self, characters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """For every start the pieces of length 1, 2, …: [B, N] -> ids (-1: none) and scores, float32 [N, B, longest]."""
        count = tf.shape(characters)[1]
        ahead = tf.pad(characters, [[0, 0], [0, self._longest]], constant_values=-1)
        nodes = [tf.zeros_like(characters)]
        for offset in range(self._longest):
            nodes.append(self._next(nodes[-1], ahead[:, offset : offset + count]))
        reached = tf.transpose(tf.stack(nodes[1:], axis=-1), [1, 0, 2])
        ids, scores = tf.gather(self._node_ids, reached), tf.gather(self._node_scores, reached)
        unknown = (ids < 0) & (tf.range(self._longest) == 0)
        return tf.where(unknown, self._unknown_id, ids), tf.where(unknown, self._unknown_score, scores)

    def _next(self, nodes: tf.Tensor, characters: tf.Tensor) -> tf.Tensor:
        """The nodes reached from nodes [B, N] by characters [B, N]."""
        edges = tf.cast(nodes, tf.int64) * _ALPHABET + tf.cast(characters, tf.int64)
        places = tf.reshape(tf.searchsorted(self._edges, tf.reshape(edges, [-1])), tf.shape(edges))
        places = tf.minimum(places, tf.size(self._edges) - 1)
        exists = (tf.gather(self._edges, places) == edges) & (characters >= 0)
        return tf.where(exists, tf.gather(self._targets, places), self._nowhere)

    def _best_last_pieces(self, ids: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """For every end the last piece of the best path to it: its length and id, int32 [N, B].

        Scores are added from left to right in float32, and a later start wins only when it is better: as the library does.
        The loop carries the best paths to the ends that pieces can reach from here, [B, longest].
        """
        count, batch = tf.shape(ids)[0], tf.shape(ids)[1]
        piece_lengths = tf.range(1, self._longest + 1)

        def step(start, best, path_scores, path_lengths, path_ids, all_lengths, all_ids):
            candidates = scores[start] + best[:, tf.newaxis]
            better = (ids[start] >= 0) & ((path_lengths == 0) | (candidates > path_scores))
            path_scores = tf.where(better, candidates, path_scores)
            path_lengths = tf.where(better, piece_lengths, path_lengths)
            path_ids = tf.where(better, ids[start], path_ids)
            all_lengths = all_lengths.write(start, path_lengths[:, 0])
            all_ids = all_ids.write(start, path_ids[:, 0])
            moved = [tf.pad(paths[:, 1:], [[0, 0], [0, 1]]) for paths in (path_scores, path_lengths, path_ids)]
            return start + 1, path_scores[:, 0], *moved, all_lengths, all_ids

        shape = [batch, self._longest]
        results = [tf.TensorArray(tf.int32, size=count, element_shape=[None]) for _ in range(2)]
        paths = [tf.zeros(shape, tf.float32), tf.zeros(shape, tf.int32), tf.zeros(shape, tf.int32)]
        *_, all_lengths, all_ids = tf.while_loop(
            lambda start, *_: start < count, step, [0, tf.zeros([batch], tf.float32), *paths, *results]
        )
        return tf.reshape(all_lengths.stack(), [count, batch]), tf.reshape(all_ids.stack(), [count, batch])

    def _without_repeated_unknowns(self, ids: tf.RaggedTensor, lengths: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Neighbouring unknown characters are one unknown piece."""
        flat, rows = ids.flat_values, ids.value_rowids()
        unknown = flat == self._unknown_id
        repeated = unknown[1:] & unknown[:-1] & (rows[1:] == rows[:-1])
        kept = tf.concat([tf.ones_like(unknown[:1]), ~repeated], axis=0)
        pieces = tf.ragged.boolean_mask(ids, ids.with_flat_values(kept))
        return pieces, tf.math.segment_sum(lengths, tf.cumsum(tf.cast(kept, tf.int32)) - 1)

    def _with_bytes(self, ids: tf.RaggedTensor, lengths: tf.Tensor, last: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Unknown characters are the pieces of their bytes; `last`, int32 [sum of m], is the last character of each piece."""
        unknown = ids.flat_values == self._unknown_id
        written = tf.strings.unicode_encode(tf.where(unknown, last, 0)[:, tf.newaxis], "UTF-8")
        bytes_ = tf.strings.bytes_split(written)
        spelled = tf.gather(self._byte_ids, tf.cast(tf.io.decode_raw(bytes_.flat_values, tf.uint8)[:, 0], tf.int32))
        is_first = tf.ragged.range(bytes_.row_lengths()).flat_values == 0
        of_piece = bytes_.value_rowids()
        pieces = tf.where(tf.gather(unknown, of_piece), spelled, tf.gather(ids.flat_values, of_piece))
        return ids.with_values(bytes_.with_values(pieces)).merge_dims(1, 2), tf.where(is_first, tf.gather(lengths, of_piece), 0)


def _traced_back(lengths: tf.Tensor, ids: tf.Tensor, ends: tf.Tensor) -> tf.RaggedTensor:
    """Follows the last pieces (length and id, [N, B]) from the ends [B] of the texts to their starts: ids [B, (m)]."""
    rows = tf.range(tf.size(ends))

    def step(count, ends, found):
        place = tf.stack([tf.maximum(ends - 1, 0), rows], axis=1)
        found = found.write(count, tf.where(ends > 0, tf.gather_nd(ids, place), -1))
        return count + 1, tf.maximum(ends - tf.gather_nd(lengths, place), 0), found

    found = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None])
    count, _, found = tf.while_loop(lambda count, ends, _: (count == 0) | tf.reduce_any(ends > 0), step, [0, ends, found])
    backwards = tf.reshape(found.stack(), [count, tf.size(ends)])
    forwards = tf.reverse(tf.transpose(backwards), axis=[1])
    return tf.ragged.boolean_mask(forwards, forwards >= 0)
