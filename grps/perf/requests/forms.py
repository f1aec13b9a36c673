"""Requests of each protocol, encoded by the client for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from grps.client.call import Call
from grps.client.messages import grps_protobuf
from grps.client.messages.content import content_of
from grps.client.transports import frames
from grps.client.transports.grps_http import GrpsHttpForm
from grps.client.transports.http_form import HttpRequest
from grps.client.transports.oip_http import OipHttpForm
from grps.perf.errors import PerfError
from grps.perf.requests.prepared import Prepared, Request
from grps.perf.target import Target

_JSON = (("content-type", "application/json"),)
_NUMBER = 1
"""The number of a call in a packet: a connection has one at a time."""


def authorization(key: str | None) -> tuple[tuple[str, str], ...]:
    """Return the header with a key."""
    return () if key is None else (("authorization", f"Bearer {key}"),)


def encode(
    protocol: str, target: Target, model: str, contents: Sequence[Any], streaming: bool
) -> Prepared:
    """Return the requests that carry contents.

    Args:
        protocol: ``http``, ``grpc``, ``oip-http``, ``oip-grpc`` or ``brpc``.
        target: The server.
        model: The model, with or without version; empty for the default graph.
        contents: What the client for Python takes as inputs.
        streaming: Whether responses are streams.

    Raises:
        PerfError: The protocol can't carry them.
    """
    if streaming and protocol not in ("http", "grpc"):
        raise PerfError(f"{protocol} has no streams; use http or grpc")
    try:
        calls = [Call(content_of(content), model) for content in contents]
        requests = tuple(_encoder(protocol, target, streaming)(call) for call in calls)
    except (TypeError, ValueError) as error:
        raise PerfError(str(error)) from error
    return _prepared(protocol, requests, streaming)


def _prepared(protocol: str, requests: tuple[Request, ...], streaming: bool) -> Prepared:
    wire = {"grpc": "grpc", "oip-grpc": "grpc", "brpc": "brpc"}.get(protocol, "http")
    return Prepared(
        wire,  # type: ignore[arg-type]
        requests,
        about="",
        streaming=streaming,
        grps_status=protocol in ("grpc", "brpc"),
    )


def _encoder(protocol: str, target: Target, streaming: bool) -> Callable[[Call], Request]:
    common = authorization(target.key)
    if protocol == "brpc":
        return lambda call: Request(
            "", _packet(grps_protobuf.encode(call.content, call.model), target)
        )
    if protocol in ("grpc", "oip-grpc"):
        from grps.client.transports.grpc_form import GrpcForm, GrpsGrpcForm, OipGrpcForm

        form: GrpcForm = GrpsGrpcForm() if protocol == "grpc" else OipGrpcForm()
        method = form.stream_method if streaming else form.predict_method
        return lambda call: Request(method or "", form.predict(call), headers=common)
    http = GrpsHttpForm() if protocol == "http" else OipHttpForm()
    make = http.stream if streaming else http.predict
    return lambda call: _http(make(call), common)


def _http(request: HttpRequest, common: tuple[tuple[str, str], ...]) -> Request:
    headers = (*request.headers, *common)
    return Request(request.target, bytes(request.body), request.method, headers)


def _packet(message: bytes, target: Target) -> bytes:
    call = Call(content_of(""))
    return frames.request("Predict", message, call, target.key, _NUMBER)


def encode_lines(
    protocol: str, target: Target, model: str, lines: Sequence[bytes], streaming: bool
) -> Prepared:
    """Return the requests of a file, each line of which is the body of a request in JSON.

    Over gRPC and bRPC, a line is a ``GrpsMessage`` as it is over HTTP.

    Raises:
        PerfError: The protocol has no such bodies.
    """
    if protocol == "oip-grpc":
        raise PerfError("a file of requests in JSON can't be sent by oip-grpc; use oip-http")
    if streaming and protocol not in ("http", "grpc"):
        raise PerfError(f"{protocol} has no streams; use http or grpc")
    if protocol in ("grpc", "brpc"):
        messages = [_message(line, model) for line in lines]
        sent = tuple(_of_message(protocol, target, one, streaming) for one in messages)
        return _prepared(protocol, sent, streaming)
    path = _path(protocol, model, streaming)
    accept = (("accept", "application/x-ndjson"),) if streaming else ()
    headers = (*_JSON, *accept, *authorization(target.key))
    sent = tuple(Request(path, line, headers=headers) for line in lines)
    return _prepared(protocol, sent, streaming)


def _path(protocol: str, model: str, streaming: bool) -> str:
    call = Call(content_of([0]), model)
    if protocol == "oip-http":
        return OipHttpForm().predict(call).target
    form = GrpsHttpForm()
    return (form.stream(call) if streaming else form.predict(call)).target


def _of_message(protocol: str, target: Target, message: bytes, streaming: bool) -> Request:
    if protocol == "brpc":
        return Request("", _packet(message, target))
    from grps.client.transports.grpc_form import GrpsGrpcForm

    method = GrpsGrpcForm.stream_method if streaming else GrpsGrpcForm.predict_method
    return Request(method or "", message, headers=authorization(target.key))


def _message(line: bytes, model: str) -> bytes:
    from grps.client.messages import wire
    from grps.server.native import json_to_message

    try:
        message = json_to_message(line)
    except ValueError as error:
        raise PerfError(f"{line[:40]!r}: {error}") from None
    # The last value of a field counts.
    return message + wire.text(_MODEL, model) if model else message


_MODEL = 2
"""Field of ``GrpsMessage``."""
