"""The description in an archive: its first entry, ``MANIFEST.json``."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated

import msgspec

from grps.errors import ArchiveError

MANIFEST = "MANIFEST.json"
FORMAT = 1
MAX_ENTRIES = 100_000
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 255
MAX_PARTS = 64
SHOWN_CHARS = 120
FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, surrogates, line and paragraph separators."""

Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an archive."""

    path: str
    size: Size
    sha256: Sha256
    executable: bool


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The contents of an archive."""

    format: int = FORMAT
    grps_version: str
    project: str
    """Name of the project's folder."""
    python_version: str
    """The Python that packed it, such as 3.11."""
    files: tuple[FileEntry, ...]
    """By path."""

    def encode(self) -> bytes:
        """Return the bytes of ``MANIFEST.json``."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


class _Version(msgspec.Struct):
    format: int


def decode_manifest(data: bytes) -> Manifest:
    """Read ``MANIFEST.json``.

    Raises:
        ArchiveError: It is not a manifest, is of a later format, or names an unsafe path.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).format
        if version != FORMAT:
            raise ArchiveError(
                f"{MANIFEST}: archive format {version}; this grpst reads format {FORMAT}"
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"{MANIFEST}: {error}") from error
    check_paths(entry.path for entry in manifest.files)
    return manifest


def check_paths(paths: Iterable[str]) -> None:
    """Check that paths are safe, distinct, and that none is both a file and a folder.

    Raises:
        ArchiveError: The first that is not; the text names it.
    """
    files: set[str] = set()
    folders: set[str] = set()
    for path in paths:
        check_path(path)
        plain = unicodedata.normalize("NFC", path)
        if plain in files:
            raise ArchiveError(f"{shown(path)}: two files have this name")
        files.add(plain)
        parts = plain.split("/")
        folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
        if len(folders) > MAX_ENTRIES:
            raise ArchiveError(f"more than {MAX_ENTRIES} folders")
    if both := sorted(files & folders):
        raise ArchiveError(f"{shown(both[0])}: both a file and a folder have this name")


def check_path(path: str) -> None:
    """Check that a path stays below where it is put and means the same on every system.

    Raises:
        ArchiveError: It does not; the text says why.
    """
    fault = _fault(path)
    if fault is not None:
        raise ArchiveError(f"{shown(path)}: {fault}")


def shown(text: str) -> str:
    """Return a name from outside as it may be printed: quoted, escaped and cut."""
    return ascii(text[:SHOWN_CHARS]) if not text.isprintable() else repr(text[:SHOWN_CHARS])


def _fault(path: str) -> str | None:
    if any(unicodedata.category(char) in FORBIDDEN_CATEGORIES for char in path):
        return "the name has control characters or is not UTF-8"
    parts = path.split("/")
    longest = max(len(part.encode()) for part in parts)
    faults = (
        ("\\" in path, "the name has a backslash"),
        (path.startswith("/"), "the path is absolute"),
        (not {"", ".", ".."}.isdisjoint(parts), "the path has an empty part, '.' or '..'"),
        (path == MANIFEST, "the name is the archive's own"),
        (len(parts) > MAX_PARTS, f"the path has over {MAX_PARTS} parts"),
        (longest > MAX_PART_BYTES, f"a part of the path has over {MAX_PART_BYTES} bytes"),
        (len(path.encode()) > MAX_PATH_BYTES, f"the path has over {MAX_PATH_BYTES} bytes"),
    )
    return next((text for wrong, text in faults if wrong), None)
