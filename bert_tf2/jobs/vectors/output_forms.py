"""Files of vectors: NPZ, NPY, Parquet and JSON lines."""

import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

from bert_tf2 import files
from bert_tf2.jobs.commands.input_file import InputFile, TextRow
from bert_tf2.jobs.vectors.contents import Contents
from bert_tf2.jobs.vectors.form_names import NPY, NPZ, PARQUET, check_form, import_pyarrow

_ROWS_AT_ONCE = 4096


def write_vectors(path: str, data: str, dimension: int, source: InputFile, contents: Contents) -> None:
    """Writes vectors that lie in a file in the form that the name asks for, whole or not at all; few are in memory at a time.

    Args:
      path: where to.
      data: a file of float32, the vectors one behind the other.
      dimension: of each.
      source: their texts in the same order, which Parquet and JSON lines hold too.
      contents: what was found there.

    Raises:
      UserError, JobError: it cannot be written.
    """
    writers: dict[str, Callable[[IO[bytes], Any], None]] = {NPZ: _write_npz, NPY: _write_npy}
    form = check_form(path)
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        vectors = np.memmap(data, np.float32, "r", shape=(contents.count, dimension))
        if form in writers:
            writers[form](file, vectors)
        elif form == PARQUET:
            _write_parquet(file, vectors, source, contents.has_pairs)
        else:
            _write_json_lines(file, vectors, source)


def _write_npy(file: IO[bytes], vectors: np.ndarray) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(vectors.dtype), "fortran_order": False, "shape": vectors.shape}
    np.lib.format.write_array_header_1_0(file, header)
    for first in range(0, len(vectors), _ROWS_AT_ONCE):
        file.write(vectors[first : first + _ROWS_AT_ONCE].tobytes())


def _write_npz(file: IO[bytes], vectors: np.ndarray) -> None:
    # Without a date, the same vectors are the same bytes.
    entry = zipfile.ZipInfo("embeddings.npy")
    with zipfile.ZipFile(file, "w") as archive, archive.open(entry, "w", force_zip64=True) as inside:
        _write_npy(inside, vectors)


def _parts(vectors: np.ndarray, source: InputFile) -> Iterator[tuple[list[TextRow], np.ndarray]]:
    rows = source.rows()
    for first in range(0, len(vectors), _ROWS_AT_ONCE):
        part = vectors[first : first + _ROWS_AT_ONCE]
        yield list(itertools.islice(rows, len(part))), part


def _write_json_lines(file: IO[bytes], vectors: np.ndarray, source: InputFile) -> None:
    index = 0
    for rows, part in _parts(vectors, source):
        for row, vector in zip(rows, part.tolist()):
            texts = json.dumps(_texts(row), ensure_ascii=False)[1:-1]
            # Nine digits tell every float32 from its neighbours.
            numbers = ", ".join(f"{value:.9g}" for value in vector)
            line = f'{{"linex_index": {index}, {texts}, "embedding": [{numbers}]}}\n'
            file.write(line.encode("utf-8", errors="backslashreplace"))
            index += 1


def _texts(row: TextRow) -> dict[str, str]:
    return {"text": row.text} | ({} if row.text_b is None else {"text_b": row.text_b})


def _write_parquet(file: IO[bytes], vectors: np.ndarray, source: InputFile, has_pairs: bool) -> None:
    pyarrow = import_pyarrow(source.path)
    import pyarrow.parquet as parquet

    of_vectors = pyarrow.list_(pyarrow.float32(), vectors.shape[1])
    columns = [("text", pyarrow.string()), ("text_b", pyarrow.string()), ("embedding", of_vectors)]
    schema = pyarrow.schema(columns if has_pairs else [columns[0], columns[2]])
    with parquet.ParquetWriter(file, schema) as writer:
        for rows, part in _parts(vectors, source):
            flat = pyarrow.array(np.asarray(part).reshape(-1), pyarrow.float32())
            arrays = {
                "text": pyarrow.array([_storable(row.text) for row in rows], pyarrow.string()),
                "text_b": pyarrow.array([_storable(row.text_b) for row in rows], pyarrow.string()),
                "embedding": pyarrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            }
            writer.write_table(pyarrow.table([arrays[name] for name in schema.names], schema=schema))


def _storable(text: str | None) -> str | None:
    """Without halves of surrogate pairs, which only JSON can hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()
