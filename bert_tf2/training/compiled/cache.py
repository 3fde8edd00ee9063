"""What XLA compiled, kept on disk for later starts of the same job.

TensorFlow keys a file by the program it compiled, so another model, batch or length never takes it. That the versions and the
processor are the same is up to the directory: each combination has one of its own.
"""

import contextlib
import glob
import hashlib
import importlib.metadata
import logging
import os
import sys
from typing import BinaryIO

from bert_tf2 import files
from bert_tf2.errors import UserError

logger = logging.getLogger(__name__)

NONE = "none"
_FLAGS, _FLAG = "TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory"
_DRIVER = "/proc/driver/nvidia"
_MOST_BYTES = 4 << 30


def keep_compiled_code(directory: str | None, on_gpu: bool) -> str | None:
    """Lets TensorFlow keep compiled code, and take what it kept before; to be called before TensorFlow is loaded.

    A directory that `TF_XLA_FLAGS` names already stays. Files that were not written to their end are removed, and the oldest ones
    where all take more than 4 GiB.

    Args:
      directory: a directory of compiled code; `none`; or None for the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`) where
        GPUs are there to be used, else none.
      on_gpu: whether they are to be used.

    Returns:
      The directory in it for these versions and this processor; None where nothing is kept.

    Raises:
      UserError: the directory that was given cannot be written, or TensorFlow is loaded already.
    """
    gpus = _gpus() if on_gpu else ""
    flags = os.environ.get(_FLAGS, "")
    if directory == NONE or _FLAG in flags or (directory is None and (not gpus or "tensorflow" in sys.modules)):
        return None
    if "tensorflow" in sys.modules:
        raise UserError(
            f"--compilation_cache={directory} must be set before TensorFlow is loaded; set {_FLAGS}={_FLAG}=… instead"
        )
    root = files.expand(directory) if directory is not None else os.path.join(_user_cache(), "bert_tf2", "compiled")
    path = os.path.join(os.path.abspath(root), _name(gpus or _processor()))
    if (reason := _why_unusable(root, path)) is not None:
        if directory is not None:
            raise UserError(f"--compilation_cache={directory} {reason}")
        logger.warning("compiled code is not kept: %s %s", path, reason)
        return None
    os.environ[_FLAGS] = f"{flags} {_FLAG}={path}".strip()
    return path


def _why_unusable(root: str, path: str) -> str | None:
    """Makes the directory and tidies it; what is wrong with it where that cannot be done."""
    if files.is_remote(root):
        return "must be a directory of this machine"
    if len(path.split()) > 1:
        return f"must be a directory without blanks in its path, at which {_FLAGS} is divided"
    try:
        os.makedirs(path, exist_ok=True)
        _tidy(path)
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    return None if os.access(path, os.W_OK) else "cannot be written: Permission denied"


def _user_cache() -> str:
    return os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")


def _name(processor: str) -> str:
    version = importlib.metadata.version("tensorflow")
    return f"tensorflow-{version}-{hashlib.sha256(processor.encode()).hexdigest()[:16]}"


def _gpus() -> str:
    """The models of this machine's NVIDIA GPUs and the driver's version; empty where there are none."""
    models = set()
    for path in glob.glob(f"{_DRIVER}/gpus/*/information"):
        models |= {line.strip() for line in _read(path).splitlines() if line.startswith("Model:")}
    return "\n".join([*sorted(models), _read(f"{_DRIVER}/version")]) if models else ""


def _processor() -> str:
    """The CPU's model and what it can do."""
    lines = _read("/proc/cpuinfo").splitlines()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _tidy(path: str) -> None:
    kept, found = 0, []
    for entry in os.scandir(path):
        # TensorFlow writes to another name first; those are of jobs that run. Other jobs may tidy at the same time.
        with contextlib.suppress(FileNotFoundError):
            if entry.name.endswith(".pb"):
                found.append((entry.stat().st_mtime, entry.stat().st_size, entry.path))
    for _, size, file in sorted(found, reverse=True):
        with contextlib.suppress(FileNotFoundError):
            if kept + size > _MOST_BYTES or not is_whole(file):
                os.remove(file)
            else:
                kept += size


def is_whole(path: str) -> bool:
    """Whether a file is a protocol buffer message to its last byte, as far as its outermost fields tell."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        while file.tell() < end:
            tag = _varint(file)
            if tag is None or tag & 7 not in (0, 2):
                return False
            number = _varint(file)
            if number is None:
                return False
            if tag & 7 == 2 and file.seek(number, os.SEEK_CUR) > end:
                return False
    return end > 0


def _varint(file: BinaryIO) -> int | None:
    value = shift = 0
    while byte := file.read(1):
        value |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            return value
    return None
