"""Responses and refusals in flask's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized

from grps.inference import custom_http
from grps.inference.runner import fail, refusal
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.inference.entries import FakeEntry


class Exchange:
    """A request without a body; remembers its response."""

    streaming = False
    alone = True
    method = "GET"
    path = "/own"
    query = "a=1"
    headers: Sequence[tuple[str, bytes]] = ()
    body = b""
    peer = ("127.0.0.1", 1)

    def __init__(self) -> None:
        self.replied: tuple[int, dict[str, str], bytes] | None = None

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.replied = (status, dict(headers), body)


class HttpEntry(FakeEntry):
    """A request of customized HTTP."""

    def __init__(self) -> None:
        super().__init__(GrpsMessage())
        self.http = Exchange()

    def exchange(self) -> Exchange:
        return self.http


class Odd(HTTPException):
    """An HTTP error that makes no response."""

    code: Any = "odd"

    def get_headers(self, *args: Any, **keys: Any) -> list[tuple[str, str]]:
        raise RuntimeError("no headers")


def test_the_headers_of_a_refusal_are_kept() -> None:
    entry = HttpEntry()
    fail(entry, Unauthorized("who?", www_authenticate=WWWAuthenticate("basic")), "m")
    assert entry.outcome == ("refused", "who?")
    assert entry.http.replied is not None
    status, headers, body = entry.http.replied
    assert (status, body) == (401, b"who?\n")
    assert "WWW-Authenticate" in headers


def test_text_that_is_no_unicode_is_told() -> None:
    entry = HttpEntry()
    fail(entry, NotFound("half \udc80"), "m")
    assert entry.outcome == ("refused", r"half \udc80")


def test_an_error_that_makes_no_response_fails_the_request() -> None:
    entry = HttpEntry()
    fail(entry, Odd("odd"), "m")
    assert entry.outcome is not None
    assert entry.outcome[0] == "failed"
    assert entry.http.replied is None


def test_what_a_request_lacks_is_named() -> None:
    with custom_http.request_context(Exchange()):
        from flask import request

        with pytest.raises(HTTPException) as caught:
            request.args["b"]
    assert refusal(caught.value) == ("the request has no 'b'", 400)


def test_the_request_of_an_exchange_is_the_current_one() -> None:
    exchange = Exchange()
    with custom_http.request_context(exchange):
        from flask import request

        assert custom_http.to_flask(exchange) is request._get_current_object()
        assert custom_http.to_flask(Exchange()) is not request._get_current_object()
    assert custom_http.to_flask(exchange).content_length is None


@pytest.mark.parametrize("response", [None, 5, object(), print, ("a", object()), (None, 200)])
def test_what_is_no_response_is_refused_at_once(response: object) -> None:
    with pytest.raises(ValueError, match="http_response should "):
        custom_http.check_response(response)
