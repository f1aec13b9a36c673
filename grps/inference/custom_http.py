"""Customized HTTP in the user's terms: flask requests and responses. flask loads when used."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from flask import Request, Response

    from grps.inference.channel import Exchange

Reply = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

TUPLE_LENGTH = 3


def to_flask(exchange: Exchange) -> Request:
    """Return the request as a real ``flask.Request``."""
    from flask import Request

    return Request(_environ(exchange))


def _environ(exchange: Exchange) -> dict[str, Any]:
    """Return the WSGI environment of a request."""
    address, port = exchange.peer
    body = exchange.body
    environ: dict[str, Any] = {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        # WSGI carries paths as bytes in latin-1 clothes.
        "PATH_INFO": unquote_to_bytes(exchange.path).decode("latin-1"),
        "QUERY_STRING": exchange.query,
        "REMOTE_ADDR": address,
        "REMOTE_PORT": port,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in exchange.headers:
        _add_header(environ, name, value.decode("latin-1"))
    return environ


def _add_header(environ: dict[str, Any], name: str, value: str) -> None:
    if name == "content-type":
        environ["CONTENT_TYPE"] = value
        return
    if name in ("content-length", "transfer-encoding"):
        # The whole body is here; how it was framed does not matter any more.
        return
    key = "HTTP_" + name.upper().replace("-", "_")
    environ[key] = f"{environ[key]},{value}" if key in environ else value


def check_response(response: Any) -> None:
    """Refuse what can't be a response.

    Raises:
        ValueError: It is no str, bytes, ``(body, status, headers)`` or ``flask.Response``.
    """
    if response is None:
        raise ValueError("http_response should not be None")
    if isinstance(response, (str, bytes)):
        return
    if isinstance(response, tuple) and len(response) == TUPLE_LENGTH:
        body, status, headers = response
        if not isinstance(body, (str, bytes)):
            raise ValueError("http_response[0] should be str or bytes")
        if not isinstance(status, int):
            raise ValueError("http_response[1] should be int")
        if not isinstance(headers, dict):
            raise ValueError("http_response[2] should be dict")
        return
    if not _is_flask_response(response):
        raise ValueError(
            "http_response should be str, bytes, tuple(str/bytes, status, headers) or "
            "flask.Response"
        )


def _is_flask_response(response: Any) -> bool:
    """Return whether it is one, without importing flask for those who never did."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(response).__mro__}
    return "werkzeug.wrappers.response.Response" in kinds


def to_reply(response: Any) -> Reply:
    """Return a checked response as status, headers and body."""
    if isinstance(response, str):
        return 200, [("Content-Type", "text/plain")], response.encode()
    if isinstance(response, bytes):
        return 200, [("Content-Type", "application/octet-stream")], response
    if isinstance(response, tuple):
        body, status, headers = response
        pairs = [(str(name), str(value)) for name, value in headers.items()]
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "text/html; charset=utf-8"))
        return status, pairs, body.encode() if isinstance(body, str) else body
    return response.status_code, list(response.headers.items()), response.get_data()


def to_flask_response(response: Any) -> Response:
    """Return a checked response as a ``flask.Response``."""
    from flask import Response

    if isinstance(response, Response):
        return response
    status, headers, body = to_reply(response)
    return Response(body, status, headers)
