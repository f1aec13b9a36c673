"""Turns requests into what handlers of TorchServe take: a dict of named values for each."""

from __future__ import annotations

import json
from typing import Any

from grps.backends.torch.torchserve.form import Part, read_multipart, read_pairs
from grps.errors import InputError
from grps.inference.channel import Exchange
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage

BODY = "body"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class Headers(dict[str, Any]):
    """The headers of a request, whatever the case of their names."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a header."""
        return super().get(key.lower(), default)

    def __getitem__(self, key: str) -> Any:
        """Return a header."""
        return super().__getitem__(key.lower())


def read_request(message: GrpsMessage, context: GrpsContext) -> tuple[dict[str, Any], Headers]:
    """Return the named values of a request, and its headers.

    Raises:
        InputError: The request is malformed, or is tensors.
    """
    if context.exchange is not None:
        return _of_http(context.exchange)
    return _of_message(message), Headers()


def _of_http(exchange: Exchange) -> tuple[dict[str, Any], Headers]:
    headers = Headers()
    for name, value in exchange.headers:
        headers[name.lower()] = value.decode("latin-1")
    values: dict[str, Any] = {}
    parts = _parts(exchange, headers.get("content-type", ""))
    for part in (*read_pairs(exchange.query), *parts):
        values[part.name] = _value(part)
        headers.setdefault(part.name.lower(), {"content-type": part.content_type})
    return values, headers


def _parts(exchange: Exchange, content_type: str) -> list[Part]:
    kind = _kind(content_type)
    body = exchange.body
    if kind == MULTIPART:
        return read_multipart(body, content_type)
    # curl calls any file that it sends a form.
    if kind == FORM and b"=" in body:
        try:
            return read_pairs(body.decode())
        except UnicodeDecodeError:
            return [Part(BODY, body)]
    return [Part(BODY, body, content_type)] if body or exchange.method != "GET" else []


def _value(part: Part) -> Any:
    """Return what TorchServe makes of a part: objects of JSON, text, else bytes."""
    kind = _kind(part.content_type)
    try:
        if kind == "application/json":
            return json.loads(part.value)
        if kind.startswith("text/"):
            return part.value.decode()
    except (ValueError, RecursionError):
        # As TorchServe does: the handler gets what it can't read as it came.
        return bytearray(part.value)
    return bytearray(part.value)


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _of_message(message: GrpsMessage) -> dict[str, Any]:
    """Return the values of a request of another protocol."""
    kind = message.WhichOneof("data_oneof")
    if kind == "bin_data":
        return {BODY: bytearray(message.bin_data)}
    if kind == "str_data":
        return {BODY: message.str_data}
    if kind == "gmap":
        values: dict[str, Any] = {}
        for field, entries in message.gmap.ListFields():
            for name, value in entries.items():
                values[name] = bytearray(value) if field.name == "s_b" else value
        return values
    raise InputError(
        "a handler of TorchServe takes bin_data, str_data or gmap, or any body at "
        "/predictions/MODEL; it does not take tensors"
    )
