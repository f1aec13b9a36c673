"""The frames of ``baidu_std``, the protocol of bRPC."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

from grps.client.call import Call, remaining
from grps.client.errors import CallError, ConnectionFailed, TooLarge, error_of
from grps.client.messages import grps_protobuf, wire
from grps.client.result import Result

HEAD = struct.Struct(">4sII")
_MAGIC = b"PRPC"
_SERVICE = "grps.protos.v1.GrpsBrpcService"
_REQUEST, _RESPONSE, _ID, _KEY, _FIELDS = 1, 2, 4, 7, 9
"""Fields of the meta of a frame."""
_SERVICE_NAME, _METHOD_NAME, _TIMEOUT_MS = 1, 2, 8
"""Fields of the part of the meta that says what is called."""
_CODES = {1001: 404, 1002: 404, 1003: 400, 1004: 401, 1008: 504, 2003: 503, 2004: 429}
"""The HTTP statuses of the codes of bRPC."""
_TOO_LARGE = "larger than limits.max_request_bytes"


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the head of a frame says about the rest."""

    body: int
    meta: int


def request(method: str, message: bytes, call: Call, key: str | None, number: int) -> bytes:
    """Return the frame of a call."""
    called = wire.text(_SERVICE_NAME, _SERVICE) + wire.text(_METHOD_NAME, method)
    timeout = remaining(call.deadline)
    if timeout is not None:
        called += wire.number(_TIMEOUT_MS, min(max(1, int(timeout * 1000)), 2**31 - 1))
    meta = wire.data(_REQUEST, called) + wire.number(_ID, number)
    if key is not None:
        meta += wire.text(_KEY, key)
    for name, value in call.headers:
        meta += wire.data(_FIELDS, wire.text(1, name) + wire.text(2, value))
    return b"".join((HEAD.pack(_MAGIC, len(meta) + len(message), len(meta)), meta, message))


def sizes(head: bytes, most: int) -> Sizes:
    """Read the head of a response.

    Raises:
        ConnectionFailed: It is no frame.
        TooLarge: The frame is larger than ``most`` bytes.
    """
    magic, body, meta = HEAD.unpack(head)
    if magic != _MAGIC or meta > body:
        raise ConnectionFailed("the server does not speak bRPC")
    if body > most:
        raise TooLarge(f"the response is larger than response_bytes ({most} bytes)")
    return Sizes(body, meta)


def message_of(body: bytes, size: Sizes, number: int) -> bytes:
    """Return the message of a response.

    Raises:
        CallError: The call failed as a whole, or the response belongs to another one.
    """
    response, found = memoryview(b""), 0
    for field, value in wire.fields(memoryview(body)[: size.meta]):
        if field == _RESPONSE:
            response = wire.content(value)
        elif field == _ID and isinstance(value, int):
            found = value
    if found != number:
        raise CallError("the response belongs to another call", 502)
    code, text = 0, ""
    for field, value in wire.fields(response):
        if field == 1 and isinstance(value, int):
            code = value
        elif field == 2:
            text = wire.string(value)
    if code != 0:
        raise error_of(413 if _TOO_LARGE in text else _CODES.get(code, 500), text)
    return body[size.meta :]


def result(message: bytes) -> Result:
    """Read the message of a call that did not fail as a whole.

    Raises:
        CallError: The model failed.
    """
    return Result(functools.partial(grps_protobuf.decode, grps_protobuf.parse(message)))
