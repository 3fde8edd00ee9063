"""Chromium without a window, told what to do by its DevTools protocol over two pipes (https://chromedevtools.github.io)."""

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_LONGEST = 30


class Page:
    """An open page, and what it asked for and complained of meanwhile."""

    def __init__(self, writes: int, reads: int):
        self._writes, self._reads, self._numbers, self._rest = writes, reads, itertools.count(1), b""
        self.asked: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """What a method of the protocol gives."""
        return self._call(method, self._session, **parameters)

    def value(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"]
        assert result.get("subtype") != "error", result
        return result.get("value")

    def wait_for(self, script: str) -> Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            if found := self.value(script):
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}; {self.value('document.body.innerText')!r}")

    def press(self, key: str, code: int, text: str = "", modifiers: int = 0) -> None:
        """Presses and lets go of a key; `modifiers` 2 is Ctrl, 8 Shift."""
        shared = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            found = self._message()
            if found.get("id") == number:
                assert "error" not in found, (method, found)
                return found["result"]
            self._note(found)

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._reads], [], [], _LONGEST)[0], "the browser says nothing"
            part = os.read(self._reads, 1 << 16)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextlib.contextmanager
def opened(profile: str) -> Iterator[Page]:
    """A page in a browser of its own, whose files lie in a directory."""
    for_browser, writes = os.pipe()
    reads, from_browser = os.pipe()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    # The browser reads from 3 and writes to 4.
    shell = f'exec "$@" 3<&{for_browser} 4>&{from_browser}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "bash", BROWSER, *flags],
        pass_fds=(for_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(for_browser)
    os.close(from_browser)
    try:
        yield Page(writes, reads)
    finally:
        process.kill()
        process.wait()
        os.close(writes)
        os.close(reads)
