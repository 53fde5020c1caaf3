"""Listens for requests, does not wait for clients that send nothing, and ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from relscout.core.errors import SettingError
from relscout.serve import Limits
from relscout.serve.api import Service

#: Seconds that a connection without a request stays open.
_KEEP_ALIVE = 5
_BACKLOG = 2_048


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Name or address of an interface of this machine.
        port: The port; 0 for any that is free.

    Raises:
        SettingError: The port is in use, or there is no such interface.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(
            f"cannot listen on {host}, port {port}: {reason}; choose another --host or --port"
        ) from error


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket for people."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server_of(service: Service) -> uvicorn.Server:
    """Return the server of a service, not yet running: ``server.run(sockets=[listener])``."""
    limits = service.limits

    class Protocol(_ImpatientProtocol):
        patience = limits.patience

    return uvicorn.Server(
        uvicorn.Config(
            service.app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            # every request has its answer by then
            timeout_graceful_shutdown=int(limits.timeout + limits.patience) + 1,
        )
    )


def run(service: Service, listener: socket.socket) -> None:
    """Serve until the process is interrupted or terminated; requests that arrived are answered first."""
    # a full collection takes a quarter of a second with the objects of a loaded model, and would find nothing in them
    gc.collect()
    gc.freeze()
    with _signals_end_quietly():
        server_of(service).run(sockets=[listener])
    service.close()


class _ImpatientProtocol(H11Protocol):
    """Closes connections whose client takes too long to send the head of a request."""

    patience: float = Limits.patience
    _impatience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._impatience is None and self.timeout_keep_alive_task is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._impatience = self.loop.call_later(self.patience, self._give_up)

    def _stop_waiting(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def _give_up(self) -> None:
        self._impatience = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let the server end at SIGINT and SIGTERM; uvicorn repeats a signal for the handlers that were there before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
