"""The service behind HTTP. The only module that knows FastAPI."""

import asyncio
import importlib.resources
import logging
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from bert_tf2 import __version__
from bert_tf2.jobs.serve import metrics, schemas
from bert_tf2.jobs.serve.requests import RequestError, encode_request, predict_request, read_json
from bert_tf2.jobs.serve.service import Service, stopping

logger = logging.getLogger(__name__)

# The page's own script and style, and nothing from elsewhere.
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
# So much of a body that is too large is read and thrown away, because most clients send all of it before they read the answer.
_MOST_DISCARDED = 64 << 20


def make_app(service: Service) -> "Gate":
    """The ASGI application."""
    # No /docs: its page loads scripts from elsewhere.
    app = FastAPI(title="bert_tf2", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    page = importlib.resources.files("bert_tf2.jobs.serve").joinpath("page.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def by_hand() -> HTMLResponse:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    @app.get("/status", summary="The server and its models", response_class=JSONResponse)
    async def status() -> JSONResponse:
        return JSONResponse(service.status())

    @app.get("/metrics", summary="Counters in Prometheus' form", response_class=PlainTextResponse)
    async def counters() -> Response:
        return Response(service.metrics_page(), media_type=metrics.CONTENT_TYPE)

    @app.get("/v1/models/{name}", summary="A model's state, as TensorFlow Serving tells it", response_class=JSONResponse)
    async def model_status(name: str) -> JSONResponse:
        model = service.model(name)
        number = str(service.versions[name])
        version = {"version": number, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return JSONResponse({"model_version_status": [version], "model": service.about(model)})

    @app.post("/encode", summary="Vectors, as of bert-as-service", response_class=JSONResponse, openapi_extra=schemas.ENCODE)
    async def encode(request: Request) -> JSONResponse:
        asked = encode_request(read_json(await _body(request, service)), service.limits)
        vectors = await service.answers(service.model_of_vectors(asked.model), asked.texts, "texts")
        return JSONResponse({"id": asked.id, "results": vectors, "status": 200})

    @app.post(
        "/v1/models/{name}:predict",
        summary="Answers, as TensorFlow Serving gives them",
        response_class=JSONResponse,
        openapi_extra=schemas.PREDICT,
    )
    async def predict(name: str, request: Request) -> JSONResponse:
        service.model(name)
        instances = predict_request(read_json(await _body(request, service)), service.limits)
        # By now it may be another version.
        return JSONResponse({"predictions": await service.answers(service.model(name), instances, "instances")})

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> JSONResponse:
        return _refusal(error)

    @app.exception_handler(404)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        return _refusal(RequestError(404, "there is nothing here; /openapi.json lists what there is"))

    @app.exception_handler(405)
    async def not_allowed(request: Request, error: Any) -> JSONResponse:
        return _refusal(RequestError(405, "not with this method; /openapi.json lists what there is", error.headers))

    return Gate(app, service)


class Gate:
    """What every request passes: the key, the count of those in flight, the counters, and what is said of a defect.

    Args:
      app: an ASGI application.
      service: whose it is.
    """

    def __init__(self, app: Any, service: Service):
        self._app, self._service = app, service

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        """As ASGI calls it (https://asgi.readthedocs.io)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.monotonic(), 0

        async def watched(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        self._service.in_flight += 1
        try:
            await self._answer(scope, receive, watched)
        except Exception:
            logger.exception("a request failed")
            if not status:
                await _refusal(RequestError(500, "a defect of the server; its own messages say more"))(scope, receive, watched)
        finally:
            self._service.in_flight -= 1
            what = _called(scope["path"])
            self._service.metrics.requests.add(path=what, status=str(status))
            self._service.metrics.seconds.add(time.monotonic() - start, path=what)

    async def _answer(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = None
        if self._service.stops:
            refusal = stopping()
        elif self._service.needs_key and scope["path"] != "/" and not self._service.knows(headers.get("authorization", "")):
            refusal = RequestError(401, "the header 'Authorization: Bearer KEY' lacks a key that is known", _WANTS_KEY)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _refusal(refusal)(scope, receive, send)


_WANTS_KEY = {"WWW-Authenticate": "Bearer"}


def _refusal(error: RequestError) -> JSONResponse:
    return JSONResponse({"error": error.message}, error.status, error.headers)


def _called(path: str) -> str:
    """A path for the counters, which are not to grow with what somebody asks for."""
    if path.startswith("/v1/models/"):
        return "predict" if path.endswith(":predict") else "model"
    return path[1:] if path in ("/encode", "/status", "/metrics", "/openapi.json") else "page" if path == "/" else "other"


async def _body(request: Request, service: Service) -> bytes:
    """The body of a request, which is not kept beyond the limit.

    Raises:
      RequestError: it is too large, comes too slowly, or not at all.
    """
    limits = service.limits
    too_large = RequestError(413, f"the body is larger than {limits.max_body_bytes:,} bytes; send less at a time")
    try:
        return await asyncio.wait_for(_received(request, limits.max_body_bytes, too_large), limits.body_timeout_s)
    except asyncio.TimeoutError:
        raise RequestError(408, f"the body did not come within {limits.body_timeout_s:g} s", {"Connection": "close"}) from None


async def _received(request: Request, most: int, too_large: RequestError) -> bytes:
    length = request.headers.get("content-length", "")
    is_too_large = length.isdecimal() and int(length[:20]) > most
    if is_too_large and "expect" in request.headers:
        # The client waits with the body for our word.
        raise too_large
    parts: list[bytes] = []
    size = 0
    while size <= _MOST_DISCARDED:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise RequestError(400, "the connection ended before the body did")
        part = message.get("body", b"")
        size += len(part)
        is_too_large = is_too_large or size > most
        if is_too_large:
            parts.clear()
        else:
            parts.append(part)
        if not message.get("more_body", False):
            break
    if is_too_large:
        raise too_large
    return b"".join(parts)
