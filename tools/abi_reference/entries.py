"""Split a C header into entries, each with the comments that belong to it.

It knows the style of ``grps/plugin.h`` only. Text that it does not know is an error with its line,
and so is a comment that belongs to nothing: nothing of the header is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

COMMENT = r"/\*(?:[^*]|\*(?!/))*\*/"
WHOLE_FILE = re.compile(
    rf"""
    (?P<space>\s+)
    | (?P<comment>{COMMENT})
    | (?P<directive>\#[^\n/]*)
    | (?P<block>(?P<kind>enum|typedef\ struct)\s+(?P<name>\w+)\s*
        \{{(?P<body>(?:{COMMENT}|[^{{}}/])*)\}}\s*(?P<closing>\w*);)
    | (?P<linkage>extern\ "C"\ \{{|\}})
    | (?P<statement>[\w][^;{{}}/\#]*;)
    """,
    re.VERBOSE,
)
"""A header outside of braces."""
STRUCT_BODY = re.compile(
    rf"(?P<space>\s+)|(?P<comment>{COMMENT})|(?P<statement>\w[^;{{}}/#]*;)",
)
ENUM_BODY = re.compile(
    rf"(?P<space>\s+)|(?P<comment>{COMMENT})|(?P<statement>\w[^,;{{}}/#]*(?:,|(?=/)|\Z))",
)
TOKENS = ("space", "comment", "directive", "block", "linkage", "statement")


class HeaderError(ValueError):
    """A part of the header is not understood; the message begins with its file and line."""


@dataclass(slots=True)
class Entry:
    """A directive or declaration.

    Attributes:
        kind: Which of ``TOKENS`` it is.
        match: What was read.
        line: Where it begins.
        begins_group: Whether a blank line or nothing is above it and its comment.
        comments: Comments above and beside it, in this order.
    """

    kind: str
    match: re.Match[str]
    line: int
    begins_group: bool
    comments: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        """Its text in one line."""
        return " ".join(self.match[self.kind].split())

    @property
    def text(self) -> str:
        """Its comments as lines without the marks of C."""
        return "\n".join(self.comments)


@dataclass(frozen=True, slots=True)
class Source:
    """A header.

    Attributes:
        name: Its path in messages.
        text: All of it.
    """

    name: str
    text: str

    def error(self, position: int, fault: str) -> HeaderError:
        """Make an error for a position in the text."""
        return HeaderError(f"{self.name}:{self.line(position)}: {fault}")

    def line(self, position: int) -> int:
        """Return the number of the line of a position."""
        return self.text.count("\n", 0, position) + 1


@dataclass(slots=True)
class _Above:
    """The comment above the next entry; directives that follow each other share it."""

    match: re.Match[str]
    is_used: bool = False


def entries(source: Source, pattern: re.Pattern[str], start: int, end: int) -> list[Entry]:
    """Read a part of a header.

    Raises:
        HeaderError: The pattern does not know a text, or a comment belongs to nothing.
    """
    found: list[Entry] = []
    above: _Above | None = None
    begins_group = True
    for match in _matches(source, pattern, start, end):
        kind = next(name for name in TOKENS if match.groupdict().get(name) is not None)
        if kind == "space":
            if match[0].count("\n") > 1:
                _check_used(source, above)
                above, begins_group = None, True
        elif kind == "comment" and _is_beside(source, found, match):
            found[-1].comments.append(comment_text(match[0]))
        elif kind == "comment":
            _check_used(source, above)
            above = _Above(match)
        else:
            entry = Entry(kind, match, source.line(match.start()), begins_group)
            if above is not None:
                entry.comments.append(comment_text(above.match[0]))
                above.is_used |= _takes_comment(entry)
            found.append(entry)
            begins_group = False
            if kind in ("block", "statement"):
                above = None
    _check_used(source, above)
    return found


def _matches(
    source: Source, pattern: re.Pattern[str], start: int, end: int
) -> Iterator[re.Match[str]]:
    while start < end:
        match = pattern.match(source.text, start, end)
        if match is None:
            line = source.text[start:].splitlines()[0]
            raise source.error(start, f"this declaration is not understood: {line}")
        yield match
        start = match.end()


def _takes_comment(entry: Entry) -> bool:
    return entry.kind in ("block", "statement") or entry.code.startswith(("#define", "#ifndef"))


def _is_beside(source: Source, found: list[Entry], comment: re.Match[str]) -> bool:
    """Whether a comment begins in the line in which the last entry ends."""
    if not found or found[-1].kind == "block" or not _takes_comment(found[-1]):
        return False
    return "\n" not in source.text[found[-1].match.end() : comment.start()]


def _check_used(source: Source, above: _Above | None) -> None:
    if above is not None and not above.is_used:
        raise source.error(above.match.start(), "this comment is above no declaration")


def comment_text(comment: str) -> str:
    """Return the lines of a comment without its marks."""
    lines = comment.removeprefix("/*").removesuffix("*/").strip().splitlines()
    return "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines).strip()
