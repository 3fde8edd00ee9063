"""The checksum of TFRecord files: CRC-32C (RFC 3720, appendix B.4), masked."""

import google_crc32c


def masked_crc32c(data: bytes) -> int:
    """The checksum in the form that TFRecord files hold, which is safe to be checksummed again."""
    value = google_crc32c.value(data)
    return (value >> 15 | value << 17) + 0xA282EAD8 & 0xFFFFFFFF
