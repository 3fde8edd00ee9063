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
    """HTTP on connections that end when the head of a request takes longer than that, or an answer is not taken for so long."""

    class Protocol(H11Protocol):
        _asking: asyncio.TimerHandle | None = None
        _taking: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._asking = self.loop.call_later(seconds, self.close_unless_asked)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                _cancel(self._asking)
                self._asking = None
            elif self._asking is None:
                # A part of a head ends uvicorn's own watch of a connection without a request, however little it is.
                self._asking = self.loop.call_later(seconds, self.close_unless_asked)

        def close_unless_asked(self) -> None:
            """Ends the connection, on which no request has begun meanwhile."""
            self._asking = None
            self.transport.close()

        def pause_writing(self) -> None:
            super().pause_writing()
            left = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(seconds, self.abort_unless_taken, left)

        def resume_writing(self) -> None:
            super().resume_writing()
            _cancel(self._taking)

        def abort_unless_taken(self, before: int) -> None:
            """Ends the connection if nothing of an answer was taken meanwhile; closing it would wait for that."""
            left = self.transport.get_write_buffer_size()
            if left >= before:
                self.transport.abort()
            else:
                self._taking = self.loop.call_later(seconds, self.abort_unless_taken, left)

        def connection_lost(self, exc: Exception | None) -> None:
            _cancel(self._asking)
            _cancel(self._taking)
            super().connection_lost(exc)

    return Protocol


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


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
