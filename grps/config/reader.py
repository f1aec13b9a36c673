"""Reading of a YAML document along a configuration structure.

The structure decides: which keys exist, which values are text (so that ``version: 1.0`` stays
``1.0``) and what is allowed. Empty values (null) stand for the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
import yaml
from msgspec import inspect

from grps.config.document import Document, short
from grps.config.schema import (
    COLLECTOR_PATTERN,
    DIGEST_PATTERN,
    MODE_PATTERN,
    ORIGIN_PATTERN,
)
from grps.config.sections.base import NAME_PATTERN, Section
from grps.config.suggest import hint
from grps.errors import ConfigError

Root = TypeVar("Root", bound=Section)
_EXPECTED_TEXTS = {
    NAME_PATTERN: "1 to 128 letters, digits, '.', '_' or '-'",
    DIGEST_PATTERN: "a SHA-256 of 64 digits 0-9a-f (grpst key makes one)",
    COLLECTOR_PATTERN: "a URL such as http://127.0.0.1:4317 (a collector near by; no TLS)",
    ORIGIN_PATTERN: "an origin such as https://app.example.com, or '*'",
    MODE_PATTERN: "permissions in octal, such as 660",
}
"""What a text of each pattern may be, in words."""
MAX_NUMBER = (1 << 53) - 1
"""Largest value of a key that takes a whole number: far beyond any use, safe everywhere."""


class Reader(Generic[Root]):
    """Reads one document into one structure and remembers the line of every key."""

    def __init__(
        self, document: Document, root: type[Root], choices: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Prepare to read ``document`` as a ``root``.

        Args:
            document: What is read.
            root: The structure that it must have.
            choices: Allowed values of keys whose type is marked with a name of these.
        """
        self._document = document
        self._choices = choices
        self._root = root
        self._lines: dict[str, int] = {"": 1}

    def read(self) -> Root:
        """Check and convert the document.

        Raises:
            ConfigError: A key is unknown or missing, or a value is not allowed.
        """
        kind = inspect.type_info(self._root)
        assert isinstance(kind, inspect.StructType)
        node = self._document.root
        if node is None or Document.is_null(node):
            node = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark("", 0, 0, 0, None, 0))
        data = self._section(node, kind, "")
        try:
            return msgspec.convert(data, self._root)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{self._document.file}: {error}") from error

    def error(self, at: str, message: str) -> ConfigError:
        """Return an error about the key path ``at``, on its line or on its nearest parent's."""
        place = at
        while place not in self._lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._document.error(self._lines[place], f"{at}: {message}" if at else message)

    def _section(self, node: yaml.Node, kind: inspect.StructType, at: str) -> dict[str, Any]:
        self._document.count(node, at.count("."))
        if not isinstance(node, yaml.MappingNode):
            raise self._mismatch(node, "a section of keys", at)
        fields = {field.name: field for field in kind.fields}
        data: dict[str, Any] = {}
        for key_node, key, value_node in self._document.entries(node):
            line = Document.line(key_node)
            if key not in fields:
                where = f" in {at!r}" if at else ""
                text = f"unknown key {key!r}{where}{hint(key, fields)}"
                raise self._document.error(line, f"{text}; allowed: {', '.join(fields)}")
            here = f"{at}.{key}" if at else key
            self._lines[here] = line
            value = self._value(value_node, fields[key].type, here)
            data.pop(key, None)
            if value is not None:
                data[key] = value
        missing = [name for name, field in fields.items() if field.required and name not in data]
        if missing:
            raise self.error(at, f"required key {missing[0]!r} is missing or empty")
        return data

    def _value(self, node: yaml.Node, kind: inspect.Type, at: str) -> Any:
        self._document.count(node, at.count("."))
        kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        kinds = tuple(map(self._chosen, kinds))
        if Document.is_null(node):
            return None
        listed = isinstance(node, yaml.SequenceNode) and any(
            isinstance(member, inspect.VarTupleType) for member in kinds
        )
        for member in kinds:
            if isinstance(member, inspect.StructType) and not listed:
                return self._section(node, member, at)
            if isinstance(member, inspect.VarTupleType):
                return self._items(node, member.item_type, at)
            if isinstance(member, inspect.DictType):
                return self._free(node, member.value_type, at)
        return self._scalar(node, kinds, at)

    def _chosen(self, kind: inspect.Type) -> inspect.Type:
        """Return the type of a key with the values that are allowed for its mark."""
        if isinstance(kind, inspect.Metadata):
            return inspect.LiteralType(tuple(sorted(self._choices[(kind.extra or {})["names"]])))
        return kind

    def _items(self, node: yaml.Node, kind: inspect.Type, at: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._mismatch(node, "a list", at)
        items = []
        for index, item in enumerate(node.value):
            here = f"{at}[{index}]"
            self._lines[here] = Document.line(item)
            if Document.is_null(item):
                raise self.error(here, "the entry is empty")
            items.append(self._value(item, kind, here))
        return items

    def _free(self, node: yaml.Node, kind: inspect.Type, at: str) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise self._mismatch(node, "a section of keys", at)
        entries = self._document.entries(node)
        if not isinstance(kind, inspect.StrType):
            return {key: self._document.value(value, 1) for _, key, value in entries}
        texts = {}
        for key_node, key, value in entries:
            here = f"{at}.{key}"
            self._lines[here] = Document.line(key_node)
            if Document.is_null(value):
                raise self.error(here, "the entry is empty")
            texts[key] = self._value(value, kind, here)
        return texts

    def _scalar(self, node: yaml.Node, kinds: tuple[inspect.Type, ...], at: str) -> Any:
        kind = next(member for member in kinds if not isinstance(member, inspect.NoneType))
        if not isinstance(node, yaml.ScalarNode):
            raise self._mismatch(node, expected_words(kind), at)
        text = str(node.value)
        if isinstance(kind, inspect.StrType | inspect.LiteralType):
            if not text and len(kinds) > 1:
                return None
            if _text_fits(text, kind):
                return text
        else:
            value = self._number(node, at)
            if _number_fits(value, kind):
                return value
        raise self._mismatch(node, expected_words(kind), at)

    def _number(self, node: yaml.ScalarNode, at: str) -> Any:
        """Read a scalar that should be a number, with errors that name the key."""
        try:
            value = self._document.scalar(node)
        except ConfigError as error:
            text = str(error).removeprefix(f"{self._document.file}:{Document.line(node)}: ")
            raise self.error(at, text) from error
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            raise self.error(at, f"{short(str(node.value))} is too large; at most {MAX_NUMBER}")
        return value

    def _mismatch(self, node: yaml.Node, expected: str, at: str) -> ConfigError:
        given = "a list" if isinstance(node, yaml.SequenceNode) else "a section of keys"
        suggestion = ""
        if isinstance(node, yaml.ScalarNode):
            text = str(node.value)
            given = short(text) if text else "an empty text"
            if expected.startswith("one of "):
                suggestion = hint(text, expected.removeprefix("one of ").split(", "))
        self._lines.setdefault(at, Document.line(node))
        return self.error(at, f"expected {expected}; got {given}{suggestion}")


def _text_fits(text: str, kind: inspect.StrType | inspect.LiteralType) -> bool:
    if isinstance(kind, inspect.LiteralType):
        return text in kind.values
    return kind.pattern is None or re.search(kind.pattern, text) is not None


def _number_fits(value: object, kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    numbers = int | float if isinstance(kind, inspect.FloatType) else int
    if not isinstance(kind, inspect.IntType | inspect.FloatType) or not isinstance(value, numbers):
        return False
    low_enough = kind.le is None or value <= kind.le
    high_enough = kind.ge is None or value >= kind.ge
    return not isinstance(value, bool) and low_enough and high_enough


def expected_words(kind: inspect.Type) -> str:
    """Say in words what a scalar of this kind may be."""
    if isinstance(kind, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.StrType):
        return _EXPECTED_TEXTS.get(kind.pattern or "", "text")
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    return _expected_number(kind)


def _expected_number(kind: inspect.Type) -> str:
    assert isinstance(kind, inspect.IntType | inspect.FloatType)
    number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    if kind.ge is None:
        return number
    if kind.le is None:
        return f"{number}, {kind.ge} or more"
    return f"{number} from {kind.ge} to {kind.le}"
