"""What the server has and does, without HTTP."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2 import __version__
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.served.served_model import ServedModel
from bert_tf2.jobs.serve.batching import Batcher, QueueFull, Stopped
from bert_tf2.jobs.serve.metrics import Metrics
from bert_tf2.jobs.serve.options import ServeOptions
from bert_tf2.jobs.serve.requests import Limits, RequestError, prepared

logger = logging.getLogger(__name__)


class Service:
    """The models with their queues, the limits, the keys and the counters.

    Args:
      models: in the order in which they were given.
      options: how batches are made, and how much is taken.
      keys: one of which a request must have; none where everybody may ask.
      load: gives the model of a name as its files are now.

    Attributes:
      stops: whether new requests are refused, because the server ends.
      in_flight: how many requests are being answered.
      versions: by name how often the model was loaded.
    """

    def __init__(
        self, models: Sequence[ServedModel], options: ServeOptions, keys: Sequence[str], load: Callable[[str], ServedModel]
    ):
        self._options, self._load = options, load
        self.metrics = Metrics()
        self.limits = Limits(options.max_texts, options.max_characters, options.max_body_bytes, options.body_timeout_s)
        self.models = {model.name: model for model in models}
        self._digests = [_digest(key) for key in keys]
        self._batchers = {name: self._batcher(model, options) for name, model in self.models.items()}
        self.versions = dict.fromkeys(self.models, 1)
        self.stops = False
        self.in_flight = 0

    @property
    def needs_key(self) -> bool:
        """Whether a request must have a key."""
        return bool(self._digests)

    def knows(self, authorization: str) -> bool:
        """Whether the header `Authorization` holds one of the keys; takes as long whatever it holds."""
        scheme, _, key = authorization.partition(" ")
        given = _digest(key.strip())
        matches = [hmac.compare_digest(given, one) for one in self._digests]
        return scheme.lower() == "bearer" and any(matches)

    def model(self, name: str) -> ServedModel:
        """The model of a name.

        Raises:
          RequestError: there is none.
        """
        if name not in self.models:
            raise RequestError(404, f"there is no such model; there are {', '.join(self.models)}")
        return self.models[name]

    def model_of_vectors(self, name: str | None) -> ServedModel:
        """The model of a name, or the first one of vectors.

        Raises:
          RequestError: there is none, or it gives no vectors.
        """
        if name is not None:
            model = self.model(name)
            if model.kind != "vectors":
                raise RequestError(400, f"the model '{model.name}' gives no vectors; ask it by /v1/models/{model.name}:predict")
            return model
        for model in self.models.values():
            if model.kind == "vectors":
                return model
        raise RequestError(404, f"no model here gives vectors; there are {', '.join(self.models)}")

    async def answers(self, model: ServedModel, instances: list[Any], called: str) -> list[Any]:
        """The answers to instances; `called` is what they are in the body, for messages.

        Raises:
          RequestError: an instance is wrong, too many wait, the server ends, or the model failed.
        """
        checked = prepared(model, instances, called, self.limits)
        try:
            future = self._batchers[model.name].submit(checked)
        except QueueFull as full:
            retry_after = {"Retry-After": str(full.retry_after)}
            raise RequestError(429, f"too many texts wait; ask again in {full.retry_after} s", retry_after) from None
        except Stopped:
            raise stopping() from None
        try:
            found = await asyncio.wrap_future(future)
        except Exception:
            # The batcher has told of it.
            raise RequestError(500, "the model failed; the server's own messages say more") from None
        self.metrics.texts.add(len(found), model=model.name)
        return found

    def status(self) -> dict[str, Any]:
        """The server's and its models' state, as JSON."""
        return {
            "status": "stopping" if self.stops else "ok",
            "version": __version__,
            "models": [{**self.about(model), "waiting": self._batchers[model.name].waiting} for model in self.models.values()],
            "limits": {
                "max_texts": self.limits.max_texts,
                "max_characters": self.limits.max_characters,
                "max_body_bytes": self.limits.max_body_bytes,
            },
        }

    def about(self, model: ServedModel) -> dict[str, Any]:
        """What a model is, as JSON."""
        version = self.versions[model.name]
        return {"name": model.name, "version": version, "kind": model.kind, "takes": model.takes, **model.about}

    def metrics_page(self) -> str:
        """The counters in Prometheus' form."""
        return self.metrics.page({name: batcher.waiting for name, batcher in self._batchers.items()})

    async def reload(self) -> None:
        """Loads every model anew. Until that is done the former one answers, and what was asked of it, it answers to the end.

        A model that cannot be loaded is told of, and the former one stays.
        """
        for name in self.models:
            try:
                model = await asyncio.to_thread(self._load, name)
            except (UserError, JobError) as error:
                logger.warning("model '%s' stays as it was: %s", name, error)
                continue
            former = self._batchers[name]
            # Nobody is between his check by the former model and its queue: that is done without a pause.
            self.models[name], self._batchers[name] = model, self._batcher(model, self._options)
            self.versions[name] += 1
            logger.info("model '%s' is loaded anew: version %d", name, self.versions[name])
            await asyncio.to_thread(former.stop)

    def close(self) -> None:
        """Answers what waits, and returns when that is done."""
        self.stops = True
        for batcher in self._batchers.values():
            batcher.stop()

    def _batcher(self, model: ServedModel, options: ServeOptions) -> Batcher:
        def observe(size: int, seconds: float) -> None:
            self.metrics.batches.add(size, model=model.name)
            self.metrics.computing.add(seconds, model=model.name)

        return Batcher(model, options.max_batch_size, options.max_wait_ms / 1000, options.max_queue, observe)


def stopping() -> RequestError:
    """What is said to new requests when the server ends."""
    return RequestError(503, "the server is stopping; ask again later", {"Retry-After": "1", "Connection": "close"})


def _digest(key: str) -> bytes:
    # Of one length, so that the comparison does not tell the key's.
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
