"""Files that count only when they are whole: written under a temporary name, flushed to the disk, then renamed."""

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from bert_tf2 import file_kinds
from bert_tf2.errors import JobError, UserError
from bert_tf2.progress import during

INCOMPLETE = ".incomplete-"
REJECTS = ".rejects.jsonl"
"""Ends the name of a list of rows that were left out, beside the records that were made of the others."""


def is_remote(path: str) -> bool:
    """Whether the path names an object store (`gs://…`) rather than a local file."""
    return "://" in path


DOWNLOAD_FIRST = "download it first and give the path of what was downloaded"


def is_web_address(path: str) -> bool:
    """Whether the text begins as `http://…` or `https://…`, which no path does."""
    return path.lower().startswith(("http://", "https://"))


def expand(path: str) -> str:
    """Expands `~` in a local path; object-store paths stay as they are.

    Raises:
      UserError: it is an address of the web.
    """
    if is_web_address(path):
        raise UserError(f"{path} is a web address, which is not read from here; {DOWNLOAD_FIRST}")
    return path if is_remote(path) else os.path.expanduser(path)


def incomplete_name(path: str) -> str:
    """A name beside `path` under which it is written before it is whole."""
    return f"{path}{INCOMPLETE}{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def remote_errors(path: str) -> Iterator[None]:
    """Turns what TensorFlow says of an object store that cannot be used into one line.

    Raises:
      UserError: the scheme is unknown, the credentials are missing or do not suffice, or the network is down.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.UnimplementedError:
        raise UserError(f"{path}: this kind of address is not known here; use a local path or gs://bucket/path") from None
    except tf.errors.OpError as error:
        reason = (error.message or type(error).__name__).strip().splitlines()[0][:200]
        raise UserError(
            f"cannot use {path}: {reason}; check the bucket's name, the network and the credentials "
            "(gcloud auth application-default login)"
        ) from None


def require_file(path: str, flag: str) -> str:
    """Returns the expanded path of a file that exists.

    Raises:
      UserError: it does not; the message lists what lies in its directory.
    """
    path = expand(path)
    if is_remote(path):
        import tensorflow as tf

        with remote_errors(path):
            exists = tf.io.gfile.exists(path)
    else:
        exists = os.path.isfile(path)
    if exists:
        file_kinds.refuse_lfs_pointer(path, f"--{flag}: ")
        return path
    raise UserError(f"--{flag}: no such file: {path}{_beside(path)}")


def _beside(path: str) -> str:
    directory = os.path.dirname(path) or "."
    if is_remote(path):
        return ""
    if os.path.isdir(path):
        return " (it is a directory)"
    if not os.path.isdir(directory):
        return f" (the directory {directory} does not exist)"
    names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f" (in {directory}: {shown or 'nothing'})"


def refuse_pattern(path: str) -> None:
    """Refuses a checkpoint's path that TensorFlow could write but not read.

    Raises:
      UserError: a sign of a pattern is in it.
    """
    if any(sign in path for sign in "*?["):
        raise UserError(f"{path}: TensorFlow takes *, ? and [ in the path of a checkpoint for a pattern; rename it")


def matching_files(pattern: str, flag: str) -> list[str]:
    """The files of a comma list of paths and glob patterns, each pattern's files sorted.

    Raises:
      UserError: a path or a pattern matches nothing, or a directory.
    """
    paths = []
    for part in filter(None, (part.strip() for part in pattern.split(","))):
        part = expand(part)
        # A path that exists is taken literally: a directory may be called `run[1]`.
        if not any(sign in part for sign in "*?[") or (not is_remote(part) and os.path.exists(part)):
            paths.append(require_file(part, flag))
            continue
        matched = _glob(part)
        if not matched:
            raise UserError(f"--{flag}: no file matches {part}")
        for path in matched:
            file_kinds.refuse_lfs_pointer(path, f"--{flag}: ")
        paths += matched
    if not paths:
        raise UserError(f"--{flag} names no file; got '{pattern}'")
    return paths


def _glob(pattern: str) -> list[str]:
    """The files that match a pattern, sorted; unfinished ones, lists of rejected rows and directories are none."""
    if is_remote(pattern):
        import tensorflow as tf

        with remote_errors(pattern):
            matched = tf.io.gfile.glob(pattern)
    else:
        matched = [path for path in glob.glob(pattern) if not os.path.isdir(path)]
    return sorted(path for path in matched if INCOMPLETE not in path and not path.endswith(REJECTS))


def exists(path: str) -> bool:
    """Whether a file or directory is there."""
    if is_remote(path):
        import tensorflow as tf

        with remote_errors(path):
            return tf.io.gfile.exists(path)
    return os.path.exists(path)


def size_of(path: str) -> int:
    """A file's size in bytes."""
    if is_remote(path):
        import tensorflow as tf

        with remote_errors(path):
            return tf.io.gfile.stat(path).length
    return os.path.getsize(path)


def names_in(directory: str) -> list[str]:
    """The names in a directory, sorted; none where there is no directory."""
    if is_remote(directory):
        import tensorflow as tf

        with remote_errors(directory):
            return sorted(tf.io.gfile.listdir(directory)) if tf.io.gfile.isdir(directory) else []
    return sorted(os.listdir(directory or ".")) if os.path.isdir(directory or ".") else []


def remove_if_there(path: str) -> None:
    """Removes a file; does nothing when there is none."""
    if is_remote(path):
        import tensorflow as tf

        with remote_errors(path), contextlib.suppress(tf.errors.NotFoundError):
            tf.io.gfile.remove(path)
        return
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def make_directory(path: str) -> None:
    """Creates a local or remote directory and its parents.

    Raises:
      UserError: it cannot be created or written to.
    """
    if is_remote(path):
        import tensorflow as tf

        with remote_errors(path):
            tf.io.gfile.makedirs(path)
        return
    try:
        os.makedirs(path, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _file_in_the_way(path) from None
    except OSError as error:
        raise UserError(f"cannot create the directory {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"the directory {path} is not writable; choose another or change its permissions")


def require_creatable(path: str) -> None:
    """Makes sure, as far as that can be told without doing it, that `make_directory` would succeed; not of remote directories.

    Raises:
      UserError: as there.
    """
    if is_remote(path):
        return
    there = next((part for part in _and_parents(os.path.abspath(path)) if os.path.lexists(part)), os.sep)
    if not os.path.isdir(there):
        raise _file_in_the_way(path)
    if not os.access(there, os.W_OK | os.X_OK):
        if os.path.isdir(path):
            make_directory(path)
        raise UserError(f"cannot create the directory {path}: {os.strerror(errno.EACCES)}")


def _file_in_the_way(path: str) -> UserError:
    there = next(part for part in _and_parents(path) if os.path.lexists(part))
    return UserError(f"cannot create the directory {path}: {there} is a file; choose another directory")


def _and_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = os.path.dirname(path) if os.path.dirname(path) != path else ""


def sync(path: str) -> None:
    """Flushes a local file or directory to the disk, so that a power failure cannot undo what follows."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_whole(temporary: str, path: str) -> None:
    """Flushes the finished file `temporary` and gives it its real name in one step."""
    if is_remote(path):
        import tensorflow as tf

        tf.io.gfile.rename(temporary, path, overwrite=True)
        return
    sync(temporary)
    os.replace(temporary, path)
    sync(os.path.dirname(os.path.abspath(path)))


@contextlib.contextmanager
def written_whole(path: str) -> Iterator[str]:
    """Yields a temporary name to write to; on success it becomes `path`, on any error it is removed.

    Raises:
      UserError: the directory is not writable.
      JobError: the disk is full or fails.
    """
    make_directory(os.path.dirname(path) or ".")
    temporary = incomplete_name(path)
    try:
        yield temporary
        rename_whole(temporary, path)
    except OSError as error:
        raise JobError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if not is_remote(path):
            with contextlib.suppress(OSError):
                os.remove(temporary)


def open_to_write(path: str) -> Any:
    """Opens a local or remote file for bytes."""
    if is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.GFile(path, "wb")
    return open(path, "wb")


def write_text(path: str, text: str) -> None:
    """Writes a UTF-8 text file, whole or not at all."""
    with written_whole(path) as temporary, open_to_write(temporary) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str, value: Any) -> None:
    """Writes a JSON file, whole or not at all; see `json_text`."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """JSON with an indent of four and a final newline, the model garden's format; see `without_nan`."""
    return json.dumps(without_nan(value), indent=4, ensure_ascii=False, allow_nan=False) + "\n"


def without_nan(value: Any) -> Any:
    """The value with None in place of nan and infinities, which JSON does not know."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_object(directory: str, name: str) -> dict[str, Any]:
    """The JSON object in a file of a directory; empty where there is no such file, or it holds something else.

    Raises:
      UserError: as `read_json`.
    """
    path = os.path.join(directory, name)
    value = read_json(path) if exists(path) else {}
    return value if isinstance(value, dict) else {}


def read_json(path: str, wanted: str = "a JSON file", cure: str = "", pairs: Callable[[list], Any] | None = None) -> Any:
    """Reads a JSON file.

    Args:
      path: a local or remote file.
      wanted, cure: what it should be, and what to give instead, for the message about a file that is none.
      pairs: makes an object of its pairs of name and value; None for a dict, where the last of equal names wins.

    Raises:
      UserError: it is not UTF-8 or not JSON; the message holds file, line and column, or says what the file is.
    """
    file_kinds.refuse_lfs_pointer(path)
    try:
        if is_remote(path):
            import tensorflow as tf

            with tf.io.gfile.GFile(path, "rb") as file:
                text = file.read().decode("utf-8-sig")
        else:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        return json.loads(text, object_pairs_hook=pairs)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        other = file_kinds.no_json(path, wanted, cure)
        raise other or UserError(f"{path}: not a JSON file (it is not UTF-8 text)") from None
    except json.JSONDecodeError as error:
        if (other := file_kinds.no_json(path, wanted, cure)) is not None:
            raise other from None
        raise UserError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None


@during("comparing files")
def sha256_of_file(path: str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    if is_remote(path):
        import tensorflow as tf

        with tf.io.gfile.GFile(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    else:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
