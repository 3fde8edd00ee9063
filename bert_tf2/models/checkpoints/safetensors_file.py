"""The safetensors format: a JSON header and raw tensors, nothing that could be executed.

Format (https://github.com/huggingface/safetensors): 8 bytes, little-endian, the length of the header; the header, a JSON object
of names, dtypes, shapes and byte ranges; the bytes of the tensors. Read here without the library, because its NumPy side
cannot read bfloat16, and to say what is wrong with a file.
"""

import dataclasses
import json
import math
import os
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import numpy as np

from bert_tf2 import file_kinds
from bert_tf2.errors import UserError

_HEADER_LIMIT = 100_000_000
_SIZES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
}
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """Where a tensor lies in a file."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int

    @property
    def is_floating(self) -> bool:
        """Whether `read_float32` can read it."""
        return self.dtype in _FLOATS or self.dtype == "BF16"

    def read_float32(self) -> np.ndarray:
        """Reads the tensor; float16 and bfloat16 are widened, which loses nothing.

        Raises:
          UserError: the file has become shorter.
        """
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) != self.size:
            raise UserError(f"{self.path}: ended after {self.offset + len(content)} bytes, {self.offset + self.size} expected")
        if self.dtype == "BF16":
            # A bfloat16 is the upper half of a float32.
            return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(self.shape)
        return np.frombuffer(content, _FLOATS[self.dtype]).astype(np.float32).reshape(self.shape)


def read_entries(path: str) -> dict[str, Entry]:
    """Reads and checks the header of a file: every byte belongs to exactly one tensor.

    Raises:
      UserError: the file is truncated, is no safetensors file, or its header is inconsistent.
    """
    total = os.path.getsize(path)
    if (other := file_kinds.explained(path, file_kinds.SAFETENSORS.title)) is not None:
        raise other
    with open(path, "rb") as file:
        length_bytes = file.read(8)
        length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else 0
        if not 2 <= length <= _HEADER_LIMIT:
            raise UserError(f"{path}: not a safetensors file (a header of {length} bytes)")
        if 8 + length > total:
            raise UserError(f"{path}: truncated: it has {total} bytes, its header alone needs {8 + length}; copy it again")
        header = _parse(path, file.read(length))
    start = 8 + length
    entries = {name: _entry(path, name, value, start) for name, value in header.items() if name != "__metadata__"}
    position = start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].offset, item[1].size)):
        if entry.offset != position:
            raise UserError(f"{path}: damaged header: the tensor {name} starts at byte {entry.offset}, {position} expected")
        position += entry.size
    if position != total:
        fault = "truncated" if position > total else "followed by something else"
        raise UserError(f"{path}: {fault}: it has {total} bytes, its tensors end at {position}; copy it again")
    return entries


def _parse(path: str, content: bytes) -> dict:
    def unique(pairs: list) -> dict:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    try:
        header = json.loads(content.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a safetensors file (its header: {error})") from None
    if not isinstance(header, dict):
        raise UserError(f"{path}: not a safetensors file (its header is not a JSON object)")
    return header


def _entry(path: str, name: str, value: object, start: int) -> Entry:
    """Checks one entry of the header."""
    fault = UserError(f"{path}: damaged header: the entry of the tensor {name!r} is {str(value)[:80]}")
    if not isinstance(value, dict):
        raise fault
    dtype, shape, offsets = (value.get(key) for key in ("dtype", "shape", "data_offsets"))
    if dtype not in _SIZES or not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise fault
    size = _SIZES[dtype] * math.prod(shape)
    if offsets[1] - offsets[0] != size:
        raise fault
    return Entry(path, dtype, tuple(shape), start + offsets[0], size)


def _whole_numbers(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**62 for value in values)


def write(path: str, tensors: Mapping[str, tuple[tuple[int, ...], Callable[[], np.ndarray]]]) -> None:
    """Writes float32 tensors, one in memory at a time.

    Args:
      path: overwritten.
      tensors: by name: the shape, and a function that gives the array.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, (shape, _) in tensors.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    content = json.dumps(header, separators=(",", ":")).encode("utf-8")
    content += b" " * (-len(content) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(content)) + content)
        for shape, read in tensors.values():
            array = np.asarray(read(), dtype="<f4", order="C")
            assert array.shape == tuple(shape)
            file.write(array.data)
