"""The allocator's settings: freed memory stays, and other people's settings are left alone."""

import os
import platform
import subprocess
import sys

import pytest

from bert_tf2.memory import keep_freed_memory

ALLOCATE = """
import resource
from bert_tf2.memory import keep_freed_memory
print(keep_freed_memory())
for step in range(6):
    block = bytearray(100 << 20)
    del block
    if step == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 5000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_freed_blocks_are_used_again_without_page_faults():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "LD_PRELOAD"))}
    result = subprocess.run([sys.executable, "-c", ALLOCATE], capture_output=True, text=True, env=environment, timeout=60)
    assert result.stdout.split() == ["True", "True"], result.stderr


@pytest.mark.parametrize("variable", ["MALLOC_ARENA_MAX", "LD_PRELOAD"])
def test_what_the_user_set_is_left_alone(monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    assert keep_freed_memory() is False
