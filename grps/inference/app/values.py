"""Messages to the values that a function takes, and what it returns to a message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from grps.errors import InputError, ModelError
from grps.inference.app.parameters import Parameter
from grps.inference.user_tensors import name_outputs
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

_NOT_FILLED = ("context", "message")
Named = dict[str, Any]


def values_of(message: GrpsMessage, parameters: Sequence[Parameter]) -> Named:
    """Return the values of parameters by name; those of a request that leaves some out are absent.

    One parameter is the whole request. Several are tensors, entries of a map or of a JSON object,
    by their names.

    Args:
        message: The request.
        parameters: What the function takes.

    Raises:
        InputError: The request does not fit them; the text says what they are.
    """
    filled = [one for one in parameters if one.kind not in _NOT_FILLED]
    found: Named = {one.name: message for one in parameters if one.kind == "message"}
    if len(filled) == 1:
        (only,) = filled
        kind = message.WhichOneof("data_oneof")
        if kind is None and not only.required:
            return found
        return {**found, only.name: _whole(message, only)}
    if not filled:
        return found
    given = _named(message, filled)
    unknown = [name for name in given if name not in {one.name for one in filled}]
    missing = [one.name for one in filled if one.required and one.name not in given]
    if unknown or missing:
        what = f"has no {missing[0]!r}" if missing else f"has {unknown[0]!r}"
        raise InputError(
            f"the request {what}; the model takes: {', '.join(one.words for one in filled)}"
        )
    values = {one.name: _converted(given[one.name], one) for one in filled if one.name in given}
    return {**found, **values}


def answer_of(value: Any) -> GrpsMessage | None:
    """Return the response for what a function returned or yielded; ``None`` for ``None``.

    Text becomes ``str_data``, bytes ``bin_data``, arrays and dicts of arrays tensors, and anything
    else JSON in ``str_data``.

    Raises:
        ModelError: It is nothing of these.
    """
    if value is None or isinstance(value, GrpsMessage):
        return value
    if isinstance(value, str):
        return GrpsMessage(str_data=value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return GrpsMessage(bin_data=bytes(value))
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, np.ndarray) or (
        isinstance(value, (dict, list, tuple))
        and len(value) > 0
        and all(isinstance(one, np.ndarray) for one in parts)
    ):
        return to_message(name_outputs(value))
    try:
        return GrpsMessage(str_data=json.dumps(value, ensure_ascii=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"the function returned {type(value).__name__}, of which no response can be made "
            f"({error}); return an array, a dict of arrays, text, bytes, or what JSON has"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _whole(message: GrpsMessage, parameter: Parameter) -> Any:
    """Return the value of the only parameter."""
    kind = message.WhichOneof("data_oneof")
    if kind == "str_data":
        if parameter.kind in ("text", "bytes"):
            return _converted(message.str_data, parameter)
        return _of_json(message.str_data, parameter)
    if kind == "bin_data":
        if parameter.kind in ("text", "bytes"):
            return _converted(message.bin_data, parameter)
        return _of_json(message.bin_data, parameter)
    given = _named(message, [parameter])
    if parameter.kind == "json" and kind == "gmap":
        return given
    if len(given) != 1:
        raise InputError(f"the model takes {parameter.words}, got {len(given)} values")
    return _converted(next(iter(given.values())), parameter)


def _of_json(text: str | bytes, parameter: Parameter) -> Any:
    value = _parsed(text, [parameter])
    if isinstance(value, dict) and set(value) == {parameter.name} and parameter.type is not dict:
        value = value[parameter.name]
    return _converted(value, parameter)


def _parsed(text: str | bytes, parameters: Sequence[Parameter]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        takes = ", ".join(one.words for one in parameters)
        raise InputError(f"the request is no JSON ({error}); the model takes: {takes}") from error


def _named(message: GrpsMessage, parameters: Sequence[Parameter]) -> Named:
    """Return the values of a request by name; tensors without names are taken in order."""
    kind = message.WhichOneof("data_oneof")
    if kind == "gtensors":
        names = [one.name for one in parameters]
        arrays = to_arrays(message)
        if len(arrays) > len(names):
            raise InputError(f"the model takes {len(names)} tensors, got {len(arrays)}")
        # A tensor alone for the only parameter may have any name.
        by_place = not any(name for name, _ in arrays) or len(names) == 1
        return {
            names[index] if by_place else name: array for index, (name, array) in enumerate(arrays)
        }
    if kind == "gmap":
        maps = message.gmap
        return {
            key: value
            for each in (maps.s_s, maps.s_b, maps.s_i32, maps.s_i64, maps.s_f, maps.s_d)
            for key, value in each.items()
        }
    if kind is None:
        return {}
    found = _parsed(message.str_data if kind == "str_data" else message.bin_data, parameters)
    if not isinstance(found, dict):
        takes = ", ".join(one.words for one in parameters)
        raise InputError(f"the request is no JSON object; the model takes: {takes}")
    return found


def _converted(value: Any, parameter: Parameter) -> Any:
    """Return a value as the type of a parameter.

    Raises:
        InputError: It is something else.
    """
    if value is None and parameter.nullable:
        return None
    return (_array if parameter.kind == "array" else _single)(value, parameter)


def _single(value: Any, parameter: Parameter) -> Any:
    """Return a value as text, bytes, a number or JSON."""
    if isinstance(value, np.ndarray):
        if parameter.kind == "json":
            return value.tolist()
        if value.size != 1:
            raise InputError(f"the model takes {parameter.words}, got {value.size} values of it")
        value = value.reshape(-1)[0]
        value = value.item() if isinstance(value, np.generic) else value
    if parameter.kind == "text" and isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{parameter.name} is not UTF-8 text: {error}") from error
    if parameter.kind == "bytes" and isinstance(value, str):
        return value.encode()
    if parameter.kind == "number":
        return _number(value, parameter)
    wanted = {"text": str, "bytes": bytes}.get(parameter.kind, parameter.type)
    if not isinstance(value, wanted if isinstance(wanted, type) else object):
        got = "null" if value is None else type(value).__name__
        raise InputError(f"the model takes {parameter.words}, got {got}")
    return value


def _number(value: Any, parameter: Parameter) -> Any:
    is_bool = isinstance(value, bool)
    if parameter.type is bool and (is_bool or value in (0, 1)):
        return bool(value)
    if parameter.type is int and not is_bool and isinstance(value, (int, float)):
        if isinstance(value, int) or value.is_integer():
            return int(value)
    elif parameter.type is float and not is_bool and isinstance(value, (int, float)):
        return float(value)
    raise InputError(f"the model takes {parameter.words}, got {value!r:.80}")


def _array(value: Any, parameter: Parameter) -> np.ndarray:
    wanted = np.dtype(object) if parameter.dtype == "string" else parameter.dtype
    try:
        given = np.asarray(value)
        is_made_of_others = given.dtype.hasobject and not isinstance(value, np.ndarray)
        if is_made_of_others and parameter.dtype != "string":
            raise InputError(f"the model takes {parameter.words}, got {value!r:.80}")
        array = given if wanted is None else given.astype(wanted)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{parameter.words} can't be made of the request: {error}") from error
    if not _is_same(given, array):
        raise InputError(f"input {parameter.name!r} is {parameter.dtype}, got {given.dtype}")
    shape = parameter.shape
    if shape is not None and not (
        len(shape) == array.ndim
        and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    ):
        raise InputError(f"the model takes {parameter.words}, got the shape {list(array.shape)}")
    return array


def _is_same(value: np.ndarray, array: np.ndarray) -> bool:
    """Return whether a cast has changed no value beyond the rounding of floats."""
    if np.can_cast(value.dtype, array.dtype, "same_kind"):
        return True
    return bool(np.array_equal(value, array))
