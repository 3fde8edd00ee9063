"""The files of an index: its manifest, which counts, and what that names."""

import dataclasses
import json
import mmap
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.whitening import Whitening

MANIFEST = "index.json"
EXACT, APPROXIMATE = "exact", "approximate"
KINDS = (EXACT, APPROXIMATE)
# Of a graph of neighbours (https://arxiv.org/abs/1603.09320): links of a point, candidates while it is built and searched.
_LINKS, _CANDIDATES, _SEARCHED = 32, 200, 128
_ROWS_AT_ONCE = 8192


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What an index is. Its file is written last, and an older one is valid until then.

    Attributes:
      kind: one of `KINDS`.
      count: of texts.
      dimension: of vectors.
      version: number of its files.
      identity: see `TextEncoder.identity`.
      settings: the fields of `VectorSettings`.
      model: the checkpoint's path as `path`, and the files that belong to it.
      whitening: the name of its `file`, its `fingerprint`, and how many directions are kept as `dimension`, None for all; None
        where vectors are as they are pooled.
    """

    kind: str
    count: int
    dimension: int
    version: int
    identity: dict[str, Any]
    settings: dict[str, Any]
    model: dict[str, Any]
    whitening: dict[str, Any] | None = None

    @property
    def vectors_name(self) -> str:
        """The file with the vectors."""
        return f"vectors-{self.version}.faiss"

    @property
    def texts_name(self) -> str:
        """The file with the texts: a JSON object a line."""
        return f"texts-{self.version}.jsonl"

    def after(self, added: int) -> "Manifest":
        """The next one, of so many texts more."""
        return dataclasses.replace(self, count=self.count + added, version=self.version + 1)


def import_faiss() -> Any:
    """The package that searches.

    Raises:
      UserError: it is not installed.
    """
    try:
        import faiss
    except ImportError:
        raise UserError("searching needs the package faiss-cpu: pip install 'bert_tf2[search]'") from None
    return faiss


def read_manifest(folder: str) -> Manifest:
    """The manifest of an index.

    Raises:
      UserError: there is none, or it is something else.
    """
    path = os.path.join(folder, MANIFEST)
    if not files.exists(path):
        raise UserError(f"--index_dir={folder} holds no index ({MANIFEST}); --mode=index makes one")
    stored = files.read_json(path)
    names = {field.name for field in dataclasses.fields(Manifest)}
    # Indexes were made before there was whitening.
    if not isinstance(stored, dict) or {*stored, "whitening"} != names or stored["kind"] not in KINDS:
        raise UserError(f"{path} is not the manifest of an index; make the index anew with --mode=index")
    return Manifest(**stored)


def read_vectors(folder: str, manifest: Manifest) -> Any:
    """The FAISS index.

    Raises:
      UserError: it is missing, damaged or another.
    """
    faiss, path = import_faiss(), os.path.join(folder, manifest.vectors_name)
    try:
        index = faiss.read_index(path)
    except RuntimeError as error:
        raise UserError(f"{path} cannot be read ({str(error).splitlines()[0][-120:]}); make the index anew") from None
    if (index.ntotal, index.d) != (manifest.count, manifest.dimension):
        raise UserError(
            f"{path} has {index.ntotal} vectors of {index.d}, {MANIFEST} says {manifest.count} of {manifest.dimension}; "
            "make the index anew"
        )
    if manifest.kind == APPROXIMATE:
        index.hnsw.efSearch = _SEARCHED
    return index


def new_vectors(kind: str, dimension: int) -> Any:
    """An empty FAISS index, whose scores are inner products."""
    faiss = import_faiss()
    if kind == EXACT:
        return faiss.IndexFlatIP(dimension)
    index = faiss.IndexHNSWFlat(dimension, _LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _CANDIDATES
    return index


def whitening_of(folder: str, manifest: Manifest) -> Whitening | None:
    """The whitening that an index's vectors went through.

    Raises:
      UserError: it is missing, damaged or another.
    """
    if manifest.whitening is None:
        return None
    path = os.path.join(folder, manifest.whitening["file"])
    try:
        found = Whitening.load(path)
    except UserError:
        raise UserError(f"{path}, the whitening of the index, cannot be read; make the index anew") from None
    if found.fingerprint != manifest.whitening["fingerprint"]:
        raise UserError(f"{path} is not the whitening that the index was made with; make the index anew")
    return found


def write(
    folder: str,
    manifest: Manifest,
    index: Any,
    vectors: np.ndarray,
    rows: Iterable[dict[str, Any]],
    whitening: Whitening | None = None,
) -> None:
    """Adds vectors and texts to an index, or writes a new one; until the end the folder holds what it held.

    Args:
      folder: where it is.
      manifest: of the index with them.
      index: the FAISS index without them.
      vectors: float32 [N, D].
      rows: their `id` and `text`.
      whitening: that the vectors went through; a new index keeps it.

    Raises:
      JobError: the disk is full or fails.
    """
    faiss = import_faiss()
    if manifest.kind == APPROXIMATE:
        index.hnsw.efConstruction = _CANDIDATES
    for first in range(0, len(vectors), _ROWS_AT_ONCE):
        index.add(np.ascontiguousarray(vectors[first : first + _ROWS_AT_ONCE]))
    former = [name for name in files.names_in(folder) if _is_of_index(name)]
    path = os.path.join(folder, manifest.vectors_name)
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        # Not to the path: of a disk that is full at the end FAISS tells nobody.
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    with files.written_whole(os.path.join(folder, manifest.texts_name)) as temporary, files.open_to_write(temporary) as file:
        before = os.path.join(folder, dataclasses.replace(manifest, version=manifest.version - 1).texts_name)
        if manifest.count > len(vectors):
            with open(before, "rb") as earlier:
                while block := earlier.read(1 << 20):
                    file.write(block)
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", errors="backslashreplace"))
    named = [manifest.vectors_name, manifest.texts_name]
    if manifest.whitening is not None:
        named.append(manifest.whitening["file"])
        if whitening is not None and manifest.count == len(vectors):
            whitening.save(os.path.join(folder, named[-1]))
    files.write_json(os.path.join(folder, MANIFEST), dataclasses.asdict(manifest))
    for name in former:
        if name not in named:
            files.remove_if_there(os.path.join(folder, name))


def _is_of_index(name: str) -> bool:
    return name.startswith(("vectors-", "texts-", "whitening-")) and name.endswith((".faiss", ".jsonl", ".npz"))


class StoredTexts:
    """The texts of an index, read when they are asked for.

    Args:
      path: a file with a JSON object on each line, one at least.

    Raises:
      UserError: it is not there, or empty.
    """

    def __init__(self, path: str):
        try:
            with open(path, "rb") as file:
                self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is empty"
            raise UserError(f"cannot read {path}: {reason}; make the index anew") from None
        self._starts = [0]
        while end := self._lines.find(b"\n", self._starts[-1]) + 1:
            self._starts.append(end)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def at(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """The objects on lines, from 0."""
        for place in places:
            yield json.loads(self._lines[self._starts[place] : self._starts[place + 1]])
