"""Requests as handlers take them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from grps.backends.torch.torchserve.request import read_request
from grps.errors import InputError
from grps.inference.channel import Exchange
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GenericMapData, GrpsMessage


class HttpRequest:
    """A request as the server has it."""

    def __init__(self, body: bytes, content_type: str = "", query: str = "") -> None:
        self.method = "POST"
        self.query = query
        self.body = body
        self.headers = [("content-type", content_type.encode())] if content_type else []
        self.headers.append(("x-own", b"yes"))


def read(body: bytes, content_type: str = "", query: str = "") -> dict[str, Any]:
    context = GrpsContext()
    context._exchange = cast("Exchange", HttpRequest(body, content_type, query))
    values, headers = read_request(GrpsMessage(), context)
    assert headers.get("X-Own") == headers["x-OWN"] == "yes"
    return values


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("", b"[1]", bytearray(b"[1]")),
        ("application/octet-stream", b"\xff", bytearray(b"\xff")),
        ("application/json", b"[1, {}]", [1, {}]),
        ("Application/JSON; charset=utf-8", b'"a"', "a"),
        ("application/json", b"{", bytearray(b"{")),
        ("application/json", b"\xff", bytearray(b"\xff")),
        ("application/json", b"[" * 100_000, bytearray(b"[" * 100_000)),
        ("text/plain; charset=utf-8", "h\u00e9".encode(), "h\u00e9"),
        ("text/plain", b"\xff", bytearray(b"\xff")),
        ("application/x-www-form-urlencoded", b"\x89PNG", bytearray(b"\x89PNG")),
        ("application/x-www-form-urlencoded", b"\x89=PNG", bytearray(b"\x89=PNG")),
    ],
)
def test_bodies(content_type: str, body: bytes, expected: object) -> None:
    value = read(body, content_type)["body"]
    assert value == expected
    assert type(value) is type(expected)


def test_fields_are_named_values() -> None:
    form = "application/x-www-form-urlencoded"
    expected = {"a": bytearray(b"1"), "b": bytearray(b"x y"), "q": bytearray(b"2")}
    assert read(b"a=1&b=x+y", form, "q=2") == expected
    multipart = (
        b'--xyz\r\nContent-Disposition: form-data; name="data"\r\n'
        b"Content-Type: application/json\r\n\r\n[1]\r\n--xyz--\r\n"
    )
    assert read(multipart, "multipart/form-data; boundary=xyz") == {"data": [1]}


def test_other_protocols() -> None:
    def values(message: GrpsMessage) -> dict[str, Any]:
        return read_request(message, GrpsContext())[0]

    assert values(GrpsMessage(bin_data=b"a")) == {"body": bytearray(b"a")}
    assert values(GrpsMessage(str_data="a")) == {"body": "a"}
    gmap = GenericMapData(s_s={"text": "a"}, s_b={"bytes": b"b"}, s_i64={"number": 1})
    expected = {"text": "a", "bytes": bytearray(b"b"), "number": 1}
    assert values(GrpsMessage(gmap=gmap)) == expected
    with pytest.raises(InputError, match="bin_data, str_data or gmap"):
        values(GrpsMessage())
