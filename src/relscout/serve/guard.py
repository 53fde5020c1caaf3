"""Refuses requests before anything reads them: foreign hosts and origins, missing keys, and bodies that are too large.

The guard is an ASGI application around another. It also counts and times every request.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relscout.serve import Limits

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
#: Called with the method, path and status of a request, and its seconds.
OnRequest = Callable[[str, str, int, float], object]

_LOG = logging.getLogger("relscout.serve")
#: What anybody may ask for, such as a supervisor without a key.
OPEN = "/health"
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_MESSAGE = 1_000
_HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


class HTTPError(Exception):
    """A refusal, in the form that all errors have.

    Args:
        status: Its status.
        code: A word for programs.
        message: A sentence for people.
        headers: Further headers.
    """

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def content(self) -> dict[str, Any]:
        """Return the body as JSON values."""
        message = str(self).encode(errors="backslashreplace").decode()
        shown = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        return {"error": {"code": self.code, "message": shown}}


def is_loopback(host: str) -> bool:
    """Return whether only programs of the same machine reach a server that binds to a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Guard:
    """Passes on the requests that an application may answer.

    Args:
        app: The application.
        limits: Sizes and times.
        key: The API key that requests must have; ``None`` for none.
        loopback: Whether the server binds to loopback. Then the header ``Host`` must name this machine, so that no
            website reaches the server under a name of its own (DNS rebinding).
        on_request: Called after each request.
        public: Further paths that need no key, such as a page that holds no data.
    """

    app: App
    limits: Limits
    key: str | None
    loopback: bool
    on_request: OnRequest
    public: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI specifies."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started, status = time.perf_counter(), 499  # the client went away

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in more if pair[0] not in given),
                ]
            await send(message)

        try:
            self._check(scope)
            inner = receive
            if scope["method"] not in _WITHOUT_BODY:
                body = await self._body(scope, receive)
                if body is None:
                    return
                inner = _replayed(body, receive)
            await self.app(scope, inner, send_noted)
        except HTTPError as error:
            await _respond(error, send_noted)
        except Exception:
            _LOG.exception("a request failed")
            if status == 499:
                await _respond(internal(), send_noted)
        finally:
            self.on_request(scope["method"], scope["path"], status, time.perf_counter() - started)

    def _check(self, scope: Scope) -> None:
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        if self.loopback and not is_loopback(_host_name(host)):
            raise HTTPError(
                403,
                "foreign_host",
                "the header Host does not name this machine; open the server as 127.0.0.1 or localhost, or start it "
                "with --host and an API key",
            )
        if scope["method"] not in _WITHOUT_BODY and (
            (origin and urlsplit(origin).netloc.lower() != host.lower())
            or _header(scope, b"sec-fetch-site") in ("cross-site", "same-site")
        ):
            raise HTTPError(
                403,
                "foreign_origin",
                "requests from pages of another origin are refused; call from a program",
            )
        if self.key is not None and scope["path"] not in {OPEN, *self.public}:
            scheme, _, token = _header(scope, b"authorization").partition(" ")
            given = token.strip() if scheme.lower() == "bearer" else _header(scope, b"x-api-key")
            # in constant time, so that the time of an answer reveals no part of the key
            if not hmac.compare_digest(given.encode(), self.key.encode()):
                raise HTTPError(
                    401,
                    "unauthorized",
                    "the API key is missing or wrong; send it as 'Authorization: Bearer KEY'",
                    www_authenticate="Bearer",
                )

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the whole body; ``None`` if the client went away."""
        kind = _header(scope, b"content-type").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPError(
                415, "not_json", f"the body is {kind[:80] or 'of no type'!r}; expected application/json"
            )
        length = _header(scope, b"content-length")
        if length.isdecimal() and int(length[:20]) > self.limits.body:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.patience):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.limits.body:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise HTTPError(
                408,
                "slow_body",
                f"the body did not arrive within {self.limits.patience:g} s",
                connection="close",
            ) from None

    def _too_large(self) -> HTTPError:
        return HTTPError(
            413,
            "too_large",
            f"the body has more than {self.limits.body:,} bytes; send several smaller requests",
            connection="close",
        )


def internal() -> HTTPError:
    """Return the error for what went wrong here; its cause is in the log only."""
    return HTTPError(500, "internal", "the server failed on this request; its log has the cause")


def _header(scope: Scope, name: bytes) -> str:
    """Return a header; empty if it is missing or given several times."""
    values: Sequence[bytes] = [value for key, value in scope["headers"] if key == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _host_name(host: str) -> str:
    """Return a ``Host`` without its port."""
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0].lower()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a function that delivers a body that was read, and then what else arrives."""
    pending = [body]

    async def receive_again() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return receive_again


async def _respond(error: HTTPError, send: Send) -> None:
    body = json.dumps(error.content()).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **error.headers,
    }
    await send(
        {
            "type": "http.response.start",
            "status": error.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
