"""The end of a ZIP file, read before its directory is: how many entries, how large."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from grps.errors import ArchiveError

END = struct.Struct("<4s4H2LH")
END_MARK = b"PK\x05\x06"
LOCATOR = struct.Struct("<4sLQL")
LOCATOR_MARK = b"PK\x06\x07"
END64 = struct.Struct("<4sQ2H2L4Q")
END64_MARK = b"PK\x06\x06"
MOST_16, MOST_32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ZipEnd:
    """The directory of a ZIP by its last records."""

    entries: int
    directory_bytes: int


def read_end(stream: BinaryIO) -> ZipEnd | None:
    """Read the end of a ZIP; ``None`` when the file is not a ZIP.

    Raises:
        ArchiveError: It has a comment, several parts, or something before or after the archive.
    """
    size = stream.seek(0, os.SEEK_END)
    at = size - END.size
    mark, disk, first_disk, here, entries, length, offset, comment = _read(stream, END, at)
    if mark != END_MARK:
        return None
    if comment:
        raise ArchiveError("the archive has a comment, which this format does not")
    if MOST_16 in (here, entries) or MOST_32 in (length, offset):
        mark, _, at64, _ = _read(stream, LOCATOR, at - LOCATOR.size)
        record = at - LOCATOR.size - END64.size
        if mark != LOCATOR_MARK or at64 != record:
            raise ArchiveError("the end of the archive is damaged")
        values = _read(stream, END64, record)
        if values[0] != END64_MARK:
            raise ArchiveError("the end of the archive is damaged")
        disk, first_disk, here, entries, length, offset = values[4:]
        at = record
    if disk or first_disk or here != entries:
        raise ArchiveError("the archive has several parts, which this format does not")
    if offset + length != at:
        raise ArchiveError("the archive is cut, or something was put before or behind it")
    return ZipEnd(entries, length)


def _read(stream: BinaryIO, record: struct.Struct, at: int) -> tuple[Any, ...]:
    """Read a record; zeros when the file has no room for it."""
    if at < 0:
        return record.unpack(bytes(record.size))
    stream.seek(at)
    data = stream.read(record.size)
    return record.unpack(data.ljust(record.size, b"\0"))
