"""Vectors from `python -m bert_tf2.serve`, with the standard library alone."""

import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import JobError, UserError

if TYPE_CHECKING:
    import numpy as np

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BUSY = (429, 503)
# Seconds before the first further try; doubled for each one more.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_ENDED = (OSError, http.client.HTTPException)


class VectorClient:
    """Asks a server for vectors, as bert-as-service's client did.

        client = VectorClient("http://127.0.0.1:8000")
        client.encode(["a delight from start to finish", "a film to laugh at"])  # float32 [2, D]

    A busy server (429, 503), and one that is not there or breaks off, is asked again. An instance may be used by several threads;
    `await asyncio.to_thread(client.encode, texts)` is the asynchronous form.

    Args:
      url: of the server.
      model: the name of a model there; None for its first one of vectors.
      api_key: one of the server's `--api_key_file`.
      timeout: seconds without a word from the server, after which it is asked again.
      retries: how often it is asked again.
      batch_size: how many texts are sent at a time; at most the server's `--max_texts`.

    Raises:
      UserError: `url` is no address of HTTP.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retries: int = 5,
        batch_size: int = 256,
    ):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"the server's address must be like http://127.0.0.1:8000; got {url}")
        if batch_size < 1 or retries < 0:
            raise ValueError(f"batch_size must be at least 1 and retries at least 0; got {batch_size} and {retries}")
        self._url, self._model, self._key = url.rstrip("/"), model, api_key
        self._timeout, self._retries, self._batch_size = timeout, retries, batch_size
        # A proxy knows this machine by another name.
        handlers = [urllib.request.ProxyHandler({})] if parts.hostname in _LOOPBACK else []
        self._opener = urllib.request.build_opener(*handlers)

    def encode(self, texts: str | Sequence[Any], is_tokenized: bool = False) -> "np.ndarray":
        """The vectors of texts or pairs of texts, float32 [N, D]; of a single text [D].

        Args:
          texts: texts and pairs (tuples or lists of two), in any number; with `is_tokenized` lists of the vocabulary's tokens.
          is_tokenized: whether they are such lists.

        Raises:
          UserError: the server refuses them; the message is its own, with the place of the text among those sent together.
          JobError: it did not answer, or is still busy after all tries.
        """
        import numpy as np

        if isinstance(texts, str):
            return self.encode([texts])[0]
        if not len(texts):
            raise UserError("there are no texts to encode")
        parts = []
        for first in range(0, len(texts), self._batch_size):
            batch = list(texts[first : first + self._batch_size])
            asked = {"id": first, "texts": batch, "is_tokenized": is_tokenized}
            answer = self._ask("/encode", asked if self._model is None else asked | {"model": self._model})
            parts.append(np.array(answer["results"], np.float32))
        return np.concatenate(parts)

    def status(self) -> dict[str, Any]:
        """What the server says of itself and its models.

        Raises:
          UserError, JobError: as `encode`.
        """
        return self._ask("/status", None)

    def _ask(self, path: str, asked: dict[str, Any] | None) -> dict[str, Any]:
        for number in range(self._retries + 1):
            try:
                return self._answer(path, asked)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _BUSY:
                        raise _refusal(error) from None
                    reason, pause = f"{error.code}: {_said(error)}", error.headers.get("Retry-After", "")
            except _ENDED as error:
                reason, pause = str(getattr(error, "reason", error)) or type(error).__name__, ""
            except ValueError:
                raise JobError(f"{self._url} answers with something else than JSON; is it this project's server?") from None
            if number < self._retries:
                time.sleep(_seconds(pause, number))
        raise JobError(f"{self._url} gave no answer in {self._retries + 1} tries ({reason})")

    def _answer(self, path: str, asked: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        body = None if asked is None else json.dumps(asked).encode()
        request = urllib.request.Request(self._url + path, body, headers)
        with self._opener.open(request, timeout=self._timeout) as answer:
            return json.loads(answer.read())


def _seconds(retry_after: str, number: int) -> float:
    """How long to wait before the next try: what the server says, or longer each time, and not all clients at once."""
    if retry_after.isdecimal():
        return min(float(retry_after), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)
    return min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE) * random.uniform(0.5, 1.0)


def _refusal(error: urllib.error.HTTPError) -> UserError | JobError:
    message = f"the server refuses ({error.code}): {_said(error)}"
    return UserError(message) if error.code < 500 else JobError(message)


def _said(error: urllib.error.HTTPError) -> str:
    """The message of an answer that is none."""
    try:
        return str(json.loads(error.read())["error"])
    except (*_ENDED, ValueError, KeyError, TypeError):
        return str(error.reason)
