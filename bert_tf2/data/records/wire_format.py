"""`tf.train.Example` as bytes, written directly in the wire format of protocol buffers.

Building the message object of each example would take longer than tokenizing its text.
"""

import itertools
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bert_tf2.data.records.feature_spec import FeatureSpec

_LONGEST_VARINT = 10
# Seven bits with the mark that more follow.
_WITH_MORE = [bytes((bits | 128,)) for bits in range(128)]


def varint(value: int) -> bytes:
    """An integer as a protocol-buffer varint; negative numbers as 64-bit two's complement."""
    if 0 <= value < 1 << 7:
        return bytes((value,))
    if 0 <= value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
    if 0 <= value < 1 << 21:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    rest, out = value & 0xFFFFFFFFFFFFFFFF, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


class _Varints(dict):
    """Varints by value: token ids and lengths come again and again, so they are kept, up to a size."""

    _MOST_KEPT = 1 << 18

    def __missing__(self, value: int) -> bytes:
        encoded = varint(value)
        if len(self) < self._MOST_KEPT:
            self[value] = encoded
        return encoded


_varints = _Varints()
kept_varint = _varints.__getitem__
"""As `varint`, for numbers that come again and again."""


def varints(values: Sequence[int]) -> bytes:
    """Integers as the varints of a packed list."""
    return b"".join(map(kept_varint, values))


def all_varints(count: int) -> list[bytes]:
    """The varints of 0 to `count` - 1, faster than one by one."""
    values = np.arange(min(count, 1 << 21), dtype="<u4")
    encoded = values & 0x7F | (values & 0x3F80) << 1 | (values & 0x1FC000) << 2
    encoded |= (values > 0x7F) * np.uint32(0x80) | (values > 0x3FFF) * np.uint32(0x8000)
    # Strings of fixed length lose the zeros at their ends; of varints only 0 ends with one.
    return [b"\0", *encoded.view("S4")[1:].tolist(), *map(varint, range(1 << 21, count))]


def integer_lists(values: np.ndarray, counts: np.ndarray) -> list[bytes]:
    """Many packed lists of integers at once.

    Args:
      values: integers from 0 to 2097151, [T], list after list.
      counts: how many of them each list has, [N].

    Returns:
      The varints of each list.
    """
    values = values.astype(np.uint32)
    two, three = values > 0x7F, values > 0x3FFF
    ends = np.cumsum(1 + two.view(np.uint8) + three, dtype=np.int64)
    encoded = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    first = ends - 1
    first -= two
    first -= three
    encoded[first] = values & 0x7F | two.view(np.uint8) << 7
    encoded[first[two] + 1] = values[two] >> 7 & 0x7F | three[two].view(np.uint8) << 7
    encoded[first[three] + 2] = values[three] >> 14
    joined, bounds = encoded.tobytes(), [0, *np.concatenate([[0], ends])[np.cumsum(counts)].tolist()]
    return [joined[begin:end] for begin, end in itertools.pairwise(bounds)]


class _FeatureEncoder:
    """Encodes one feature as an entry of the map in `tf.train.Features`.

    Everything before the values depends on their encoded length alone and is kept.
    """

    def __init__(self, spec: "FeatureSpec", pad_to: int | None):
        self.spec = spec
        self._pad_to = pad_to
        name = spec.name.encode()
        self._key = b"\x0a" + varint(len(name)) + name
        # Feature is a oneof: float_list = 2, int64_list = 3; both lists hold packed values in field 1.
        self._kind = b"\x1a" if spec.dtype == "int64" else b"\x12"
        self._heads: dict[int, bytes] = {}

    def encode(self, values: Sequence[float] | bytes | float) -> bytes:
        """The entry's bytes; see `ExampleEncoder.entries`."""
        if self.spec.dtype == "int64":
            if values.__class__ is bytes:
                return self.packed(values, len(values))
            if values.__class__ is int:
                return self.packed(varint(values), 1)
        values = list(values) if hasattr(values, "__len__") else [values]
        if self.spec.dtype == "int64":
            return self.packed(varints(values), len(values))
        return self.packed(struct.pack(f"<{len(values)}f", *values), len(values))

    def packed(self, payload: bytes, count: int) -> bytes:
        """The entry's bytes, from its values in the form they have in a packed list."""
        if self._pad_to is not None:
            missing = self._pad_to - count
            if missing < 0:
                raise ValueError(f"feature {self.spec.name} has {count} values; the padded length is {self._pad_to}")
            payload += bytes(missing if self._kind == b"\x1a" else 4 * missing)
        head = self._heads.get(len(payload))
        return (self.head(len(payload)) if head is None else head) + payload

    def head(self, length: int) -> bytes:
        """What stands before encoded values of this length."""
        head = b""
        for tag in (b"\x0a", self._kind, self._key + b"\x12"):
            head = tag + varint(length + len(head)) + head
        self._heads[length] = head = b"\x0a" + varint(length + len(head)) + head
        return head


class ExampleEncoder:
    """Serializes records as `tf.train.Example`, writing the wire format directly.

    A record is `example(entries(...))`. In a record, entries can be joined in any order, so a writer of many records may keep
    those of features that come again and again.

    Args:
      specs: the features.
      pad_to: length to which features that are per token are padded with 0; None leaves them as they are.
      predictions_pad_to: length to which features that are per prediction are padded with 0; None leaves them as they are.
    """

    def __init__(self, specs: Sequence["FeatureSpec"], pad_to: int | None = None, predictions_pad_to: int | None = None):
        def length(spec: "FeatureSpec") -> int | None:
            return pad_to if spec.per_token else predictions_pad_to if spec.per_prediction else None

        self._encoders = {spec.name: _FeatureEncoder(spec, length(spec)) for spec in specs}
        self._required = {spec.name for spec in specs if not spec.optional}

    def entries(self, features: Mapping[str, Sequence[float] | bytes | float]) -> bytes:
        """Encodes some features of a record.

        Args:
          features: values by feature name: a number, a sequence of numbers, or for integers below 128 `bytes`.

        Raises:
          ValueError: a feature is longer than the padded length.
        """
        return b"".join([self._encoders[name].encode(values) for name, values in features.items()])

    def of_feature(self, name: str) -> Callable[[Sequence[float] | bytes | float], bytes]:
        """The function that encodes the entry of one feature; as `entries`, for a writer's inner loop."""
        return self._encoders[name].encode

    def of_packed_feature(self, name: str) -> Callable[[bytes, int], bytes]:
        """The function from a feature's values as varints (or little-endian floats) and their number to its entry."""
        return self._encoders[name].packed

    def of_integer(self, name: str) -> Callable[[int], bytes]:
        """As `of_feature`, for a feature with one integer for each record that is seldom the same."""
        head = self._encoders[name].head
        heads = [head(length) for length in range(_LONGEST_VARINT + 1)]

        def entry(value: int) -> bytes:
            # Many numbers differ only in their last bits, which come first; what follows is kept.
            encoded = _WITH_MORE[value & 127] + kept_varint(value >> 7) if 127 < value < 1 << 21 else varint(value)
            return heads[len(encoded)] + encoded

        return entry

    @staticmethod
    def example(entries: bytes) -> bytes:
        """The record that consists of these entries."""
        return b"\x0a" + _varints[len(entries)] + entries

    def encode(self, features: Mapping[str, Sequence[float] | bytes | float]) -> bytes:
        """Serializes a record at once; see `entries`.

        Raises:
          ValueError: a feature that is not optional is missing, or is longer than the padded length.
        """
        missing = self._required.difference(features)
        if missing:
            raise ValueError(f"the record lacks the feature {sorted(missing)[0]}")
        return self.example(self.entries(features))
