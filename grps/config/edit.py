"""Changing a value or a list of a configuration text without touching the rest of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from grps.config.document import Document, plain_value
from grps.errors import ConfigError

Value = str | int | float | Sequence[str]
INDENT = "  "


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


def with_entry_values(
    text: str, file: str, section: str, index: int, values: Mapping[str, Any]
) -> str:
    """Return a YAML text in which an entry of a list has other values; comments stay.

    Args:
        text: The configuration.
        file: What errors call it.
        section: A key of the top, which has the list.
        index: The entry, a section of keys.
        values: The values by key; one that is a mapping changes the keys that it names, if there
            is a section already, except ``inferer_args``, which is replaced.

    Raises:
        ConfigError: The text is not YAML, or there is no such entry.
    """
    wanted = _plain(text, file)
    entries = wanted.get(section)
    if (
        not isinstance(entries, list)
        or index >= len(entries)
        or not isinstance(entries[index], dict)
    ):
        raise ConfigError(f"{file}: {section}: there is no entry {index + 1}")
    edited: str | None = text
    for path, value in _leaves(entries[index], values):
        target = entries[index] if len(path) == 1 else entries[index][path[0]]
        target[path[-1]] = value
        edited = None if edited is None else _with_leaf(edited, file, section, index, path, value)
    try:
        if edited is not None and _plain(edited, file) == wanted:
            return edited
    except ConfigError:
        pass
    # An alias or another rare form: the whole text is written again, without its comments.
    written: str = yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False)
    return written


def _leaves(
    entry: Mapping[str, Any], values: Mapping[str, Any]
) -> list[tuple[tuple[str, ...], Any]]:
    """Return the values that are put in as a whole, with the keys that lead to them."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in values.items():
        is_section = isinstance(value, dict) and isinstance(entry.get(key), dict)
        if is_section and key != "inferer_args":
            found += [((key, inner), one) for inner, one in value.items()]
        else:
            found.append(((key,), value))
    return found


def _with_leaf(
    text: str, file: str, section: str, index: int, path: tuple[str, ...], value: Any
) -> str | None:
    root = Document(text, file).root
    entries = _entry(root, section) if isinstance(root, yaml.MappingNode) else None
    node = entries.value[index] if isinstance(entries, yaml.SequenceNode) else None
    for key in path[:-1]:
        node = _entry(node, key) if isinstance(node, yaml.MappingNode) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    written, old = json.dumps(value, ensure_ascii=False), _entry(node, path[-1])
    if old is None:
        return _inserted(text, node, f"{path[-1]}: {written}")
    if isinstance(old, yaml.CollectionNode) and not old.flow_style:
        return f"{text[: old.start_mark.index]}{written}{text[_end(old) :]}"
    return _replaced(text, old, written)


def with_list_entry(text: str, file: str, path: Sequence[str], entry: Mapping[str, Value]) -> str:
    """Return a YAML text in which a list has another entry at its end; comments stay.

    Args:
        text: The configuration.
        file: What errors call it.
        path: The keys that lead to the list, from the top. They may be missing or empty.
        entry: The values of the entry.

    Raises:
        ConfigError: The text is not YAML, or what the keys lead to is no list.
    """
    wanted = _wanted(text, file, path, entry)
    edited = _with_entry(text, Document(text, file).root, path, entry)
    try:
        if edited is not None and plain_value(edited, file, numbers_stay_text=True) == wanted:
            return edited
    except ConfigError:
        pass
    # An alias or another rare form: the whole text is written again, without its comments.
    written: str = yaml.safe_dump(wanted, allow_unicode=True, sort_keys=False)
    return written


def _wanted(text: str, file: str, path: Sequence[str], entry: Mapping[str, Value]) -> Any:
    top = plain_value(text, file, numbers_stay_text=True)
    top = {} if top is None else top
    section = top
    for depth, key in enumerate(path):
        if not isinstance(section, dict):
            where = ".".join(path[:depth])
            raise ConfigError(f"{file}: {where + ': ' if where else ''}expected a section of keys")
        if section.get(key) is None:
            section[key] = [] if depth == len(path) - 1 else {}
        section = section[key]
    if not isinstance(section, list):
        raise ConfigError(f"{file}: {'.'.join(path)}: expected a list")
    section.append({key: _listed(value) for key, value in entry.items()})
    return top


def _listed(value: Value) -> Any:
    return value if isinstance(value, str | int | float) else list(value)


def _with_entry(
    text: str, node: yaml.Node | None, path: Sequence[str], entry: Mapping[str, Value]
) -> str | None:
    """Return the text with the entry put in by its place; ``None`` when it has none."""
    if node is None:
        return f"{text.rstrip()}\n{_block(path, entry, 0)}\n".lstrip()
    column = 0
    for depth, key in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            return _replaced(text, node, _flow(path[depth:], entry))
        found = next((value for name, value in node.value if name.value == key), None)
        if found is None:
            return _with_key(text, node, path[depth:], entry)
        column, node = node.start_mark.column, found
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        return _replaced(text, node, _flow((), entry))
    if node.flow_style:
        at = node.value[-1].end_mark.index
        return f"{text[:at]}, {_mapping(entry)}{text[at:]}"
    return _after(text, node, _items(entry, max(node.start_mark.column, column)))


def _with_key(
    text: str, node: yaml.MappingNode, path: Sequence[str], entry: Mapping[str, Value]
) -> str | None:
    if not node.flow_style:
        return _after(text, node, _block(path, entry, node.start_mark.column))
    at = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
    comma = ", " if node.value else ""
    return f"{text[:at]}{comma}{path[0]}: {_flow(path[1:], entry)}{text[at:]}"


def _after(text: str, node: yaml.Node, lines: str) -> str:
    """Put lines below the last line of a collection."""
    last = text.find("\n", _end(node))
    last = len(text) if last < 0 else last
    return f"{text[:last]}\n{lines}{text[last:]}"


def _end(node: yaml.Node) -> int:
    """Return where the last value of a collection ends; its own end is that of what follows it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    index: int = node.end_mark.index
    return index


def _block(path: Sequence[str], entry: Mapping[str, Value], column: int) -> str:
    lines = []
    for key in path:
        lines.append(f"{' ' * column}{key}:")
        column += len(INDENT)
    return "\n".join([*lines, _items(entry, column)])


def _items(entry: Mapping[str, Value], column: int) -> str:
    fields = [f"{key}: {_scalar(value)}" for key, value in entry.items()]
    margin = f"\n{' ' * column}{INDENT}"
    return f"{' ' * column}- {margin.join(fields)}"


def _flow(path: Sequence[str], entry: Mapping[str, Value]) -> str:
    """Return the list below these keys in one line."""
    value = f"[{_mapping(entry)}]"
    for key in reversed(path):
        value = f"{{{key}: {value}}}"
    return value


def _mapping(entry: Mapping[str, Value]) -> str:
    return "{" + ", ".join(f"{key}: {_scalar(value)}" for key, value in entry.items()) + "}"


def _scalar(value: Value) -> str:
    if isinstance(value, int | float):
        return f"{value:.12g}"
    if not isinstance(value, str):
        return f"[{', '.join(map(_scalar, value))}]"
    is_plain = value.replace("-", "").replace("_", "").isalnum() and value[0].isalnum()
    return value if is_plain and yaml.safe_load(value) == value else json.dumps(value)
