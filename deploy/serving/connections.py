"""Connections that end when nothing comes: uvicorn limits idle ones, but not slow ones."""

import asyncio

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 256
"""Further ones are closed at once."""

HEADERS_S = 10.0
"""From a connection to the end of the headers of its first request."""

ANSWER_S = 120.0
"""From the end of an answer until it is taken and the headers of the next request are there."""

HEADERS_BYTES = 16_384


class Limited(H11Protocol):
    """HTTP/1.1 over connections of limited number and patience."""

    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            transport.abort()
        else:
            self._wait(HEADERS_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Stop to wait when a request begins: its body is the application's to limit."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, which may have come already."""
        self._wait(ANSWER_S)
        super().on_response_complete()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._ends = self.loop.call_later(seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None


def configuration(application: ASGIApp) -> Config:
    """How uvicorn runs an application over such connections, without a word."""
    return Config(
        application,
        http=Limited,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        h11_max_incomplete_event_size=HEADERS_BYTES,
        timeout_graceful_shutdown=5,
    )
