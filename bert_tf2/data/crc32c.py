"""The checksum of TFRecord files, CRC-32C (RFC 3720, appendix B.4), of one record at a time as it is read.

The checksum is linear: each byte contributes a value that depends on nothing but the byte and its distance from the end. So
a record's checksum is one look-up in a table for all of its bytes at once, and the sum of what was found.
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78
_BLOCK = 4096
_ALL_ONES = 0xFFFFFFFF


@functools.cache
def _contributions() -> np.ndarray:
    """What a byte contributes, by distance from the end and value: uint32 [_BLOCK * 256]."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, values >> 1 ^ np.uint32(_POLYNOMIAL), values >> 1)
    rows = np.empty((_BLOCK, 256), np.uint32)
    rows[0] = values
    for distance in range(1, _BLOCK):
        former = rows[distance - 1]
        rows[distance] = former >> 8 ^ values[former & 0xFF]
    return rows.reshape(-1)


_OFFSETS = np.arange(_BLOCK - 1, -1, -1, dtype=np.int32) * 256


def crc32c(data: bytes) -> int:
    """The checksum of some bytes."""
    table, state, values = _contributions(), _ALL_ONES, np.frombuffer(data, np.uint8)
    for first in range(0, len(values), _BLOCK):
        block = values[first : first + _BLOCK].astype(np.int32)
        # The state so far counts as if it were added to the next four bytes.
        reached = min(4, len(block))
        for place in range(reached):
            block[place] ^= state >> 8 * place & 0xFF
        state = int(np.bitwise_xor.reduce(table[_OFFSETS[_BLOCK - len(block) :] + block])) ^ (state >> 8 * reached)
    return state ^ _ALL_ONES


def masked_crc32c(data: bytes) -> int:
    """The checksum in the form that TFRecord files hold, which is safe to be checksummed again."""
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & _ALL_ONES
