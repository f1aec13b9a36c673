"""What a call returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from grps.client.messages.content import (
    Array,
    Binary,
    Content,
    Map,
    MapValue,
    NdArray,
    Tensors,
    Text,
)

T = TypeVar("T")
Raw = str | bytes
_Bytes = bytes
"""The type, whose name is an attribute of results."""


class Result:
    """The output of a model; it is decoded when it is first looked at.

    Attributes:
        request_id: The id of the call in the log of the service; ``None`` if it is not known.
    """

    __slots__ = ("_content", "_load", "request_id")

    def __init__(self, load: Callable[[], Content] | None, content: Content | None = None) -> None:
        """[For the client] Remember how the content is decoded, or the content."""
        self._load = load
        self._content = content
        self.request_id: str | None = None

    @property
    def content(self) -> Content:
        """[For the client] The decoded content."""
        if self._content is None:
            assert self._load is not None
            self._content = self._load()
            self._load = None
        return self._content

    @property
    def text(self) -> str:
        """The text: of a text, of bytes in UTF-8, or of a tensor with one string.

        Raises:
            TypeError: The output is something else.
        """
        raw = self._single()
        return raw if isinstance(raw, str) else bytes(raw).decode()

    @property
    def bytes(self) -> _Bytes:
        """The bytes: of bytes, of a text, or of a tensor with one string.

        Raises:
            TypeError: The output is something else.
        """
        raw = self._single()
        return raw.encode() if isinstance(raw, str) else raw

    @property
    def tensors(self) -> dict[str, Array]:
        """The tensors by their names; one without a name is called by its position.

        Strings are elements of type object: ``str``, or ``bytes`` that are not UTF-8.

        Raises:
            TypeError: The output has no tensors.
        """
        match self.content:
            case Tensors(items):
                many = len(items) > 1
                return {
                    name or (str(at) if many else ""): array
                    for at, (name, array) in enumerate(items)
                }
            case NdArray(value):
                return {"": np.asarray(value)}
            case other:
                raise _mismatch(other, "tensors")

    @property
    def array(self) -> Array:
        """The only tensor.

        Raises:
            TypeError: The output has no tensors, or several.
        """
        tensors = self.tensors
        if len(tensors) != 1:
            raise TypeError(f"the result has {len(tensors)} tensors; use tensors[name]")
        return next(iter(tensors.values()))

    @property
    def ndarray(self) -> Any:
        """Nested lists: what ``output="ndarray"`` requests, or else the only tensor as lists.

        Raises:
            TypeError: The output has no tensors, or several.
        """
        content = self.content
        return content.value if isinstance(content, NdArray) else self.array.tolist()

    @property
    def map(self) -> Mapping[str, MapValue]:
        """Named texts, bytes and numbers.

        Raises:
            TypeError: The output is something else.
        """
        if isinstance(self.content, Map):
            return self.content.values
        raise _mismatch(self.content, "map")

    def to(self, from_dlpack: Callable[[Any], T], name: str | None = None) -> T:
        """Return a tensor of another library by DLPack, such as ``result.to(torch.from_dlpack)``.

        The library uses the memory of the result; it is copied only if it can't be written.

        Args:
            from_dlpack: The function of the library that reads ``__dlpack__``.
            name: The tensor, or the only one.

        Raises:
            TypeError: The output has no tensors, or several and no name is given.
            KeyError: There is no tensor of this name.
        """
        array = self.array if name is None else self.tensors[name]
        return from_dlpack(array if array.flags.writeable else array.copy())

    def _single(self) -> Raw:
        match self.content:
            case Text(text):
                return text
            case Binary(data):
                return bytes(data)
            case Tensors(((_, array),)) if array.dtype == object and array.size == 1:
                (one,) = array.ravel().tolist()
                return one  # type: ignore[no-any-return]
            case other:
                raise _mismatch(other, "text or bytes")

    def __repr__(self) -> str:
        return f"Result({self.content!r})"


_FIELDS = {Text: "text", Binary: "bytes", Tensors: "tensors", NdArray: "ndarray", Map: "map"}


def _mismatch(content: Content, wanted: str) -> TypeError:
    field = _FIELDS[type(content)]
    return TypeError(f"the result has no {wanted}; use its .{field}")
