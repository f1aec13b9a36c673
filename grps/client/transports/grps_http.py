"""GRPS over HTTP: messages in JSON, bytes and raw tensors as they are."""

from __future__ import annotations

import functools
import json
from urllib.parse import urlencode

import numpy as np

from grps.client.call import Call
from grps.client.errors import CallError, error_of, seconds_of
from grps.client.messages import grps_json
from grps.client.messages.content import Array, Binary, Content, Tensors
from grps.client.messages.elements import little_endian, wire_array
from grps.client.result import Result
from grps.client.transports.base import Description
from grps.client.transports.descriptions import read_yaml
from grps.client.transports.http_form import Headers, HttpRequest, HttpResponse

PREDICT = "/grps/v1/infer/predict"
_JSON, _BINARY, _LINES = "application/json", "application/octet-stream", "application/x-ndjson"
_JSON_HEADERS: Headers = (("content-type", _JSON),)
_BINARY_HEADERS: Headers = (("content-type", _BINARY),)
_ACCEPT_BINARY: Headers = (("accept", _BINARY),)
_ACCEPT_LINES: Headers = (("accept", _LINES),)


class GrpsHttpForm:
    """Requests and responses of GRPS over HTTP."""

    ready = HttpRequest("GET", "/grps/v1/health/ready")

    def predict(self, call: Call) -> HttpRequest:
        """Return the request of a call."""
        query: dict[str, str] = {}
        if call.output == "ndarray":
            query["return-ndarray"] = "true"
        accept = _ACCEPT_BINARY if call.output == "raw" else ()
        return _request(call, query, accept)

    def stream(self, call: Call) -> HttpRequest:
        """Return the request of a call with a streamed response."""
        return _request(call, {"streaming": "true"}, _ACCEPT_LINES)

    def metadata(self, model: str) -> HttpRequest:
        """Return the request for the description of a model."""
        body = json.dumps({"str_data": model}).encode()
        return HttpRequest("POST", "/grps/v1/metadata/model", _JSON_HEADERS, body)

    def result(self, response: HttpResponse) -> Result:
        """Read the response to a call."""
        _check(response)
        headers = response.headers
        if not headers.get("content-type", "").startswith(_JSON):
            dtype = headers.get("x-grps-dtype")
            content = Binary(response.body) if dtype is None else _raw(response, dtype)
            result = Result(None, content)
        else:
            message = grps_json.parse(response.body)
            grps_json.check(message, response.request_id)
            result = Result(functools.partial(grps_json.decode, message))
        result.request_id = response.request_id
        return result

    def piece(self, line: bytes) -> Result:
        """Read a line of a streamed response."""
        message = grps_json.parse(line)
        grps_json.check(message)
        return Result(functools.partial(grps_json.decode, message))

    def description(self, response: HttpResponse) -> Description:
        """Read the description of a model."""
        return read_yaml(self.result(response).text)


def _request(call: Call, query: dict[str, str], accept: Headers) -> HttpRequest:
    if call.model:
        query["model"] = call.model
    content = call.content
    body: bytes | memoryview
    if isinstance(content, Binary):
        headers, body = _BINARY_HEADERS, memoryview(content.data)
    elif (single := _single(content)) is not None:
        array, dtype = wire_array(single)
        query |= {"shape": ",".join(map(str, array.shape)), "dtype": dtype}
        headers, body = _BINARY_HEADERS, little_endian(array)
    else:
        headers, body = _JSON_HEADERS, grps_json.encode(content)
    target = f"{PREDICT}?{urlencode(query, safe=',')}" if query else PREDICT
    return HttpRequest("POST", target, headers + accept + call.headers, body)


def _single(content: Content) -> Array | None:
    """Return the tensor of content that is a single one which a body can carry as bytes."""
    if not isinstance(content, Tensors) or len(content.items) != 1:
        return None
    ((name, array),) = content.items
    is_raw = not name and array.ndim > 0 and array.size > 0 and array.dtype.kind not in "OSU"
    return array if is_raw else None


def _raw(response: HttpResponse, dtype: str) -> Content:
    shape = [int(size) for size in response.headers.get("x-grps-shape", "").split(",") if size]
    if dtype == "string":
        array = np.array([response.body.decode()], object)
    else:
        array = np.frombuffer(response.body, np.dtype(dtype).newbyteorder("<"))
    return Tensors((("", array.reshape(shape)),))


def _check(response: HttpResponse) -> None:
    if response.status < 400:
        return
    raise failure(response, _text(response.body))


def _text(body: bytes) -> str:
    try:
        return str(grps_json.parse(body)["status"]["msg"])
    except (ValueError, KeyError, TypeError):
        return body[:500].decode(errors="replace")


def failure(response: HttpResponse, text: str) -> CallError:
    """Return the error of a response with a status from 400 on."""
    return error_of(
        response.status,
        text,
        retry_after=seconds_of(response.headers.get("retry-after")),
        request_id=response.request_id,
    )
