"""The page of the plugin ABI in Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from tools.abi_reference.header import Header, Macro, Named, Struct

TABLES: dict[str, dict[str, str]] = {
    "grps_host": {
        "struct_size": "Version of the host",
        "log": "Log, metrics, failures and arguments",
        "request_count": "Batch",
        "request_id": "Single requests",
        "allocate": "Outputs",
        "message": "Whole messages",
        "http_request": "Customized HTTP",
        "set_user_data": "User data",
        "add_input": "Signature",
        "begin_call": "Calls of other models",
        "add_slot": "Step models",
    },
    "grps_step_class": {},
    "grps_inferer_class": {
        "struct_size": "Required",
        "describe": "Optional",
        "steps": "Step models",
    },
    "grps_plugin": {},
}
"""The tables of functions; for each group of fields, by its first field, the title."""
STANDARD = {"struct_size": "size of the struct that its maker knows, in bytes", "reserved": "0"}
"""The meaning of fields that need no comment in the header."""
OPENS = "_function"
"""Ends the name of the type of an exported function."""
WIDTH = 120
CODE = re.compile(
    r"`[^`]+`"
    r"|\b[\w/-]+\.(?:hpp|h|rs|yml)\b"
    r"|\b[A-Za-z]\w*_\w+(?:\.\w+)*(?:\(\w*\))?"
    r"|\b\w+\(\w*\)"
)
"""Code in a comment: what is marked so, files, names with an underscore, and calls."""
WORD = re.compile(r"\b(?:grps|GRPS)_\w+")


def generated(header: Header) -> str:
    """Return the generated part of the page.

    Raises:
        ValueError: A name of the header is not in it, or a group of fields has no title.
    """
    sections = (
        _overview(header),
        _version(header),
        _enumerations(header),
        _handles(header),
        _structs(header),
        _function_types(header),
        _exported(header),
        _macros(header),
        _layout(header),
    )
    lines = [line for section in sections for line in section]
    page = "\n".join(lines).rstrip() + "\n"
    missing = sorted(set(WORD.findall(header.source.text)) - set(WORD.findall(page)))
    if missing:
        raise ValueError(f"the page has not these names of the header: {', '.join(missing)}")
    return page


class _Links:
    """Comments as Markdown: names are code, and those with a section are links to it."""

    def __init__(self, header: Header) -> None:
        values = ((value.name, enum.name) for enum in header.enums for value in enum.values)
        self._anchors = dict(values)
        self._anchors |= {enum.name: enum.name for enum in header.enums}
        self._anchors |= {struct.name: struct.name for struct in header.structs}
        self._anchors |= {function.name: function.name for function in header.functions}

    def text(self, comment: str) -> str:
        return CODE.sub(self._code, comment)

    def _code(self, match: re.Match[str]) -> str:
        code = match[0] if match[0].startswith("`") else f"`{match[0]}`"
        name = code.strip("`").partition(".")[0]
        return f"[{code}](#{self._anchors[name]})" if name in self._anchors else code

    def paragraphs(self, comment: str) -> Iterator[str]:
        """Yield the lines of a comment, each paragraph and item of a list filled anew."""
        for paragraph in comment.split("\n\n"):
            items = re.split(r"\n(?=- )", paragraph)
            for item in items:
                if len(items) > 1 and not item.startswith("- "):
                    yield from (f"### {item}", "")
                    continue
                indent = "  " if item.startswith("- ") else ""
                yield from _filled(self.text(" ".join(item.split())), indent)
            yield ""

    def cell(self, comment: str) -> str:
        return self.text(" ".join(comment.split())).replace("|", "\\|")


def _filled(text: str, indent: str) -> Iterator[str]:
    """Yield a paragraph in lines, which do not end within code."""
    kept = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)
    for line in textwrap.wrap(
        kept, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ):
        yield line.replace("\0", " ")


def _table(*rows: Iterable[str]) -> Iterator[str]:
    """Yield a table without its empty columns; the first row is the heading.

    Nothing, if there are no other rows.
    """
    if len(rows) == 1:
        return
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    lines = [
        "|" + "".join(f" {cell} |" if cell else " |" for cell in row)
        for row in zip(*columns, strict=True)
    ]
    yield from (lines[0], "|" + "---|" * len(columns), *lines[1:], "")


def _overview(header: Header) -> Iterator[str]:
    yield from ("## Overview", "")
    yield from _Links(header).paragraphs(header.opening)


def _version(header: Header) -> Iterator[str]:
    numbers = [macro for macro in header.macros.values() if _is_number(macro)]
    yield from ("## Version", "")
    for text in dict.fromkeys(macro.text for macro in numbers):
        yield from _Links(header).paragraphs(text)
    rows = ((f"`{macro.name}`", macro.values["both"]) for macro in numbers)
    yield from _table(("constant", "value"), *rows)


def _is_number(macro: Macro) -> bool:
    return macro.values.get("both", "").isdigit()


def _enumerations(header: Header) -> Iterator[str]:
    links = _Links(header)
    yield from ("## Enumerations", "")
    for enum in header.enums:
        yield from (f"### {enum.name}", "", *links.paragraphs(enum.text))
        values = ((f"`{value.name}`", value.code, links.cell(value.text)) for value in enum.values)
        yield from _table(("name", "value", "meaning"), *values)


def _handles(header: Header) -> Iterator[str]:
    links = _Links(header)
    yield from ("## Opaque types", "")
    yield from (
        "The host makes them and gives pointers to them. A plugin does not look inside.",
        "",
    )
    rows = ((f"`{one.name}`", links.cell(one.text)) for one in header.handles)
    yield from _table(("type", "meaning"), *rows)


def _structs(header: Header) -> Iterator[str]:
    for title, wants_table in (("Structs", False), ("Function tables", True)):
        yield from (f"## {title}", "")
        for struct in header.structs:
            if (struct.name in TABLES) is wants_table:
                yield from _struct(header, struct)


def _struct(header: Header, struct: Struct) -> Iterator[str]:
    links = _Links(header)
    yield from (f"### {struct.name}", "", *links.paragraphs(struct.text))
    titles = TABLES.get(struct.name, {})
    for group in struct.groups:
        first = group[0].name
        if len(struct.groups) > 1 and first not in titles:
            raise ValueError(
                f"{struct.name}: the group of fields that begins with {first} has no title; add "
                "one to TABLES of tools/abi_reference/page.py"
            )
        if first in titles:
            yield from (f"#### {titles[first]}", "")
        yield from _table(("field", "declaration", "meaning"), *_fields(links, group))


def _fields(links: _Links, group: tuple[Named, ...]) -> Iterator[tuple[str, str, str]]:
    for field in group:
        text = field.text or STANDARD[field.name]
        yield f"`{field.name}`", f"`{field.code}`", links.cell(text)


def _function_types(header: Header) -> Iterator[str]:
    yield from ("## Function types", "")
    for function in header.functions:
        if not function.name.endswith(OPENS):
            yield from (f"### {function.name}", "", *_Links(header).paragraphs(function.text))
            yield from ("```text", f"typedef {function.code};", "```", "")


def _exported(header: Header) -> Iterator[str]:
    yield from ("## Exported function", "")
    for function in header.functions:
        if function.name.endswith(OPENS):
            name = function.name.removesuffix(OPENS)
            yield from (f"### {name}", "", *_Links(header).paragraphs(function.text))
            code = function.code.replace(f"(*{function.name})", name)
            yield from ("```text", f"{code};", "```", "")
            yield from (f"`{function.name}` is the type of a pointer to it.", "")


def _macros(header: Header) -> Iterator[str]:
    yield from ("## Macros", "")
    rows = [(f"`{header.guard}`", "", "", "defined after the header was read")]
    for macro in header.macros.values():
        if not _is_number(macro):
            name = f"`{macro.name}{macro.arguments}`"
            yields = (macro.values.get(key, macro.values.get("both", "")) for key in ("C", "C++"))
            in_c, in_cpp = (f"`{value}`" if value else "" for value in yields)
            rows.append((name, in_c, in_cpp, _Links(header).cell(macro.text)))
    yield from _table(("macro", "in C", "in C++", "meaning"), *rows)


def _layout(header: Header) -> Iterator[str]:
    """The sizes and offsets, which the header asserts."""
    yield from ("## Layout", "")
    yield from ("The header asserts these sizes of types and offsets of fields, in bytes.", "")
    rows = []
    for name, size in header.sizes.items():
        offsets = header.offsets.get(name, {}).items()
        cell = ", ".join(f"`{field}` {offset}" for field, offset in offsets)
        rows.append((f"`{name}`", str(size), cell))
    yield from _table(("type", "size", "offsets"), *rows)
