"""The application in uvicorn, and how it ends."""

import asyncio
import signal
import socket
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bert_tf2.jobs.serve.app import make_app
from bert_tf2.jobs.serve.service import Service

# Of a connection that says nothing between two requests, in seconds.
_KEPT_ALIVE = 30
# Of requests that are still answered when a second signal comes.
_LAST_SECONDS = 1


def run(service: Service, listener: socket.socket, max_connections: int, greeting: str) -> None:
    """Serves until SIGTERM or SIGINT comes and what was accepted is answered; SIGHUP loads the models anew.

    Args:
      service: answers.
      listener: listens already.
      max_connections: beyond them requests get 503.
      greeting: is printed once requests are answered and signals are obeyed.
    """
    config = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=max_connections,
        timeout_keep_alive=_KEPT_ALIVE,
        timeout_graceful_shutdown=_LAST_SECONDS,
        ws="none",
        lifespan="off",
        http=_protocol(service.limits.body_timeout_s),
        loop="asyncio",
    )
    server = _Server(config, service, greeting)
    former = signal.signal(signal.SIGHUP, server.ask_for_reload)
    try:
        server.run(sockets=[listener])
    finally:
        signal.signal(signal.SIGHUP, former)
        service.close()


def _protocol(seconds: float) -> type[H11Protocol]:
    """HTTP on connections that are closed when the head of a first request takes longer than that."""

    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.loop.call_later(seconds, self.close_unless_asked)

        def close_unless_asked(self) -> None:
            # Of the first request on: whoever has asked once is watched by uvicorn.
            if self.cycle is None:
                self.transport.close()

    return Protocol


class _Server(uvicorn.Server):
    """Refuses new requests with 503 after a signal, and ends when the last accepted one is answered."""

    def __init__(self, config: uvicorn.Config, service: Service, greeting: str):
        super().__init__(config)
        self._service, self._greeting = service, greeting
        self._wants_reload = False
        self._reloading: asyncio.Task[None] | None = None

    def ask_for_reload(self, number: int, frame: FrameType | None) -> None:
        """What SIGHUP does; one that comes while models are loaded has them loaded once more."""
        self._wants_reload = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._greeting, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Whoever presses Ctrl-C twice does not want to wait.
        if self._service.stops and sig == signal.SIGINT:
            self.should_exit = True
        self._service.stops = True

    async def on_tick(self, counter: int) -> bool:
        if self._service.stops and not self._service.in_flight:
            self.should_exit = True
        if self._wants_reload and not self._service.stops and (self._reloading is None or self._reloading.done()):
            self._wants_reload = False
            self._reloading = asyncio.create_task(self._service.reload())
        return await super().on_tick(counter)
