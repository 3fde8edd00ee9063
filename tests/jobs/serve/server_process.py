"""A server as a process of its own."""

import http.client
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
_LONGEST_START = 120


class Server:
    """`python -m bert_tf2.serve` on a free port of this machine."""

    def __init__(self, directory: pathlib.Path, *flags: str):
        self._messages = directory / "messages.txt"
        with open(self._messages, "w") as messages:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bert_tf2.serve", "--port=0", *flags],
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
                cwd=directory,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))},
            )
        self.said = self._line()
        found = re.search(r"at http://127\.0\.0\.1:(\d+)/$", self.said)
        if not found:
            self.process.kill()
            raise AssertionError(f"no server: {self.said!r}; {self.messages}")
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def messages(self) -> str:
        """What it said on standard error."""
        return self._messages.read_text()

    def _line(self) -> str:
        # Standard output is a pipe; a server that never says anything must not hold up the tests.
        deadline = time.monotonic() + _LONGEST_START
        while time.monotonic() < deadline and self.process.poll() is None:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                return self.process.stdout.readline().strip()
        return ""

    def ask(self, path: str, body: Any = None, headers: dict | None = None, method: str | None = None) -> tuple[int, Any, dict]:
        """Status, content and headers of the answer; a body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
            connection.request(method or ("GET" if body is None else "POST"), path, body, headers or {})
            answer = connection.getresponse()
            content, names = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
            is_json = names.get("content-type") == "application/json"
            return answer.status, json.loads(content) if is_json else content.decode(), names
        finally:
            connection.close()

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ends it, if it has not ended; its exit code."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.stdout.close()
