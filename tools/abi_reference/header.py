"""The contents of ``grps/plugin.h``: its enumerations, structs, functions, macros and layout."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tools.abi_reference.entries import (
    ENUM_BODY,
    STRUCT_BODY,
    WHOLE_FILE,
    Entry,
    HeaderError,
    Source,
    entries,
)

DEFINE = re.compile(r"#define (?P<name>GRPS_\w+)(?P<arguments>\(\w+\))?(?: (?P<value>.+))?")
GUARD = re.compile(r"#ifndef (?P<name>GRPS_\w+)")
IGNORED = re.compile(r"#include <\w+\.h>|#undef GRPS_\w+")
HANDLE = re.compile(r"typedef struct (?P<name>grps_\w+) (?P=name);")
FUNCTION = re.compile(
    r"(?P<returned>(?:const )?\w+ \**)\(\*(?P<name>\w+)\)\((?P<arguments>[^()]+)\) ?GRPS_NOEXCEPT;"
)
VARIABLE = re.compile(r"(?:const )?\w+ (?:\*(?:const )?)*(?P<name>\w+);")
VALUE = re.compile(r"(?P<name>GRPS_\w+) = (?P<number>\d+),?")
LAYOUT = re.compile(r"GRPS_LAYOUT\((?P<conditions>.+)\);")
CONDITION = re.compile(r"(?:sizeof\((.+)\)|offsetof\((\w+), (\w+)\)) == (\d+)")
WITHOUT_COMMENT = ("struct_size", "reserved")
"""Fields that mean the same in every struct."""


@dataclass(frozen=True, slots=True)
class Named:
    """A declaration, such as a field or an opaque type.

    Attributes:
        name: Its name.
        text: Its comment.
        code: How it is written in C, without ``GRPS_NOEXCEPT``; for an enumerator its number.
    """

    name: str
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration."""

    name: str
    text: str
    values: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct or a table of functions, with its fields in groups between blank lines."""

    name: str
    text: str
    groups: tuple[tuple[Named, ...], ...]


@dataclass(slots=True)
class Macro:
    """A macro: its arguments, such as ``(condition)``, and its value in each language."""

    name: str
    text: str
    arguments: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Header:
    """The header.

    Attributes:
        source: Its text.
        opening: The comment at its beginning.
        guard: The macro of the include guard.
        macros: Macros by name.
        enums: Enumerations.
        handles: Opaque structs.
        structs: Structs with fields.
        functions: Types of pointers to functions; ``code`` has no ``typedef``.
        sizes: Bytes of types, as the header asserts them.
        offsets: Offsets of fields by struct and field, as the header asserts them.
    """

    source: Source
    opening: str = ""
    guard: str = ""
    macros: dict[str, Macro] = field(default_factory=dict)
    enums: list[Enum] = field(default_factory=list)
    handles: list[Named] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)
    functions: list[Named] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    offsets: dict[str, dict[str, int]] = field(default_factory=dict)


def read_header(source: Source) -> Header:
    """Read a header.

    Raises:
        HeaderError: Something in it is not understood, or a comment is missing.
    """
    header = Header(source)
    languages = ["both"]
    for entry in entries(source, WHOLE_FILE, 0, len(source.text)):
        if entry.kind == "directive":
            _read_directive(header, entry, languages)
        elif entry.kind == "block":
            _read_block(header, entry)
        elif entry.kind == "statement":
            _read_statement(header, entry)
    if not header.opening:
        raise source.error(0, "the header begins with no comment above an include guard")
    _check_layout(header)
    return header


def _not_understood(header: Header, entry: Entry) -> HeaderError:
    fault = f"this declaration is not understood: {entry.code}"
    return header.source.error(entry.match.start(), fault)


def _comment(header: Header, entry: Entry, name: str) -> str:
    if not entry.text:
        raise header.source.error(entry.match.start(), f"{name} has no comment")
    return entry.text


def _read_directive(header: Header, entry: Entry, languages: list[str]) -> None:
    """Read a directive; ``languages`` has one entry for each condition that is open."""
    code = entry.code
    if guard := GUARD.fullmatch(code):
        header.guard, header.opening = guard["name"], entry.text
        languages.append("both")
    elif code == "#ifdef __cplusplus":
        languages.append("C++")
    elif code == "#else" and languages[-1] == "C++":
        languages[-1] = "C"
    elif code == "#endif" and len(languages) > 1:
        languages.pop()
    elif define := DEFINE.fullmatch(code):
        name = define["name"]
        if name == header.guard:
            return
        text = _comment(header, entry, name)
        macro = header.macros.setdefault(name, Macro(name, text, define["arguments"] or ""))
        macro.values[languages[-1]] = define["value"] or ""
    elif not IGNORED.fullmatch(code):
        raise _not_understood(header, entry)


def _read_block(header: Header, entry: Entry) -> None:
    name, kind, closing = entry.match.group("name", "kind", "closing")
    text = _comment(header, entry, name)
    start, end = entry.match.span("body")
    if kind == "enum" and not closing:
        read = entries(header.source, ENUM_BODY, start, end)
        header.enums.append(Enum(name, text, tuple(_value(header, value) for value in read)))
    elif kind != "enum" and closing == name:
        groups: list[list[Named]] = []
        for inner in entries(header.source, STRUCT_BODY, start, end):
            if inner.begins_group:
                groups.append([])
            groups[-1].append(_field(header, inner))
        header.structs.append(Struct(name, text, tuple(map(tuple, groups))))
    else:
        raise header.source.error(entry.match.start("closing"), f"{name} ends as '{closing}'")


def _value(header: Header, entry: Entry) -> Named:
    value = VALUE.fullmatch(entry.code)
    if value is None:
        raise _not_understood(header, entry)
    return Named(value["name"], entry.text, value["number"])


def _field(header: Header, entry: Entry) -> Named:
    found = FUNCTION.fullmatch(entry.code) or VARIABLE.fullmatch(entry.code)
    if found is None:
        raise _not_understood(header, entry)
    name = found["name"]
    text = entry.text if name in WITHOUT_COMMENT else _comment(header, entry, name)
    return Named(name, text, _declaration(entry.code))


def _declaration(code: str) -> str:
    return code.removesuffix(";").removesuffix("GRPS_NOEXCEPT").rstrip()


def _read_statement(header: Header, entry: Entry) -> None:
    code = entry.code
    if handle := HANDLE.fullmatch(code):
        name = handle["name"]
        header.handles.append(Named(name, _comment(header, entry, name)))
    elif function := FUNCTION.fullmatch(code.removeprefix("typedef ")):
        name = function["name"]
        declaration = _declaration(code.removeprefix("typedef "))
        header.functions.append(Named(name, _comment(header, entry, name), declaration))
    elif layout := LAYOUT.fullmatch(code):
        for condition in layout["conditions"].split(" && "):
            _read_condition(header, entry, condition)
    else:
        raise _not_understood(header, entry)


def _read_condition(header: Header, entry: Entry, condition: str) -> None:
    found = CONDITION.fullmatch(condition)
    if found is None:
        raise _not_understood(header, entry)
    of_size, struct, name, number = found.groups()
    if of_size is not None:
        header.sizes[of_size] = int(number)
        return
    structs = [each for each in header.structs if each.name == struct]
    if name not in {one.name for each in structs for group in each.groups for one in group}:
        raise header.source.error(entry.match.start(), f"{struct} has no field {name}")
    header.offsets.setdefault(struct, {})[name] = int(number)


def _check_layout(header: Header) -> None:
    for struct in header.structs:
        if struct.name not in header.sizes:
            position = header.source.text.index(f"struct {struct.name} {{")
            raise header.source.error(position, f"no GRPS_LAYOUT asserts the size of {struct.name}")
