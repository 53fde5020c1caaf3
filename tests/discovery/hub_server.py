"""A hub of one's own on loopback: the requests that huggingface_hub sends for a repository, and ways to fail."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_good"  # noqa: S105 - of the stand-in only


@dataclass
class Repository:
    private: bool
    branches: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40})
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})
    messages: list[str] = field(default_factory=list)

    def files(self, revision: str = "main") -> dict[str, bytes] | None:
        return self.commits.get(self.branches.get(revision, revision))


@dataclass
class Hub:
    """What the server holds. ``fails`` is the part of a path at which it breaks off; ``status`` its answer there."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    fails: str = ""
    status: int | None = None
    large: tuple[str, ...] = ()


@contextlib.contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        state = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - names of http.server

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append(f"{self.command} {path}")
        if self.state.fails and self.state.fails in path:
            if self.state.status is None:
                self.close_connection = True
                return
            self._send({"error": "as the test wants it"}, self.state.status)
            return
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "repos"]:
            self._create(json.loads(content))
        elif parts == ["api", "validate-yaml"]:
            wrong = "license: no-such" in json.loads(content)["content"]
            errors = [{"message": '"license" must be one of a list'}] if wrong else []
            self._send({"errors": errors, "warnings": []}, 400 if wrong else 200)
        elif parts[:2] == ["api", "models"]:
            self._models("/".join(parts[2:4]), parts[4:], content)
        elif parts[-3:] == ["lfs", "objects", "batch"]:
            self._lfs(json.loads(content))
        elif parts[0] == "lfs":
            self.state.objects[parts[1]] = content
            self._send({})
        elif "resolve" in parts:
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._send({"error": f"unknown path {path}"}, 501)

    def _may(self, *, write: bool, repository: Repository | None) -> bool:
        """Answer requests without a token as the hub does, and return whether one may go on."""
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if known or not (write or (repository is not None and repository.private)):
            return True
        code = {} if write else {"X-Error-Code": "RepoNotFound"}
        self._send({"error": "Invalid credentials"}, 401, code)
        return False

    def _create(self, wanted: dict[str, Any]) -> None:
        if not self._may(write=True, repository=None):
            return
        name = f"{wanted['organization']}/{wanted['name']}"
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        is_new = name not in self.state.repositories
        if is_new:
            self.state.repositories[name] = Repository(private)
        self._send({"url": f"{self.state.url}/{name}"}, 200 if is_new else 409)

    def _models(self, name: str, rest: list[str], content: bytes) -> None:
        repository = self.state.repositories.get(name)
        if not self._may(write=self.command == "POST", repository=repository):
            return
        if repository is None:
            self._send({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return
        verb, revision = (rest[0], rest[1]) if rest else ("revision", "main")
        if verb == "branch":
            is_new = revision not in repository.branches
            repository.branches.setdefault(revision, repository.branches["main"])
            self._send({}, 200 if is_new else 409)
            return
        files = repository.files(revision)
        if files is None:
            self._send({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        elif verb == "revision":
            siblings = [{"rfilename": path} for path in sorted(files)]
            sha = repository.branches.get(revision, revision)
            self._send({"id": name, "sha": sha, "private": repository.private, "siblings": siblings})
        elif verb == "tree":
            entries = [
                {"type": "file", "path": path, "size": len(data), "oid": _git(data)}
                for path, data in sorted(files.items())
            ]
            self._send(entries)
        elif verb == "preupload":
            asked = [entry["path"] for entry in json.loads(content)["files"]]
            modes = {path: "lfs" if path.endswith(self.state.large) else "regular" for path in asked}
            self._send(
                {
                    "files": [
                        {"path": path, "uploadMode": mode, "shouldIgnore": False}
                        for path, mode in modes.items()
                    ]
                }
            )
        elif verb == "commit":
            self._commit(name, repository, revision, content)
        else:
            self._send({"error": f"unknown verb {verb}"}, 501)

    def _commit(self, name: str, repository: Repository, revision: str, content: bytes) -> None:
        files = dict(repository.files(revision) or {})
        for line in content.splitlines():
            change = json.loads(line)
            value = change["value"]
            if change["key"] == "header":
                repository.messages.append(value["summary"])
            elif change["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif change["key"] == "lfsFile":
                files[value["path"]] = self.state.objects[value["oid"]]
            elif change["key"] == "deletedFile":
                del files[value["path"]]
        sha = sha1(f"{name}{len(repository.commits)}".encode(), usedforsecurity=False).hexdigest()
        repository.commits[sha] = files
        repository.branches[revision] = sha
        self._send({"commitUrl": f"{self.state.url}/{name}/commit/{sha}", "commitOid": sha})

    def _lfs(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                **entry,
                "actions": {"upload": {"href": f"{self.state.url}/lfs/{entry['oid']}", "header": {}}},
            }
            for entry in asked["objects"]
        ]
        self._send({"transfer": "basic", "objects": objects})

    def _file(self, name: str, revision: str, path: str) -> None:
        repository = self.state.repositories.get(name)
        if not self._may(write=False, repository=repository):
            return
        files = None if repository is None else repository.files(revision)
        if repository is None or files is None or path not in files:
            self._send({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        commit = repository.branches.get(revision, revision)
        self._send(
            files[path], 200, {"X-Repo-Commit": commit, "ETag": f'"{sha256(files[path]).hexdigest()}"'}
        )

    def _send(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _git(data: bytes) -> str:
    """Return the hash that git gives to the content of a file."""
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
