"""What a user has downloaded: an archive, a folder or a file, as the names and beginnings of the files in it.

Nothing is unpacked under a name of an archive's own: files are read one at a time, and written where the table of data sets says.
An archive with a name that leads out of it is refused all the same, since no data set is published so.
"""

import abc
import dataclasses
import functools
import gzip
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import IO

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.progress import track

HEAD = 1 << 16
"""How many bytes of a file are looked at to tell what it is."""
_LARGEST = 1 << 32
_ARCHIVE_NAME = re.compile(r"\.(zip|tar|tgz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)


@dataclasses.dataclass(frozen=True)
class Member:
    """A file of a source.

    Attributes:
      source: what it is in.
      path: its path there, with slashes.
      size: in bytes.
      head: its beginning; empty where it was not looked at.
    """

    source: "Source"
    path: str
    size: int
    head: bytes = b""

    @property
    def where(self) -> str:
        """For messages."""
        return os.path.join(self.source.path, *self.path.split("/")) if self.path else self.source.path

    @property
    def name(self) -> str:
        """The last part of its path; of a file that is given by itself that of the file."""
        return os.path.basename(self.path or self.source.path)


class Source(abc.ABC):
    """An archive, a folder or a file.

    Args:
      path: as given.
    """

    def __init__(self, path: str):
        self.path = path

    @abc.abstractmethod
    def _entries(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        """Path, size and what opens it, of every regular file, in the order in which they are read fastest."""

    def members(self, wanted: Callable[[str], bool]) -> list[Member]:
        """All files, with the beginning of those whose path is wanted.

        Raises:
          UserError: the source cannot be read, or holds a name that leads out of it.
        """
        found = []
        for path, size, opened in self._guarded():
            head = b""
            if wanted(path):
                with opened() as file:
                    head = self._read(file, HEAD)
            found.append(Member(self, path, size, head))
        return found

    def copy(self, targets: dict[str, Callable[[Iterator[bytes]], None]]) -> None:
        """Reads some files, each by what is given for its path, in the order in which they lie.

        Raises:
          UserError: the source cannot be read.
        """
        for path, size, opened in track(self._guarded(), f"reading {self.path}", unit="files"):
            if (target := targets.get(path)) is None:
                continue
            if size > _LARGEST:
                raise UserError(f"{self.path}: {path} says that it has {size:,} bytes, more than any of these data sets")
            with opened() as file:
                target(self._blocks(file))

    def _guarded(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        try:
            for path, size, opened in self._entries():
                if _leads_out(path):
                    raise UserError(
                        f"{self.path} holds the name '{path}', which leads out of the folder it would be unpacked in; no data "
                        "set is published so: download it again from where it is published"
                    )
                if not _is_clutter(path):
                    # Some archives made on Windows have its slashes.
                    yield path.replace("\\", "/") if isinstance(self, _Zip) else path, size, opened
        except _DAMAGED as error:
            raise self._unreadable(error) from None
        except OSError as error:
            raise UserError(f"cannot read {self.path}: {error.strerror or error}") from None

    def _blocks(self, file: IO[bytes]) -> Iterator[bytes]:
        while block := self._read(file, 1 << 20):
            yield block

    def _read(self, file: IO[bytes], count: int) -> bytes:
        try:
            return file.read(count)
        except _DAMAGED as error:
            raise self._unreadable(error) from None
        except (RuntimeError, NotImplementedError) as error:
            raise UserError(f"{self.path} cannot be unpacked here ({str(error)[:80]}); unpack it and give the folder") from None

    def _unreadable(self, error: Exception) -> UserError:
        return UserError(f"{self.path} is cut off or damaged ({str(error)[:80] or type(error).__name__}); download it again")


class _Folder(Source):
    def _entries(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        for inner, folders, names in os.walk(self.path):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(inner, name)
                if os.path.isfile(path):
                    below = os.path.relpath(path, self.path).replace(os.sep, "/")
                    yield below, os.path.getsize(path), functools.partial(_open_bytes, path)


class _File(Source):
    def _entries(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        yield "", os.path.getsize(self.path), functools.partial(_open_bytes, self.path)


class _Zip(Source):
    def _entries(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        with zipfile.ZipFile(self.path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    # As the archive has it: zipfile itself cuts a name at a NUL and knows only one kind of slash.
                    yield entry.orig_filename, entry.file_size, functools.partial(archive.open, entry)

    def _guarded(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        try:
            yield from super()._guarded()
        except (RuntimeError, NotImplementedError) as error:
            raise UserError(f"{self.path} cannot be unpacked here ({str(error)[:80]}); unpack it and give the folder") from None


class _Tar(Source):
    def _entries(self) -> Iterator[tuple[str, int, Callable[[], IO[bytes]]]]:
        with tarfile.open(self.path) as archive:
            for entry in archive:
                # Links and devices are no data.
                if entry.isfile():
                    yield entry.name.removeprefix("./"), entry.size, functools.partial(_opened, archive, entry)


def _open_bytes(path: str) -> IO[bytes]:
    return open(path, "rb")


def _opened(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(entry)
    assert file is not None, "of regular files it gives one"
    return file


def open_source(path: str) -> Source:
    """An archive, a folder or a file, told by what it holds and not by its name.

    Raises:
      UserError: it is not there, or is something else than its name says: a web page, a pointer.
    """
    path = files.expand(path)
    if files.is_remote(path):
        raise UserError(f"--source={path}: {files.DOWNLOAD_FIRST}")
    if os.path.isdir(path):
        return _Folder(path)
    path = files.require_file(path, "source")
    kind = file_kinds.kind_of(path)
    if kind is file_kinds.WEB_PAGE:
        raise UserError(f"{path} is {kind.title}, not data: the site answered with a page; open its address in a browser")
    with open(path, "rb") as file:
        begins_as_zip = file.read(4) == b"PK\x03\x04"
    if begins_as_zip:
        return _Zip(path)
    if kind in (file_kinds.TAR, file_kinds.GZIP) or (_ARCHIVE_NAME.search(path) and _is_tar(path)):
        return _Tar(path)
    if _ARCHIVE_NAME.search(path):
        what = "empty" if not os.path.getsize(path) else kind.title if kind is not None else "no archive"
        raise UserError(f"{path} is {what}, whatever its name says; download it again")
    return _File(path)


def _is_tar(path: str) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, OSError):
        return True  # cut off; reading it says so


def _leads_out(path: str) -> bool:
    parts = re.split(r"[/\\]", path)
    return ".." in parts or path.startswith(("/", "\\")) or "\0" in path or bool(re.match(r"[A-Za-z]:[/\\]", path))


def _is_clutter(path: str) -> bool:
    """What macOS puts beside files."""
    parts: Collection[str] = path.split("/")
    return "__MACOSX" in parts or any(part.startswith("._") or part == ".DS_Store" for part in parts)
