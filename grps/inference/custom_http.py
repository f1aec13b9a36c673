"""Customized HTTP in the user's terms: flask requests and responses. flask loads when used."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote_to_bytes

from grps.errors import FIRST_REFUSAL, LAST_REFUSAL, MissingExtraError

if TYPE_CHECKING:
    from flask import Flask, Request, Response

    from grps.inference.channel import Entry, Exchange

Reply = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

TUPLE_LENGTH = 3
TEXT = "text/plain"
FIRST_FAILURE = 500
"""The HTTP statuses from here on say that the service failed."""


def request_context(exchange: Exchange) -> AbstractContextManager[Any]:
    """Return what makes a request flask's current one: ``jsonify``, ``abort`` and ``request`` work.

    Without flask, it does nothing: text and bytes need no flask.
    """
    try:
        app = application()
    except MissingExtraError:
        return nullcontext()
    return cast("AbstractContextManager[Any]", app.request_context(_environ(exchange)))


def request_context_of(request: Request) -> AbstractContextManager[Any]:
    """Return what makes a request that a test has made flask's current one."""
    app = application()
    return cast("AbstractContextManager[Any]", app.request_context(request.environ))


def application_context() -> AbstractContextManager[Any]:
    """Return what makes the application flask's current one, for code that has several requests."""
    try:
        return cast("AbstractContextManager[Any]", application().app_context())
    except MissingExtraError:
        return nullcontext()


@cache
def application() -> Flask:
    """Return the flask application that user code runs in; it has no routes.

    Raises:
        MissingExtraError: flask is not installed.
    """
    try:
        from flask import Flask
    except ImportError as error:
        raise MissingExtraError("flask", "http-custom") from error
    project = Path.cwd()
    app = Flask(
        "grps",
        root_path=str(project),
        instance_path=str(project / "instance"),
        static_folder=None,
    )
    # The service has limits of its own, and has read the body already.
    app.config["MAX_FORM_MEMORY_SIZE"] = None
    return app


def to_flask(exchange: Exchange) -> Request:
    """Return the request as a real ``flask.Request``: the current one, if that is it.

    Raises:
        MissingExtraError: flask is not installed.
    """
    app = application()
    from flask import has_request_context, request

    if has_request_context() and request.environ.get("grps.exchange") is exchange:
        current: Request = request._get_current_object()
        return current
    made: Request = app.request_class(_environ(exchange))
    made.json_module = app.json
    return made


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
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "grps.exchange": exchange,
    }
    if body:
        # However it was framed, the whole body is here.
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in exchange.headers:
        _add_header(environ, name, value.decode("latin-1"))
    return environ


def _add_header(environ: dict[str, Any], name: str, value: str) -> None:
    if name == "content-type":
        environ["CONTENT_TYPE"] = value
        return
    if name == "content-length":
        # A request without a body has a length only if the client has sent one.
        environ.setdefault("CONTENT_LENGTH", "0")
        return
    if name == "transfer-encoding":
        return
    key = "HTTP_" + name.upper().replace("-", "_")
    environ[key] = f"{environ[key]},{value}" if key in environ else value


def check_response(response: Any) -> Any:
    """Return a response, as a ``flask.Response`` if flask has to make it of what user code has.

    Raises:
        ValueError: It is nothing that flask takes from a view.
    """
    if response is None:
        raise ValueError("http_response should not be None")
    if isinstance(response, (str, bytes)) or is_response(response):
        return response
    if isinstance(response, tuple) and len(response) == TUPLE_LENGTH:
        body, status, headers = response
        plain = isinstance(body, (str, bytes)) and isinstance(status, int)
        if plain and isinstance(headers, dict):
            return response
    refused = ValueError(
        "http_response should be str, bytes, tuple(str/bytes, status, headers), (body, status), "
        f"(body, headers), dict, list, a generator or flask.Response; got {describe(response)}"
    )
    if callable(response):
        # flask would call it as a WSGI application.
        raise refused
    try:
        return application().make_response(response)
    except Exception as error:
        # Whatever flask stumbles over, the user gets the forms that it takes.
        raise refused from error


def describe(response: Any) -> str:
    """Return the type of something, with those of its items if it is a tuple."""
    if not isinstance(response, tuple):
        return type(response).__name__
    return f"({', '.join(type(item).__name__ for item in response)})"


def is_response(response: Any) -> bool:
    """Return whether it is a response, without importing flask for those who never did."""
    return _is_one(response, "werkzeug.wrappers.response.Response")


def is_http_error(error: BaseException) -> bool:
    """Return whether it is what flask's ``abort`` raises."""
    return _is_one(error, "werkzeug.exceptions.HTTPException")


def _is_one(value: object, kind: str) -> bool:
    return any(f"{each.__module__}.{each.__qualname__}" == kind for each in type(value).__mro__)


def is_streamed(response: Any) -> bool:
    """Return whether the body of a checked response is made while it is sent."""
    return is_response(response) and not response.is_sequence


def to_reply(response: Any) -> Reply:
    """Return a checked response as status, headers and body."""
    if isinstance(response, str):
        return 200, [("Content-Type", TEXT)], response.encode()
    if isinstance(response, bytes):
        return 200, [("Content-Type", "application/octet-stream")], response
    if isinstance(response, tuple):
        body, status, headers = response
        pairs = [(str(name), str(value)) for name, value in headers.items()]
        if not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("Content-Type", "text/html; charset=utf-8"))
        return status, pairs, body.encode() if isinstance(body, str) else body
    return response.status_code, list(response.headers.items()), response.get_data()


def send(entry: Entry, exchange: Exchange, response: Any) -> None:
    """Send a checked response; one that is made piece by piece leaves piece by piece."""
    if not is_streamed(response):
        exchange.reply(*to_reply(response))
        return
    try:
        pieces = iter(response.iter_encoded())
        # Code that fails before its first piece still has another response.
        first = next(pieces, b"")
        exchange.reply(response.status_code, list(response.headers.items()), b"")
        for piece in itertools.chain((first,), pieces):
            if piece and not entry.stream_raw(piece):
                break
    finally:
        response.close()


def to_flask_response(response: Any) -> Response:
    """Return a checked response as a ``flask.Response``."""
    from flask import Response

    if isinstance(response, Response):
        return response
    status, headers, body = to_reply(response)
    return Response(body, status, headers)


def join_pieces(pieces: list[str | bytes]) -> str | bytes:
    """Return the pieces of a response as one: text if all are text."""
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces))
    return b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces)


def refusal(error: Any) -> tuple[str, int] | None:
    """Return the line and the status of an HTTP error that refuses the client's request."""
    status = error_status(error)
    if FIRST_REFUSAL <= status <= LAST_REFUSAL:
        return reason(error), status
    return None


def error_status(error: Any) -> int:
    """Return the status of what ``abort`` raised."""
    status = error.code if error.response is None else error.response.status_code
    return status if isinstance(status, int) else FIRST_FAILURE


def reason(error: Any) -> str:
    """Return what an HTTP error says, as one line."""
    if isinstance(error, KeyError) and error.args:
        # Such as request.args["name"]; the text of the error does not name it.
        return f"the request has no {error.args[0]!a}"
    # flask hides the cause of broken JSON behind an error of the same kind.
    cause = error.__cause__
    shown = cause if isinstance(cause, type(error)) and cause.description else error
    line = " ".join(str(shown.description or shown.name).split())
    return line.encode(errors="backslashreplace").decode()


def reply_to_error(exchange: Exchange, error: Any) -> None:
    """Set the response to what ``abort`` raised: its own one, else its headers and a line."""
    if error.response is not None:
        exchange.reply(*to_reply(error.response))
        return
    headers = [pair for pair in error.get_headers() if pair[0].lower() != "content-type"]
    headers.append(("Content-Type", f"{TEXT}; charset=utf-8"))
    exchange.reply(error_status(error), headers, f"{reason(error)}\n".encode())
