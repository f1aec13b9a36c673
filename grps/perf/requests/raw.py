"""Requests to any HTTP server: the URL as it is, with the bodies of a file or without."""

from __future__ import annotations

from collections.abc import Sequence

from grps.perf.requests.forms import authorization
from grps.perf.requests.prepared import Headers, Prepared, Request
from grps.perf.target import Target


def raw_requests(
    target: Target,
    bodies: Sequence[bytes],
    *,
    method: str | None,
    headers: Headers,
    streaming: bool,
) -> Prepared:
    """Return requests of the path of a target.

    Args:
        target: The server, with a path.
        bodies: The bodies; none for requests without one.
        method: The method; by default POST with a body and GET without.
        headers: Headers besides those of the connection and of the key.
        streaming: Whether responses are streams.
    """
    has_type = any(name.lower() == "content-type" for name, _ in headers)
    typed = () if has_type or not bodies else (("content-type", "application/json"),)
    every = (*typed, *headers, *authorization(target.key))
    used = method or ("POST" if bodies else "GET")
    path = target.path or "/"
    requests = tuple(Request(path, body, used, every) for body in bodies or (b"",))
    return Prepared("http", requests, f"{used} {path}", streaming)
