"""The Open Inference Protocol over HTTP: JSON with the tensors behind it as bytes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from grps.client.call import Call, split_version
from grps.client.errors import InvalidRequest, Unsupported
from grps.client.messages import oip_tensors
from grps.client.messages.content import Content, Tensors, tensors_of
from grps.client.result import Result
from grps.client.transports.base import Description
from grps.client.transports.grps_http import failure
from grps.client.transports.http_form import HttpRequest, HttpResponse

_LENGTH = "inference-header-content-length"
NO_STREAMS = "the Open Inference Protocol of this client has no streams; use http or grpc"
NO_DEFAULT = "the Open Inference Protocol needs the name of a model"


class OipHttpForm:
    """Requests and responses of the Open Inference Protocol over HTTP."""

    ready = HttpRequest("GET", "/v2/health/ready")

    def predict(self, call: Call) -> HttpRequest:
        """Return the request of a call."""
        inputs: list[dict[str, Any]] = []
        parts: list[bytes | memoryview] = [b""]
        for name, array in tensors_of(call.content).items:
            datatype, elements = oip_tensors.encode(array)
            inputs.append(
                {
                    "name": name,
                    "datatype": datatype,
                    "shape": list(array.shape),
                    "parameters": {"binary_data_size": len(elements)},
                }
            )
            parts.append(elements)
        head = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        parts[0] = start = json.dumps(head, separators=(",", ":")).encode()
        headers = (
            ("content-type", "application/octet-stream"),
            (_LENGTH, str(len(start))),
            *call.headers,
        )
        return HttpRequest("POST", f"{_path(call.model)}/infer", headers, b"".join(parts))

    def stream(self, call: Call) -> HttpRequest:
        """Refuse: this protocol has no streams here."""
        raise Unsupported(NO_STREAMS)

    def piece(self, line: bytes) -> Result:
        """Refuse: this protocol has no streams here."""
        raise Unsupported(NO_STREAMS)

    def metadata(self, model: str) -> HttpRequest:
        """Return the request for the description of a model."""
        return HttpRequest("GET", _path(model))

    def result(self, response: HttpResponse) -> Result:
        """Read the response to a call."""
        _check(response)
        length = int(response.headers.get(_LENGTH, len(response.body)))
        body = memoryview(response.body)
        head = json.loads(bytes(body[:length]))
        result = Result(functools.partial(_decode, head, body[length:]))
        result.request_id = response.request_id
        return result

    def description(self, response: HttpResponse) -> Description:
        """Read the description of a model."""
        _check(response)
        return dict(json.loads(response.body))


def _path(model: str) -> str:
    if not model:
        raise InvalidRequest(NO_DEFAULT)
    name, version = split_version(model)
    path = f"/v2/models/{quote(name, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _decode(head: Mapping[str, Any], rest: memoryview) -> Content:
    items, at = [], 0
    for output in head.get("outputs", ()):
        size = output.get("parameters", {}).get("binary_data_size")
        kind, shape = output["datatype"], output["shape"]
        if size is None:
            array = oip_tensors.decode_json(kind, shape, output["data"])
        else:
            array = oip_tensors.decode(kind, shape, rest[at : at + size])
            at += size
        items.append((output["name"], array))
    return Tensors(tuple(items))


def _check(response: HttpResponse) -> None:
    if response.status < 400:
        return
    try:
        text = str(json.loads(response.body)["error"])
    except (ValueError, KeyError, TypeError):
        text = response.body[:500].decode(errors="replace")
    raise failure(response, text)
