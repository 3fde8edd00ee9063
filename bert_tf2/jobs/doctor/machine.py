"""What the machine has: memory and disk."""

import contextlib
import dataclasses
import os
import shutil


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory that some work took.

    Attributes:
      of: `process`, or `GPU`.
      used: bytes at its fullest; None where that cannot be told.
      there_is: bytes for it in all; None where that cannot be told.
    """

    of: str
    used: int | None
    there_is: int | None


def process_memory() -> int | None:
    """Bytes of memory that this process holds; None where /proc does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None


def available_memory() -> int | None:
    """Bytes that this process can still take: what the system can give, and its control group allows."""
    free = _of_system()
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if limit is None or used is None:
        return free
    # Files that were read count as used, and are let go when memory is asked for.
    left = limit - used + _of_files()
    return left if free is None else min(free, left)


def _of_system() -> int | None:
    with contextlib.suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_files() -> int:
    """Bytes that the control group holds of files and can let go."""
    with contextlib.suppress(OSError, ValueError), open("/sys/fs/cgroup/memory.stat", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("inactive_file "))
    return 0


def _number(path: str) -> int | None:
    with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
        return int(file.read())
    return None


def nearest_directory(path: str) -> str:
    """The directory itself, or the nearest one above it that exists."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def free_disk(path: str) -> int:
    """Bytes that can be written at a path, which need not exist yet."""
    return shutil.disk_usage(nearest_directory(path)).free


def shown_bytes(number: float) -> str:
    """`3.4 GB`, `120 MB`."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
