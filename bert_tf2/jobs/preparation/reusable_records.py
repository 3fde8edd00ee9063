"""Records made on the way from raw files: used again as long as everything that decided what they hold is the same."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from typing import Any

from bert_tf2 import __version__, files
from bert_tf2.data.records.metadata import MetaData, read_meta_data

SOURCE_FINGERPRINT = "source_fingerprint"
"""The metadata's key for what `fingerprint` gives."""


def fingerprint(settings: Sequence[Any], paths: Iterable[str]) -> str:
    """SHA-256 over what decides what records hold: settings, this version, and the names and bytes of files."""
    digest = hashlib.sha256()
    digest.update(repr((__version__, *settings)).encode())
    for path in paths:
        digest.update(f"{os.path.basename(path)}\0{files.sha256_of_file(path)}\n".encode())
    return digest.hexdigest()


def reusable(meta_path: str, source: str, wanted: Sequence[str]) -> MetaData | None:
    """The metadata of records that are there, are of this fingerprint and hold the wanted splits; else None."""
    if files.is_remote(meta_path) or not os.path.exists(meta_path):
        return None
    meta = read_meta_data(meta_path)
    present = all(os.path.exists(os.path.join(os.path.dirname(meta_path), file.name)) for file in meta.files.values())
    if not present or meta.extra.get(SOURCE_FINGERPRINT) != source or any(split not in meta.files for split in wanted):
        return None
    return meta
