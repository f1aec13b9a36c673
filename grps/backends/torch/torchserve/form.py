"""Reads the bodies of HTML forms: the named parts of a request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from grps.errors import InputError

MAX_PARTS = 1000
MAX_HEAD_BYTES = 8192
"""The headers of one part."""
MAX_BOUNDARY_CHARS = 70
_NAME = re.compile(r';\s*name="((?:[^"\\]|\\.)*)"|;\s*name=([^\s;"]+)', re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a request."""

    name: str
    value: bytes
    content_type: str = ""


def read_pairs(text: str) -> list[Part]:
    """Return the fields of a query or of an urlencoded form.

    Raises:
        InputError: There are too many.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise InputError(f"more than {MAX_PARTS} fields") from error
    return [Part(name, value.encode()) for name, value in pairs]


def read_multipart(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a multipart form.

    Raises:
        InputError: The body is malformed, or has too many parts.
    """
    found = _BOUNDARY.search(content_type)
    boundary = (found[1] or found[2]) if found else ""
    if not boundary or len(boundary) > MAX_BOUNDARY_CHARS:
        raise InputError("multipart/form-data needs a boundary of at most 70 characters")
    return [_part(section) for section in _sections(body, boundary)]


def _sections(body: bytes, boundary: str) -> Iterator[bytes]:
    """Yield what is between the boundaries, each with its headers."""
    try:
        mark = b"\r\n--" + boundary.encode("ascii")
    except UnicodeEncodeError as error:
        raise InputError("the boundary of the form is not ASCII") from error
    # The first boundary may begin the body, without a line before it.
    if body.startswith(mark[2:]):
        at = len(mark) - 2
    else:
        first = body.find(mark)
        if first < 0:
            raise InputError("the form has no part: its boundary is not in the body")
        at = first + len(mark)
    for _ in range(MAX_PARTS + 1):
        if body.startswith(b"--", at):
            return
        begin = body.find(b"\r\n", at)
        end = body.find(mark, at)
        if begin < 0 or end < 0 or body[at:begin].strip(b" \t"):
            raise InputError("the form is cut: its last boundary is missing")
        yield body[begin + 2 : end]
        at = end + len(mark)
    raise InputError(f"the form has more than {MAX_PARTS} parts")


def _part(section: bytes) -> Part:
    head, blank, value = section.partition(b"\r\n\r\n")
    if section.startswith(b"\r\n"):
        head, blank, value = b"", b"\r\n", section[2:]
    if not blank or len(head) > MAX_HEAD_BYTES:
        raise InputError(f"a part of the form has no headers, or over {MAX_HEAD_BYTES} bytes")
    name = content_type = ""
    for line in head.decode("utf-8", errors="replace").split("\r\n"):
        key, _, text = line.partition(":")
        if key.strip().lower() == "content-disposition":
            found = _NAME.search(text)
            name = re.sub(r"\\(.)", r"\1", found[1] or found[2] or "") if found else ""
        elif key.strip().lower() == "content-type":
            content_type = text.strip()
    if not name:
        raise InputError("a part of the form has no name")
    return Part(name, value, content_type)
