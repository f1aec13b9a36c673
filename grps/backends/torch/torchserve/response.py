"""Turns what handlers of TorchServe return into responses."""

from __future__ import annotations

import io
import json
from typing import Any

from grps.errors import ModelError
from grps.protocol.pb.grps_pb2 import GrpsMessage

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
CONTENT_TYPE = "content-type"
HttpAnswer = tuple[bytes, int, dict[str, str]]
"""Body, status and headers."""


def encode(value: Any) -> tuple[bytes, str]:
    """Return the bytes of one answer, and what they are.

    Raises:
        ModelError: Nothing can be made of it.
    """
    if isinstance(value, (bytes, bytearray)):
        return bytes(value), BINARY
    if isinstance(value, str):
        return value.encode(), TEXT
    if _is_tensor(value):
        return _saved(value), BINARY
    try:
        return json.dumps(value, indent=2).encode(), JSON
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"the handler returned a {type(value).__name__} that is no JSON ({error})"
        ) from error


def http_answer(value: Any, status: int, headers: dict[str, str]) -> HttpAnswer:
    """Return an answer over HTTP, with the status and headers that the handler has set."""
    body, content_type = encode(value)
    sent = {str(name): str(text) for name, text in headers.items() if name != "ts_stream_next"}
    if not any(name.lower() == CONTENT_TYPE for name in sent):
        sent[CONTENT_TYPE] = content_type
    return body, status, sent


def message_answer(value: Any) -> GrpsMessage:
    """Return an answer of another protocol."""
    body, content_type = encode(value)
    if content_type == BINARY:
        return GrpsMessage(bin_data=body)
    return GrpsMessage(str_data=body.decode())


def failure(status: int, message: str) -> HttpAnswer:
    """Return the answer to a request that the handler has failed with a status of its own."""
    described = {"code": status, "type": "InternalServerException", "message": message}
    return json.dumps(described, indent=2).encode(), status, {CONTENT_TYPE: JSON}


def _is_tensor(value: Any) -> bool:
    return any(f"{one.__module__}.{one.__name__}" == "torch.Tensor" for one in type(value).__mro__)


def _saved(value: Any) -> bytes:
    import torch

    written = io.BytesIO()
    torch.save(value, written)
    return written.getvalue()
