"""The encoding of protobuf, for the few messages that need no generated code."""

from __future__ import annotations

from collections.abc import Iterator

_MASK = (1 << 64) - 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
Value = int | memoryview


def varint(value: int) -> bytes:
    """Return a number; negative ones take ten bytes."""
    value &= _MASK
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field: int, value: int) -> bytes:
    """Return a field with a number."""
    return varint(field << 3 | _VARINT) + varint(value)


def head(field: int, size: int) -> bytes:
    """Return what comes before the content of a field of so many bytes."""
    return varint(field << 3 | _BYTES) + varint(size)


def data(field: int, content: bytes) -> bytes:
    """Return a field with bytes, a text or a message."""
    return head(field, len(content)) + content


def text(field: int, content: str) -> bytes:
    """Return a field with a text; nothing for an empty one."""
    return data(field, content.encode()) if content else b""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the fields of a message and their values, without copying them.

    Raises:
        ValueError: The message is malformed.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _read_varint(message, at)
        else:
            size = _SIZES.get(kind, end)
        if at + size > end:
            raise ValueError("the message is cut off or malformed")
        yield tag >> 3, message[at : at + size]
        at += size


def varints(packed: Value) -> list[int]:
    """Return the numbers of a packed field, or the only one of a field that is not packed."""
    if isinstance(packed, int):
        return [packed]
    found, at = [], 0
    while at < len(packed):
        value, at = _read_varint(packed, at)
        found.append(value)
    return found


def string(value: Value) -> str:
    """Return the text of a field."""
    return bytes(content(value)).decode()


def content(value: Value) -> memoryview:
    """Return the bytes of a field.

    Raises:
        ValueError: The field is a number.
    """
    if isinstance(value, int):
        raise ValueError("a field of the message has another type")
    return value


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    try:
        while True:
            byte = message[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value & _MASK, at
    except IndexError:
        raise ValueError("the message is cut off") from None
