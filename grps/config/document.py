"""A YAML file as a tree of nodes with their lines."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from grps.errors import ConfigError

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 64
MAX_NUMBER_CHARS = 100
MIN_INTEGER, MAX_INTEGER = -(1 << 63), (1 << 64) - 1
SHOWN_CHARS = 60
NULL_TAG = "tag:yaml.org,2002:null"
INTEGER_TAG = "tag:yaml.org,2002:int"
FLOAT_TAG = "tag:yaml.org,2002:float"
MERGE_TAG = "tag:yaml.org,2002:merge"


def read_text(path: Path) -> str:
    """Read a configuration file.

    Raises:
        ConfigError: The file is missing, unreadable, no regular file, too large or not UTF-8.
    """
    try:
        # A pipe that nobody writes to would never be open.
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"{path}: can't read the file: it is no regular file")
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: can't read the file: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        size = max(found.st_size, len(data))
        raise ConfigError(f"{path}: {size} bytes, at most {MAX_FILE_BYTES} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: the file is not UTF-8 text") from error


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def short(text: str) -> str:
    """Return a value from a file as errors show it: quoted, its end cut off if it is long."""
    return repr(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…")


def plain_value(text: str, file: str, *, numbers_stay_text: bool = False) -> Any:
    """Return a YAML text as plain data; ``None`` when it is empty.

    Args:
        text: The YAML.
        file: What errors call it.
        numbers_stay_text: Keep numbers that are refused as text; they may be values of keys that
            take text.

    Raises:
        ConfigError: The text is not YAML, too large or too deep, or a value is malformed.
    """
    document = Document(text, file, numbers_stay_text=numbers_stay_text)
    return None if document.root is None else document.value(document.root)


class Document:
    """The nodes of one file, and the way to turn them into values."""

    def __init__(self, text: str, file: str, *, numbers_stay_text: bool = False) -> None:
        """Parse a text.

        Args:
            text: The YAML.
            file: What errors call it.
            numbers_stay_text: Keep numbers that are refused as text, instead of an error.

        Raises:
            ConfigError: The text is not YAML, or a key is given twice.
        """
        self.file = file
        self._numbers_stay_text = numbers_stay_text
        self._values = 0
        try:
            self._loader = yaml.SafeLoader(text)
            self.root: yaml.Node | None = self._loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from error
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self.error(line, f"not valid YAML: {error.reason}") from error
        except RecursionError as error:
            raise ConfigError(f"{file}: values are nested too deeply") from error
        self._refuse_duplicates()

    def error(self, line: int, message: str) -> ConfigError:
        """Return an error that points at ``line`` of this file."""
        return ConfigError(f"{self.file}:{line}: {message}")

    @staticmethod
    def is_null(node: yaml.Node) -> bool:
        """Return whether the value was left empty."""
        return bool(node.tag == NULL_TAG)

    @staticmethod
    def line(node: yaml.Node) -> int:
        """Return the line the node starts on, counted from 1."""
        return int(node.start_mark.line) + 1

    def entries(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str, yaml.Node]]:
        """Yield key node, key text and value node of a mapping, its merges (``<<``) applied."""
        try:
            self._loader.flatten_mapping(node)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from error
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(self.line(key), "a key must be plain text")
            yield key, str(key.value), value

    def value(self, node: yaml.Node, depth: int = 0) -> Any:
        """Turn a node into plain Python data, nulls kept.

        Raises:
            ConfigError: The tree is too deep or too large, or a scalar is malformed.
        """
        self.count(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return {
                self.scalar(key): self.value(value, depth + 1)
                for key, _, value in self.entries(node)
            }
        return self.scalar(node)

    def scalar(self, node: yaml.Node) -> Any:
        """Turn a scalar node into its Python value; dates stay text.

        Raises:
            ConfigError: It is malformed, a whole number of over 64 bits, or a number of base 60.
        """
        fault = _number_fault(str(node.value)) if node.tag in (INTEGER_TAG, FLOAT_TAG) else None
        if fault is None:
            value = self._construct(node)
            if type(value) is not int or MIN_INTEGER <= value <= MAX_INTEGER:
                return node.value if isinstance(value, datetime.date) else value
            fault = "is a number of over 64 bits; write it in quotes if it is text"
        if self._numbers_stay_text:
            return node.value
        raise self.error(self.line(node), f"{short(str(node.value))} {fault}")

    def _construct(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from error
        except (ValueError, TypeError, OverflowError, LookupError, AttributeError) as error:
            text = f"malformed value {short(str(node.value))}"
            raise self.error(self.line(node), text) from error

    def count(self, node: yaml.Node, depth: int) -> None:
        """Account for one more value, so that aliases can't blow the file up."""
        self._values += 1
        if depth > MAX_DEPTH:
            raise self.error(self.line(node), f"values are nested deeper than {MAX_DEPTH} levels")
        if self._values > MAX_VALUES:
            raise self.error(self.line(node), f"more than {MAX_VALUES} values")

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> ConfigError:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        parts = [part for part in (error.context, error.problem) if part]
        text = ", ".join(parts).replace("\n", " ")
        if "'\\t'" in text:
            text += " (indent with spaces, not with tabs)"
        return self.error(line, f"not valid YAML: {text}")

    def _refuse_duplicates(self) -> None:
        """Refuse a key that a mapping holds twice; aliases are visited once."""
        waiting = [self.root] if self.root is not None else []
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, yaml.MappingNode):
                self._refuse_duplicates_in(node)
                waiting.extend(value for _, value in node.value)

    def _refuse_duplicates_in(self, node: yaml.MappingNode) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE_TAG:
                continue
            text, line = str(key.value), self.line(key)
            if text in lines:
                raise self.error(line, f"key {text!r} is given twice (first on line {lines[text]})")
            lines[text] = line


def _number_fault(text: str) -> str | None:
    """Say what is wrong with a number as it is written; PyYAML's time for it is quadratic."""
    if ":" in text:
        return (
            "is a number of base 60 in YAML; write it in quotes if it is text, else without colons"
        )
    if len(text) > MAX_NUMBER_CHARS:
        return f"is a number of {len(text)} characters; write it in quotes if it is text"
    return None
