"""`tf.train.Example` as bytes, written directly in the wire format of protocol buffers.

Building the message object of each example would take longer than tokenizing its text.
"""

import itertools
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.records.feature_spec import CHOICE_LENGTHS, CHOICES, FeatureSpec, with_choice_lengths

Values = float | bytes | str | Sequence[float] | Sequence[str] | Sequence[Sequence[float]]
"""The values of a feature of one record: one, or as many as its axes say; integers below 128 may stand as `bytes`."""

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


# Feature is a oneof: bytes_list = 1, float_list = 2, int64_list = 3.
_KINDS = {"string": b"\x0a", "float32": b"\x12", "int64": b"\x1a"}


class _Heads(dict):
    """What stands before the encoded values of a feature, by their length in bytes, on which alone it depends."""

    def __init__(self, tags: Sequence[bytes]):
        super().__init__()
        self._tags = tags

    def __missing__(self, length: int) -> bytes:
        head = b""
        for tag in self._tags:
            head = tag + varint(length + len(head)) + head
        self[length] = head = b"\x0a" + varint(length + len(head)) + head
        return head


class _FeatureEncoder:
    """Encodes one feature as an entry of the map in `tf.train.Features`."""

    def __init__(self, spec: FeatureSpec, pad_to: int | None):
        self.spec = spec
        self.pad_to = pad_to
        name = spec.name.encode()
        before_value, kind = b"\x0a" + varint(len(name)) + name + b"\x12", _KINDS[spec.dtype]
        # Both lists of numbers hold packed values in field 1; a list of strings is as many fields 1.
        self.heads = _Heads((kind, before_value) if spec.dtype == "string" else (b"\x0a", kind, before_value))
        self._padding = b"" if spec.dtype == "string" else self._list([spec.pad])

    def encode(self, values: Any) -> bytes:
        """The entry's bytes; see `ExampleEncoder.entries`."""
        if self.spec.dtype == "int64":
            if values.__class__ is bytes:
                return self.packed(values, len(values))
            if values.__class__ is int:
                return self.packed(varint(values), 1)
        if self.spec.by_choice:
            return self._choices(values)
        is_list = hasattr(values, "__len__") and not isinstance(values, (str, bytes))
        values = list(values) if is_list else [values]
        return self.packed(self._list(values), len(values))

    def _list(self, values: list) -> bytes:
        if self.spec.dtype == "int64":
            return varints(values)
        if self.spec.dtype == "float32":
            return struct.pack(f"<{len(values)}f", *values)
        # JSON may hold half of a surrogate pair.
        texts = [text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass") for text in values]
        return b"".join([b"\x0a" + kept_varint(len(text)) + text for text in texts])

    def _choices(self, values: Sequence[Sequence[float]]) -> bytes:
        payload = b"".join([self._list(list(choice)) + self._missing(len(choice)) for choice in values])
        return self.heads[len(payload)] + payload

    def packed(self, payload: bytes, count: int) -> bytes:
        """The entry's bytes, from its values in the form they have in a packed list."""
        if self.pad_to is not None:
            payload += self._missing(count)
        return self.heads[len(payload)] + payload

    def _missing(self, count: int) -> bytes:
        """What fills up so many values."""
        if self.pad_to is None:
            return b""
        if count > self.pad_to:
            raise ValueError(f"feature {self.spec.name} has {count} values; the padded length is {self.pad_to}")
        return self._padding * (self.pad_to - count)


class ExampleEncoder:
    """Serializes records as `tf.train.Example`, writing the wire format directly.

    `encode` takes one record. A writer of many puts together columns of entries, which may stand in any order, and `records`
    makes records of them.

    Args:
      specs: the features. `choice_lengths` is added where there are tokens of choices.
      pad_to: fixed lengths of lists of numbers by axis, such as `{"tokens": 128}`, to which each list is filled up with the
        feature's `pad`; other axes stay as they are, and so do choices.
    """

    def __init__(self, specs: Sequence[FeatureSpec], pad_to: Mapping[str, int] | None = None):
        fixed = pad_to or {}
        assert CHOICES not in fixed, "records hold the choices there are"

        def length(spec: FeatureSpec) -> int | None:
            return fixed.get(spec.shape[-1]) if spec.shape and spec.dtype != "string" else None

        self._encoders = {spec.name: _FeatureEncoder(spec, length(spec)) for spec in with_choice_lengths(specs)}
        self._has_choices = CHOICE_LENGTHS.name in self._encoders
        self._required = {spec.name for spec in specs if not spec.optional}

    def entries(self, features: Mapping[str, Values]) -> bytes:
        """Encodes some features of a record.

        Args:
          features: values by feature name: one, a sequence, for integers below 128 `bytes`, or a sequence for each choice. All
            features with choices stand in one call, which adds `choice_lengths`.

        Raises:
          ValueError: a feature is longer than the padded length, or choices differ in number or length between two features.
        """
        features = self._with_choice_lengths(features) if self._has_choices else features
        return b"".join([self._encoders[name].encode(values) for name, values in features.items()])

    def _with_choice_lengths(self, features: Mapping[str, Any]) -> Mapping[str, Values]:
        """Adds the tokens of each choice, of which every feature must have the same number."""
        lengths, known_by = None, ""
        for name, values in features.items():
            spec = self._encoders[name].spec
            if spec.by_choice:
                found = [len(choice) for choice in values]
                if lengths is not None and found != lengths:
                    raise ValueError(f"the choices of {name} have {found} values, those of {known_by} {lengths}")
                lengths, known_by = found, name
        if lengths is None:
            return features
        for name, values in features.items():
            if self._encoders[name].spec.shape == (CHOICES,) and len(values) != len(lengths):
                raise ValueError(f"{name} has {len(values)} values for {len(lengths)} choices")
        pad_to = self._encoders[known_by].pad_to
        return {**features, CHOICE_LENGTHS.name: lengths if pad_to is None else [pad_to] * len(lengths)}

    def column(self, name: str, values: Iterable[Values]) -> list[bytes]:
        """The entries of a feature of many records."""
        return list(map(self._encoders[name].encode, values))

    def packed_column(self, name: str, payloads: Sequence[bytes], counts: Sequence[int]) -> list[bytes]:
        """The entries of a feature of many records, from each one's values as varints (or little-endian floats) and their number.

        Raises:
          ValueError: a list is longer than the padded length.
        """
        encoder = self._encoders[name]
        assert not encoder.spec.by_choice, "choices are padded one by one"
        if encoder.pad_to is not None:
            return list(map(encoder.packed, payloads, counts))
        heads = encoder.heads
        return [heads[len(payload)] + payload for payload in payloads]

    def integer_column(self, name: str, values: Iterable[int]) -> list[bytes]:
        """The entries of a feature with one integer for each record that is seldom the same."""
        heads = self._encoders[name].heads
        # Many numbers differ only in their last bits, which come first; what follows is kept.
        encoded = [
            _WITH_MORE[value & 127] + kept_varint(value >> 7) if 127 < value < 1 << 21 else varint(value) for value in values
        ]
        return [heads[len(value)] + value for value in encoded]

    @staticmethod
    def records(*columns: Iterable[bytes]) -> list[bytes]:
        """Serializes many records at once.

        Args:
          columns: for each record the entries of one feature, or of several; between them all features. Entries that depend on
            little are best encoded once and repeated.
        """
        return [b"\x0a" + kept_varint(len(entries)) + entries for entries in map(b"".join, zip(*columns, strict=True))]

    def encode(self, features: Mapping[str, Values]) -> bytes:
        """Serializes a record at once; see `entries`.

        Raises:
          ValueError: a feature that is not optional is missing, or is longer than the padded length.
        """
        missing = self._required.difference(features)
        if missing:
            raise ValueError(f"the record lacks the feature {sorted(missing)[0]}")
        return self.records([self.entries(features)])[0]
