"""What a function of the user's takes and returns, read from its annotations."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from grps.errors import ConfigError
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage

Kind = Literal["array", "text", "bytes", "json", "number", "context", "message"]
ACCEPTED = (
    "np.ndarray, str, bytes, dict, list, int, float, bool, grps.GrpsMessage or grps.GrpsContext"
)
STREAMS = (Iterator, AsyncIterator, Generator, AsyncGenerator)
_KINDS: dict[Any, Kind] = {
    str: "text",
    bytes: "bytes",
    dict: "json",
    list: "json",
    int: "number",
    float: "number",
    bool: "number",
    GrpsContext: "context",
    GrpsMessage: "message",
    np.ndarray: "array",
    Any: "array",
    inspect.Parameter.empty: "array",
}
_DECLARED = re.compile(r"(?P<dtype>[a-z]+\d*)\s*(?:\[(?P<sizes>[^\[\]]*)\])?")
_TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_STRING = "string"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, or what is returned."""

    name: str
    kind: Kind
    type: Any = None
    """The type that values are made of, such as ``int``."""
    dtype: str | None = None
    """Element type of an array; ``None`` for any."""
    shape: tuple[int | None, ...] | None = None
    """Dimensions of an array, ``None`` for one of any size; ``None`` as a whole for any."""
    required: bool = True
    in_list: bool = False
    """Whether the annotation is ``list[...]`` of this: one for each request of a batch."""
    nullable: bool = False
    """Whether it may be ``None``, which is ``null`` in JSON."""

    @property
    def words(self) -> str:
        """Its name and type, for people."""
        kind = {"array": self.dtype or "array", "text": "text", "json": "JSON"}.get(self.kind)
        if self.kind == "array" and self.shape is not None:
            sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
            kind = f"{self.dtype or 'array'}[{sizes}]"
        return f"{self.name} ({kind or getattr(self.type, '__name__', self.kind)})"


def parameters_of(function: Callable[..., Any], *, is_method: bool) -> tuple[Parameter, ...]:
    """Return what a function takes.

    Args:
        function: The function.
        is_method: Whether its first parameter is ``self``.

    Raises:
        ConfigError: A parameter can't be filled by its name, or has a type that is not known.
    """
    hints = _hints(function)
    given = list(inspect.signature(function).parameters.values())[1 if is_method else 0 :]
    found = []
    for one in given:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY):
            raise ConfigError(
                f"parameter {str(one)!r}: every parameter needs a name, by which requests fill it"
            )
        parameter = _read(one.name, hints.get(one.name, one.empty))
        nullable = parameter.nullable or one.default is None
        found.append(replace(parameter, required=one.default is one.empty, nullable=nullable))
    return tuple(found)


def output_of(function: Callable[..., Any]) -> Parameter | None:
    """Return what a function returns, or yields; ``None`` when its annotation does not say it.

    An array that is returned alone has the name ``output``.
    """
    annotation = _hints(function).get("return", inspect.Parameter.empty)
    if get_origin(annotation) in STREAMS:
        annotation = (get_args(annotation) or (inspect.Parameter.empty,))[0]
    if annotation in (inspect.Parameter.empty, Any, None, type(None)):
        return None
    if get_origin(annotation) in (dict, list, tuple) and all(
        _is_array(one) for one in get_args(annotation) if one not in (str, ...)
    ):
        return None
    try:
        return _read("output", annotation)
    except ConfigError:
        return Parameter("output", "json")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise ConfigError(
            f"the annotations can't be read ({type(error).__name__}: {error}); import or define "
            "what they name above"
        ) from error


def _read(name: str, annotation: Any) -> Parameter:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _with_declared(_read(name, inner[0]), annotation.__metadata__)
    if origin in (Union, types.UnionType):
        left = [one for one in inner if one is not type(None)]
        if len(left) == 1:
            return replace(_read(name, left[0]), nullable=len(left) < len(inner))
    if origin is np.ndarray:
        return Parameter(name, "array", np.ndarray, _dtype_of(name, inner[-1]))
    if origin is list and len(inner) == 1:
        item = _KINDS.get(get_origin(inner[0]) or inner[0], "json")
        if item in ("text", "bytes", "json"):
            return Parameter(name, item, get_origin(inner[0]) or inner[0], in_list=True)
        return Parameter(name, "json", list)
    plain = origin or annotation
    plain = {Mapping: dict, Sequence: list, tuple: list}.get(plain, plain)
    kind = _KINDS.get(plain)
    if kind is None:
        raise ConfigError(
            f"parameter {name!r} is {getattr(annotation, '__name__', annotation)}, which requests "
            f"are not converted to; use {ACCEPTED}"
        )
    return Parameter(name, kind, plain)


def _is_array(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation is np.ndarray or get_origin(annotation) is np.ndarray


def _dtype_of(name: str, annotation: Any) -> str | None:
    """Return the element type of ``npt.NDArray[np.float32]``; ``None`` for any."""
    scalar = (get_args(annotation) or (Any,))[0]
    if not isinstance(scalar, type) or not issubclass(scalar, np.generic):
        return None
    if issubclass(scalar, (np.str_, np.object_, np.bytes_)):
        return _STRING
    try:
        dtype = np.dtype(scalar).name
    except TypeError:
        return None  # np.floating and other kinds
    return _known(name, dtype)


def _with_declared(parameter: Parameter, metadata: tuple[Any, ...]) -> Parameter:
    """Return an array with the type and shape of ``Annotated[np.ndarray, "float32[?, 2]"]``."""
    declared = next((one for one in metadata if isinstance(one, str)), None)
    if declared is None or parameter.kind != "array":
        return parameter
    found = _DECLARED.fullmatch(declared.strip())
    if found is None:
        raise ConfigError(
            f"parameter {parameter.name!r}: {declared!r} is no type and shape; write for example "
            "'float32[?, 2]', with ? for a dimension of any size"
        )
    dtype = _known(parameter.name, found["dtype"])
    if found["sizes"] is None:
        return replace(parameter, dtype=dtype)
    sizes = [one.strip() for one in found["sizes"].split(",") if one.strip()]
    shape = tuple(int(one) if one.isascii() and one.isdigit() else None for one in sizes)
    return replace(parameter, dtype=dtype, shape=shape)


def _known(name: str, dtype: str) -> str:
    if dtype not in (*_TYPES, _STRING):
        raise ConfigError(
            f"parameter {name!r}: {dtype!r} is no type of tensors; use {', '.join(_TYPES)} or "
            f"{_STRING}"
        )
    return dtype
