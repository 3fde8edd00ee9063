"""A data set from the downloads to its folder: read, made where it must be, checked, and put there whole."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from bert_tf2 import files, folders
from bert_tf2.errors import JobError, UserError
from bert_tf2.jobs.datasets.checking import Checked, check
from bert_tf2.jobs.datasets.dataset import ARTICLES, SQUAD, Dataset, File
from bert_tf2.jobs.datasets.making import MAKERS
from bert_tf2.jobs.datasets.recognition import Found
from bert_tf2.jobs.datasets.sources import Source

_BOM = b"\xef\xbb\xbf"
_RAW = ".raw"


@dataclasses.dataclass
class Prepared:
    """A data set in its folder.

    Attributes:
      dataset: which.
      folder: where it lies.
      files: what was found in each of its files.
      had_windows_ends: files whose lines ended with carriage returns.
      was_there: nothing was written, as the same lay there.
    """

    dataset: Dataset
    folder: str
    files: dict[File, Checked] = dataclasses.field(default_factory=dict)
    had_windows_ends: list[str] = dataclasses.field(default_factory=list)
    was_there: bool = False


def prepare(found: Found, output_dir: str, warn: Callable[[str], None] | None = None) -> Prepared:
    """Puts a data set into its folder.

    Args:
      found: where it is.
      output_dir: what the folder lies in.
      warn: told of sizes that are not the published ones; None refuses them.

    Raises:
      UserError: it is not what is published, or the folder holds something else.
      JobError: the disk is full or fails; nothing half written is left.
    """
    dataset = found.dataset
    result = Prepared(dataset, os.path.join(output_dir, dataset.name))
    is_filled = os.path.isdir(result.folder) and bool(os.listdir(result.folder))
    with _beside(output_dir) if is_filled else folders.written_whole(result.folder) as temporary:
        came_from = _stage(found, temporary, result, warn)
        for file in dataset.files:
            path = os.path.join(temporary, file.name)
            if not os.path.exists(path):
                continue
            checked = check(dataset, file, path, came_from.get(file, path.replace(temporary, result.folder)))
            _take(checked, dataset, warn)
            result.files[file] = checked
        if is_filled:
            _require_same(dataset, temporary, result.folder)
            result.was_there = True
    return result


@contextlib.contextmanager
def _beside(output_dir: str) -> Iterator[str]:
    """A folder that is not kept."""
    try:
        with tempfile.TemporaryDirectory(prefix=files.INCOMPLETE, dir=output_dir) as temporary:
            yield temporary
    except OSError as error:
        raise JobError(f"cannot write to {output_dir}: {error.strerror or error}") from error


def _take(checked: Checked, dataset: Dataset, warn: Callable[[str], None] | None) -> None:
    """Tells of what is not as published, or refuses it."""
    if checked.complaint is None:
        return
    if warn is None:
        raise UserError(
            f"{checked.complaint}; sizes are those of {dataset.sizes_from}; get it from {dataset.home}, or "
            "pass --nocheck_sizes to take it as it is"
        )
    warn(checked.complaint)


def _stage(found: Found, temporary: str, result: Prepared, warn: Callable[[str], None] | None) -> dict[File, str]:
    """Reads the files into a folder; returns where each came from."""
    inner = os.path.join(temporary, _RAW) if found.is_raw else temporary
    targets: dict[Source, dict[str, Callable[[Iterator[bytes]], None]]] = {}
    came_from = {}
    for file, members in found.members.items():
        came_from[file] = members[0].where if file.form != ARTICLES else os.path.dirname(members[0].where)
        for member in members:
            path = os.path.join(inner, file.name, member.name) if file.form == ARTICLES else os.path.join(inner, file.name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            targets.setdefault(member.source, {})[member.path] = _writer(path, file, result)
    for source, of_source in targets.items():
        source.copy(of_source)
    if not found.is_raw:
        return came_from
    for file in found.dataset.raw:
        _take(check(found.dataset, file, os.path.join(inner, file.name), came_from[file]), found.dataset, warn)

    def open_raw(name: str) -> BinaryIO:
        return open(os.path.join(inner, name), "rb")

    MAKERS[found.dataset.name](temporary, open_raw)
    for file in found.dataset.raw:
        os.remove(os.path.join(inner, file.name))
    os.rmdir(inner)
    return {}


def _writer(path: str, file: File, result: Prepared) -> Callable[[Iterator[bytes]], None]:
    """What writes a file without a byte-order mark and, where its first line ends with both, without carriage returns."""

    def write(blocks: Iterator[bytes]) -> None:
        windows, rest, is_first = False, b"", True
        with open(path, "wb") as written:
            for block in blocks:
                if is_first:
                    block, is_first = block.removeprefix(_BOM), False
                    windows = file.form not in (SQUAD, ARTICLES) and block.split(b"\n", 1)[0].endswith(b"\r")
                    if windows:
                        result.had_windows_ends.append(file.name)
                block, rest = rest + block, b""
                if windows:
                    if block.endswith(b"\r"):
                        block, rest = block[:-1], b"\r"
                    block = block.replace(b"\r\n", b"\n")
                written.write(block)
            written.write(rest)

    return write


def _require_same(dataset: Dataset, temporary: str, folder: str) -> None:
    """Makes sure that a folder holds what would be written to it; what lies there besides is left alone.

    Raises:
      UserError: it lacks a file, or has another.
    """
    for inner, _, names in os.walk(temporary):
        for name in sorted(names):
            new = os.path.join(inner, name)
            there = os.path.join(folder, os.path.relpath(new, temporary))
            if not os.path.isfile(there) or not _are_same(new, there):
                what = "is another file" if os.path.exists(there) else "is missing"
                raise UserError(
                    f"{folder} is there already, and in it {os.path.relpath(there, folder)} {what}; give another --output_dir, "
                    "or delete the folder first"
                )


def _are_same(one: str, other: str) -> bool:
    return os.path.getsize(one) == os.path.getsize(other) and files.sha256_of_file(one) == files.sha256_of_file(other)
