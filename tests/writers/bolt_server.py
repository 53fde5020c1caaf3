"""A server that speaks Bolt 5.4 on loopback and keeps a graph: it understands the statements that relscout sends."""

from __future__ import annotations

import contextlib
import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

USER, PASSWORD = "neo4j", "correct horse"

HELLO, GOODBYE, RESET, RUN, BEGIN, COMMIT, ROLLBACK, DISCARD, PULL, ROUTE, LOGON = (
    *(0x01, 0x02, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x2F, 0x3F, 0x66, 0x6A),
)
SUCCESS, IGNORED, FAILURE = 0x70, 0x7E, 0x7F


class Edge(NamedTuple):
    kind: str
    head: str
    tail: str
    key: tuple[str, Any]


@dataclass
class Server:
    """The graph, and what a test wants to go wrong: ``fails`` is a part of a statement, ``failure`` its code."""

    port: int = 0
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    edges: dict[Edge, dict[str, Any]] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    databases: list[str | None] = field(default_factory=list)
    fails: str = "\0"
    failure: str = ""
    failures: int = 10**9

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def run(self, statement: str, parameters: dict[str, Any], database: str | None) -> tuple[str, str] | None:
        """Change the graph, or return code and message of a failure."""
        if database not in (None, "neo4j", "facts"):
            code = "Neo.ClientError.Database.DatabaseNotFound"
            return code, f"Graph not found: {database}"
        if self.fails in statement and self.failures:
            self.failures -= 1
            return self.failure, "as the test wants it"
        self.databases.append(database)
        if statement.startswith("CREATE CONSTRAINT"):
            self.constraints.append(statement)
            return None
        rows = parameters["rows"]
        self.sizes.append(len(rows))
        name = "`((?:[^`]|``)*)`"
        nodes = re.fullmatch(
            r"UNWIND \$rows AS row MERGE \(n:Entity \{entity: row\.entity\}\) SET n \+= row\.properties"
            rf"(?: SET n((?::{name})+))?",
            statement,
        )
        edges = re.fullmatch(
            r"UNWIND \$rows AS row MATCH \(h:Entity \{entity: row\.head\}\) MATCH \(t:Entity \{entity: row\.tail\}\) "
            rf"MERGE \(h\)-\[r:{name} \{{(\w+): row\.properties\.(\w+)\}}\]->\(t\) SET r \+= row\.properties",
            statement,
        )
        if nodes:
            for row in rows:
                _set(self.nodes.setdefault(row["entity"], {}), row["properties"])
                self.labels.setdefault(row["entity"], {"Entity"}).update(re.findall(name, nodes[1] or ""))
        elif edges and edges[2] == edges[3]:
            for row in rows:
                if row["head"] in self.nodes and row["tail"] in self.nodes:
                    key = edges[2], row["properties"][edges[2]]
                    edge = Edge(edges[1].replace("``", "`"), row["head"], row["tail"], key)
                    merged = [
                        properties
                        for other, properties in self.edges.items()
                        if other[:3] == edge[:3] and properties.get(key[0]) == key[1]
                    ]
                    for properties in merged or [self.edges.setdefault(edge, {})]:
                        _set(properties, row["properties"])
        else:
            return "Neo.ClientError.Statement.SyntaxError", f"unknown statement {statement}"
        return None


def _set(properties: dict[str, Any], values: dict[str, Any]) -> None:
    for name, value in values.items():
        if value is None:
            properties.pop(name, None)
        else:
            properties[name] = value


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    state = Server()

    class Handler(_Handler):
        server_state = state

    class Threads(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Threads(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        server.shutdown()
        thread.join()


class _Handler(socketserver.StreamRequestHandler):
    server_state: Server

    def handle(self) -> None:
        if self.rfile.read(20)[:4] != b"\x60\x60\xb0\x17":
            return
        self.wfile.write(b"\x00\x00\x04\x05")
        failed, database = False, None
        while (message := self._message()) is not None:
            kind, fields = message
            if kind == GOODBYE:
                return
            if kind == RESET:
                failed = False
                self._send(SUCCESS, {})
                continue
            if failed:
                self._send(IGNORED)
                continue
            failure = None
            answer: dict[str, Any] = {}
            if kind == HELLO:
                answer = {"server": "Neo4j/5.4.0", "connection_id": "bolt-1", "hints": {}}
            elif kind == LOGON and (fields[0].get("principal"), fields[0].get("credentials")) != (
                USER,
                PASSWORD,
            ):
                failure = "Neo.ClientError.Security.Unauthorized", "The client is unauthorized."
            elif kind == BEGIN:
                database = fields[0].get("db")
            elif kind == RUN:
                statement, parameters, extra = fields
                failure = self.server_state.run(statement, parameters, extra.get("db", database))
                answer = {"fields": [], "t_first": 0}
            elif kind in (PULL, DISCARD):
                answer = {"type": "w", "t_last": 0, "has_more": False}
            elif kind in (COMMIT, ROLLBACK):
                database = None
            elif kind == ROUTE:
                here = [f"127.0.0.1:{self.server_state.port}"]
                table = [{"addresses": here, "role": role} for role in ("ROUTE", "READ", "WRITE")]
                answer = {"rt": {"ttl": 300, "db": "neo4j", "servers": table}}
            if failure:
                failed = True
                self._send(FAILURE, dict(zip(("code", "message"), failure, strict=True)))
            else:
                self._send(SUCCESS, answer)

    def _message(self) -> tuple[int, list[Any]] | None:
        data = b""
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return None
            (size,) = struct.unpack(">H", head)
            if size == 0 and data:
                break
            data += self.rfile.read(size)
        reader = _Reader(data[2:])
        return data[1], [reader.value() for _ in range(data[0] & 0x0F)]

    def _send(self, kind: int, *fields: Any) -> None:
        data = bytes([0xB0 + len(fields), kind]) + b"".join(map(_packed, fields))
        self.wfile.write(struct.pack(">H", len(data)) + data + b"\0\0")
        self.wfile.flush()


class _Reader:
    """Reads values of PackStream 1."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, size: int) -> bytes:
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, form: str) -> Any:
        return struct.unpack(f">{form}", self.take(struct.calcsize(form)))[0]

    def value(self) -> Any:
        mark = self.take(1)[0]
        if mark < 0x80 or mark >= 0xF0:
            return mark if mark < 0x80 else mark - 0x100
        if mark in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[mark]
        if mark in (0xC1, *range(0xC8, 0xCC)):
            return self.number({0xC1: "d", 0xC8: "b", 0xC9: "h", 0xCA: "i", 0xCB: "q"}[mark])
        size = mark & 0x0F
        if mark >= 0xD0:
            size = self.number("BHI"[mark & 0x03])
        if 0x80 <= mark < 0x90 or mark in (0xD0, 0xD1, 0xD2):
            return self.take(size).decode()
        if 0x90 <= mark < 0xA0 or mark in (0xD4, 0xD5, 0xD6):
            return [self.value() for _ in range(size)]
        assert 0xA0 <= mark < 0xB0 or mark in (0xD8, 0xD9, 0xDA), hex(mark)
        return {self.value(): self.value() for _ in range(size)}


def _packed(value: Any) -> bytes:
    """Return a small value in PackStream."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xca" + struct.pack(">i", value)
    if isinstance(value, str):
        text = value.encode()
        return b"\xd1" + struct.pack(">H", len(text)) + text
    if isinstance(value, list):
        return bytes([0x90 + len(value)]) + b"".join(map(_packed, value))
    parts = (_packed(key) + _packed(inner) for key, inner in value.items())
    return bytes([0xA0 + len(value)]) + b"".join(parts)
