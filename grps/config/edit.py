"""Changing single values of a configuration text without touching the rest of it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from grps.config.document import Document, plain_value
from grps.errors import ConfigError


def with_section_value(text: str, file: str, section: str, key: str, value: str) -> str:
    """Return a YAML text in which ``section.key`` has another value; comments stay.

    Args:
        text: The configuration.
        file: What errors call it.
        section: A key of the top, which may be missing or empty.
        key: A key of that section, which may be missing.
        value: The value, written as a text in quotes.

    Raises:
        ConfigError: The text is not YAML, or its top or the section is no section of keys.
    """
    wanted = _plain(text, file)
    if not isinstance(wanted.setdefault(section, {}), dict | None):
        raise ConfigError(f"{file}: {section}: expected a section of keys")
    wanted[section] = {**(wanted[section] or {}), key: value}
    edited = _edited(text, Document(text, file).root, section, key, json.dumps(value))
    try:
        if edited is not None and _plain(edited, file) == wanted:
            return edited
    except ConfigError:
        pass
    # An alias or another rare form: the whole text is written again, without its comments.
    written: str = yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False)
    return written


def _plain(text: str, file: str) -> dict[str, Any]:
    found = plain_value(text, file, numbers_stay_text=True) or {}
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: expected a section of keys")
    return found


def _edited(text: str, root: yaml.Node | None, section: str, key: str, value: str) -> str | None:
    """Return the text with the value put in by its place; ``None`` when it has none."""
    if root is None:
        return f"{text.rstrip()}\n{section}:\n  {key}: {value}\n".lstrip()
    if not isinstance(root, yaml.MappingNode):
        return None
    found = _entry(root, section)
    if found is None:
        return _inserted(text, root, f"{section}: {{{key}: {value}}}")
    if not isinstance(found, yaml.MappingNode):
        return _replaced(text, found, f"{{{key}: {value}}}")
    old = _entry(found, key)
    return _inserted(text, found, f"{key}: {value}") if old is None else _replaced(text, old, value)


def _entry(node: yaml.MappingNode, key: str) -> yaml.Node | None:
    return next((value for name, value in node.value if name.value == key), None)


def _replaced(text: str, node: yaml.Node, value: str) -> str:
    first, last = node.start_mark.index, node.end_mark.index
    space = " " if first > 0 and text[first - 1] == ":" else ""
    return f"{text[:first]}{space}{value}{text[last:]}"


def _inserted(text: str, node: yaml.MappingNode, entry: str) -> str | None:
    """Put an entry before the first one of a mapping."""
    at = node.start_mark.index
    if node.flow_style:
        comma = ", " if node.value else ""
        return f"{text[: at + 1]}{entry}{comma}{text[at + 1 :]}"
    if not node.value:
        return None
    first = node.value[0][0].start_mark
    return f"{text[: first.index]}{entry}\n{' ' * first.column}{text[first.index :]}"
