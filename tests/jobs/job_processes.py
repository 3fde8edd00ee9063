"""Jobs as processes of their own: started, waited for, killed."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def start(command: str, *arguments: str) -> subprocess.Popen:
    """Starts a command of the project, such as `run_classifier.py`."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / command), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def finish(*processes: subprocess.Popen) -> list[str]:
    """Waits for processes, which must succeed, and returns what they said on standard error."""
    messages = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(messages)
    return messages


def worker_flags(number: int) -> list[list[str]]:
    """The flags of each of some workers of one cluster, on ports that are free now."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(number)]
    hosts = ",".join(f"localhost:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    cluster = ["--distribution_strategy=multi_worker_mirrored", f"--worker_hosts={hosts}"]
    return [[*cluster, f"--task_index={index}"] for index in range(number)]


def history(model_dir: pathlib.Path, kind: str) -> list[dict]:
    """The entries of a training's history, which may still be written to."""
    path = model_dir / "training_history.jsonl"
    written = path.read_text() if path.exists() else ""
    whole = written[: written.rfind("\n") + 1]  # the rest is being written
    return [entry for entry in map(json.loads, whole.splitlines()) if entry["kind"] == kind]


def kill_when(process: subprocess.Popen, is_reached: Callable[[], bool]) -> bool:
    """Kills a process at the moment a condition holds; whether it lived until then, and the condition was reached."""
    deadline = time.monotonic() + 200
    reached = False
    try:
        while not reached and process.poll() is None and time.monotonic() < deadline:
            reached = is_reached()
            time.sleep(0 if reached else 0.01)
    finally:
        process.kill()
        process.communicate()
    return reached
