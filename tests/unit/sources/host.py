"""A host of files on this machine: it knows ranges and validators, counts, cuts and redirects."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

DATE = "Mon, 02 Nov 2026 10:00:00 GMT"


@dataclass
class Host:
    """What a host has and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """Contents by path."""
    redirects: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    """JSON, text or (status, headers) by path and query; they are asked for first."""
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """For the next responses with a file: after so many bytes the connection is cut."""
    guard: Callable[[str, dict[str, str]], tuple[int, dict[str, str]] | None] | None = None
    """Refuses a request by its path and headers."""
    has_validators: bool = True
    announces: bool = True
    """Whether the length of a file is sent before it."""
    before_body: Callable[[str], None] = field(default=lambda path: None)
    """Called before the bytes of a file are sent."""
    body_bytes: int = 0
    """Bytes of files that were sent."""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of all requests."""

    @property
    def netloc(self) -> str:
        return self.url.removeprefix("http://")

    def etag(self, path: str) -> str:
        return f'"{hashlib.sha256(self.files[path]).hexdigest()[:32]}"'

    def requests(self, method: str, path: str) -> int:
        return sum(1 for seen in self.seen if seen[0] == method and seen[1] == path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Host

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        host, path = self.host, unquote(urlsplit(self.path).path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        host.seen.append((self.command, path, headers))
        refused = host.guard(path, headers) if host.guard is not None else None
        if refused is not None:
            self._send(refused[0], refused[1], b"", with_body=with_body)
        elif path in host.redirects:
            self._send(302, {"Location": host.redirects[path]}, b"", with_body=with_body)
        elif (answer := host.answers.get(unquote(self.path), host.answers.get(path))) is not None:
            self._send_answer(answer, with_body=with_body)
        elif path in host.files:
            self._send_file(path, headers, with_body=with_body)
        else:
            self._send(404, {}, b"not here", with_body=with_body)

    def _send_answer(self, answer: Any, *, with_body: bool) -> None:
        if isinstance(answer, tuple):
            self._send(answer[0], answer[1], b"", with_body=with_body)
            return
        if isinstance(answer, str | bytes):
            data = answer.encode() if isinstance(answer, str) else answer
        else:
            data = json.dumps(answer).encode()
        self._send(200, {}, data, with_body=with_body)

    def _send_file(self, path: str, headers: dict[str, str], *, with_body: bool) -> None:
        host, data, start, status = self.host, self.host.files[path], 0, 200
        validators = {"ETag": host.etag(path), "Last-Modified": DATE} if host.has_validators else {}
        condition = headers.get("if-range")
        wanted = headers.get("range", "").removeprefix("bytes=").partition("-")[0]
        if headers.get("if-match", host.etag(path)) != host.etag(path):
            self._send(412, {}, b"", with_body=with_body)
            return
        if wanted and condition in (None, *validators.values()):
            start, status = int(wanted), 206
            if start >= len(data):
                self._send(416, {}, b"", with_body=with_body)
                return
            validators["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if with_body:
            host.before_body(path)
        self._send(status, validators, data[start:], with_body=with_body, path=path)

    def _send(
        self, status: int, headers: dict[str, str], data: bytes, *, with_body: bool, path: str = ""
    ) -> None:
        self.send_response(status)
        length = {"Content-Length": str(len(data))}
        if path and not self.host.announces:
            length = {"Connection": "close"}
            self.close_connection = True
        for key, value in {**length, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if not with_body:
            return
        cuts = self.host.cuts.get(path)
        cut = cuts.pop(0) if cuts else len(data)
        sent = data[:cut]
        if path:
            self.host.body_bytes += len(sent)
        with suppress(ConnectionError):  # the other end has what it wants to know
            self.wfile.write(sent)
        if cut < len(data):
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def hosting() -> Iterator[Host]:
    """Run a host on a free port of the loopback."""
    host = Host()
    handler = type("Handler", (_Handler,), {"host": host})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
