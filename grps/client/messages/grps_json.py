"""GRPS messages in JSON: the form of requests and responses over HTTP."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.client.errors import error_of
from grps.client.messages.content import (
    Array,
    Binary,
    Content,
    Map,
    MapValue,
    NdArray,
    Tensors,
    Text,
    raw_strings,
    text_or_bytes,
)
from grps.client.messages.elements import INT32, field_of, float32_fits, wire_array

_MAP_FIELDS = ("s_s", "s_b", "s_i32", "s_i64", "s_f", "s_d")


def encode(content: Content) -> bytes:
    """Return a message of one data field.

    Raises:
        TypeError: A tensor has a type that messages don't have.
    """
    match content:
        case Text(text):
            message: dict[str, Any] = {"str_data": text}
        case Tensors(items):
            tensors = [_tensor(name, array) for name, array in items]
            message = {"gtensors": {"tensors": tensors}}
        case NdArray(value):
            message = {"ndarray": value}
        case Map(values):
            message = {"gmap": _map(values)}
        case Binary(data):
            message = {"bin_data": base64.b64encode(data).decode()}
    return json.dumps(message, separators=(",", ":")).encode()


def _tensor(name: str, given: Array) -> dict[str, Any]:
    array, dtype = wire_array(given)
    field = field_of(dtype)
    elements: list[Any]
    if dtype == "string":
        elements = [_string(raw) for raw in raw_strings(array)]
    else:
        elements = array.ravel().tolist()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            elements = [_number(element) for element in elements]
    shape = list(array.shape)
    return {"name": name, "dtype": f"DT_{dtype.upper()}", "shape": shape, field: elements}


def _string(raw: bytes) -> str | dict[str, str]:
    text = text_or_bytes(raw)
    return text if isinstance(text, str) else {"b64": base64.b64encode(raw).decode()}


def _number(value: float) -> float | str:
    """Return a number as JSON can carry it: those that are not finite as text."""
    if math.isnan(value):
        return "NaN"
    return value if not math.isinf(value) else ("Infinity" if value > 0 else "-Infinity")


def _map(values: Mapping[str, MapValue]) -> dict[str, dict[str, Any]]:
    fields: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        field, written = _map_value(value)
        fields.setdefault(field, {})[name] = written
    return fields


def _map_value(value: MapValue) -> tuple[str, Any]:
    if isinstance(value, str):
        return "s_s", value
    if isinstance(value, bytes):
        return "s_b", base64.b64encode(value).decode()
    if isinstance(value, int):
        return ("s_i32" if value in INT32 else "s_i64"), int(value)
    return ("s_f" if float32_fits(value) else "s_d"), _number(value)


def parse(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """Return the message of a body.

    Raises:
        ValueError: It is no JSON object.
    """
    message = json.loads(bytes(body))
    if not isinstance(message, dict):
        raise ValueError("the response is no JSON object")
    return message


def check(message: Mapping[str, Any], request_id: str | None = None) -> None:
    """Check the status of a message.

    Raises:
        CallError: The message is a failure.
    """
    status = message.get("status") or {}
    if status.get("status") == "FAILURE":
        text = str(status.get("msg", ""))
        raise error_of(int(status.get("code", 500)), text, request_id=request_id)


def decode(message: Mapping[str, Any]) -> Content:
    """Return the data of a message; an empty text if it has none."""
    if "gtensors" in message:
        tensors = message["gtensors"].get("tensors", ())
        return Tensors(tuple((tensor.get("name", ""), _array(tensor)) for tensor in tensors))
    if "ndarray" in message:
        return NdArray(message["ndarray"])
    if "bin_data" in message:
        return Binary(base64.b64decode(message["bin_data"]))
    if "gmap" in message:
        return Map(_values(message["gmap"]))
    return Text(message.get("str_data", ""))


def _array(tensor: Mapping[str, Any]) -> Array:
    dtype = str(tensor["dtype"]).removeprefix("DT_").lower()
    elements = tensor.get(field_of(dtype), ())
    if dtype == "string":
        array: Array = np.empty(len(elements), dtype=object)
        array[:] = [one if isinstance(one, str) else _from_base64(one) for one in elements]
    else:
        array = np.array(elements, dtype=np.dtype(dtype))
    shape: list[int] = tensor.get("shape", [])
    return array.reshape(shape)


def _from_base64(element: Mapping[str, str]) -> str | bytes:
    return text_or_bytes(base64.b64decode(element["b64"]))


def _values(gmap: Mapping[str, Mapping[str, Any]]) -> dict[str, MapValue]:
    values: dict[str, MapValue] = {}
    for field in _MAP_FIELDS:
        for name, value in gmap.get(field, {}).items():
            if field == "s_b":
                values[name] = base64.b64decode(value)
            elif field == "s_i64":
                values[name] = int(value)
            else:
                values[name] = float(value) if field in ("s_f", "s_d") else value
    return values
