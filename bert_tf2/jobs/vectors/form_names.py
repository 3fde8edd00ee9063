"""Which form of a file of vectors its name asks for."""

import os
from typing import Any

from bert_tf2.errors import UserError

NPZ, NPY, PARQUET, JSON_LINES = "npz", "npy", "parquet", "jsonl"
_BY_NAME = {".npz": NPZ, ".npy": NPY, ".parquet": PARQUET, ".pq": PARQUET, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES}


def form_of(path: str) -> str | None:
    """The form that a file's name asks for; None where it asks for none."""
    return _BY_NAME.get(os.path.splitext(path)[1].lower())


def check_form(path: str) -> str:
    """As `form_of`.

    Raises:
      UserError: the name says nothing, or a package is missing.
    """
    form = form_of(path)
    if form is None:
        raise UserError(f"--output_file={path}: the name must say what to write: .npz, .npy, .parquet or .jsonl")
    if form == PARQUET:
        import_pyarrow(path)
    return form


def import_pyarrow(path: str) -> Any:
    """The package that a Parquet file needs.

    Raises:
      UserError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise UserError(f"{path}: Parquet needs the package pyarrow: pip install 'bert_tf2[parquet]'") from None
    return pyarrow
