"""The text form of protocol buffers, as far as ``config.pbtxt`` uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grps.errors import ConfigError

MAX_BYTES = 1 << 20
_MAX_DEPTH = 32
_TOKEN = re.compile(
    r"""(?P<space>[\s,;]+|\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<mark>[{}<>\[\]:])
    |(?P<word>[A-Za-z0-9_.+-]+)""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_CLOSING = {"{": "}", "<": ">"}

Message = dict[str, list[Any]]
"""The values of each field, in their order: texts, numbers, words, and messages."""


def read_config(text: str) -> Message:
    """Return the fields of a message in text form.

    Raises:
        ConfigError: It is no such text; the error says at which line.
    """
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"has more than {MAX_BYTES} bytes")
    reader = _Reader(text)
    message = reader.message("")
    return message


class _Reader:
    """Reads tokens one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._next = next(self._tokens, None)
        self._depth = 0

    def _split(self) -> Iterator[tuple[str, str, int]]:
        at = 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None:
                raise self._fault(at, f"{self._text[at]!r} is not expected")
            if found.lastgroup != "space":
                yield str(found.lastgroup), found[0], at
            at = found.end()

    def message(self, closing: str) -> Message:
        """Read fields up to a closing mark, or to the end when it is empty."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._fault(self._at(), f"messages are in more than {_MAX_DEPTH} levels")
        fields: Message = {}
        while not self._take(closing):
            kind, name, at = self._token()
            if kind != "word" or not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise self._fault(at, f"{name!r} is no name of a field")
            has_colon = self._take(":")
            values = fields.setdefault(name, [])
            if self._take("["):
                while not self._take("]"):
                    values.append(self._value())
            elif not has_colon and (self._next is None or self._next[1] not in _CLOSING):
                raise self._fault(self._at(), f"{name} has no value")
            else:
                values.append(self._value())
        self._depth -= 1
        return fields

    def _value(self) -> Any:
        kind, token, at = self._token()
        if token in _CLOSING:
            return self.message(_CLOSING[token])
        if kind == "text":
            parts = [_unquoted(token)]
            while self._next is not None and self._next[0] == "text":
                parts.append(_unquoted(self._token()[1]))
            return "".join(parts)
        if kind != "word":
            raise self._fault(at, f"{token!r} is no value")
        if re.fullmatch(r"-?[0-9]{1,20}", token):
            return int(token)
        if token in ("true", "false"):
            return token == "true"
        return token

    def _token(self) -> tuple[str, str, int]:
        if self._next is None:
            raise self._fault(len(self._text), "the text ends too early")
        found, self._next = self._next, next(self._tokens, None)
        return found

    def _take(self, mark: str) -> bool:
        """Read a mark if it is next; the empty mark is the end."""
        if self._next is None:
            return mark == ""
        if mark and self._next[:2] == ("mark", mark):
            self._token()
            return True
        return False

    def _at(self) -> int:
        return self._next[2] if self._next is not None else len(self._text)

    def _fault(self, at: int, cause: str) -> ConfigError:
        return ConfigError(f"line {self._text.count(chr(10), 0, at) + 1}: {cause}")


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1])
