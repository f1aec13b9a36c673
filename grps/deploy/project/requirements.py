"""Reads a project's ``requirements.txt`` and checks it against what is installed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from grps.config.document import read_text
from grps.errors import DeployError

FILE_NAME = "requirements.txt"
COMMENT = re.compile(r"(^|\s)#.*$")
INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(.+)")
SOURCE_OPTIONS = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-index",
    "--pre",
    "--trusted-host",
    "--prefer-binary",
    "--only-binary",
    "--no-binary",
)
"""Options that say where pip finds packages; what is installed does not depend on them."""
PER_LINE_OPTION = re.compile(r"\s--[a-z].*$")
MAX_FILES = 32


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement and where it stands."""

    place: str
    """File and line, for errors."""
    requirement: Requirement


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a project needs besides GRPS."""

    lines: tuple[Line, ...]
    digest: str
    """SHA-256 of all files that were read."""

    def missing(self) -> list[str]:
        """Say of each requirement that this Python does not meet what is wrong with it."""
        seen: set[tuple[str, str]] = set()
        return [
            fault
            for line in self.lines
            if _applies(line.requirement, "")
            for fault in _faults(line.requirement, seen)
        ]


def read_requirements(project: Path) -> Requirements:
    """Read ``requirements.txt`` of a project; none means that nothing is needed.

    Raises:
        DeployError: A line can't be read, has an option that is not supported, or includes a
            file outside of the project.
    """
    root = project.resolve()
    if not (root / FILE_NAME).is_file():
        return Requirements((), "")
    digest = hashlib.sha256()
    waiting, read, lines = [root / FILE_NAME], set[Path](), list[Line]()
    while waiting:
        path = waiting.pop(0)
        if path in read:
            continue
        read.add(path)
        if len(read) > MAX_FILES:
            raise DeployError(f"{path}: more than {MAX_FILES} requirement files")
        text = read_text(path)
        digest.update(f"{path.relative_to(root)}\0{text}\0".encode())
        for number, line in _logical_lines(text):
            place = f"{path.relative_to(root)}:{number}"
            included = INCLUDE.fullmatch(line)
            if included is not None:
                waiting.append(_included(path, included[1].strip(), place, root))
            elif (requirement := _parse(line, place)) is not None:
                lines.append(Line(place, requirement))
    return Requirements(tuple(lines), digest.hexdigest())


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers: continued ones joined, comments and empty ones left out."""
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not pending:
            first = number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            pending += line[:-1] + " "
            continue
        joined, pending = COMMENT.sub("", pending + line).strip(), ""
        if joined:
            yield first, joined
    if rest := COMMENT.sub("", pending).strip():
        yield first, rest


def _included(path: Path, name: str, place: str, root: Path) -> Path:
    found = (path.parent / name).resolve()
    if not found.is_relative_to(root):
        raise DeployError(f"{place}: {name} is outside of the project")
    if not found.is_file():
        raise DeployError(f"{place}: there is no file {name}")
    return found


def _parse(line: str, place: str) -> Requirement | None:
    """Read a line; ``None`` for an option that only says where packages come from."""
    if line.startswith("-"):
        option = re.split(r"[\s=]", line, maxsplit=1)[0]
        if option in SOURCE_OPTIONS:
            return None
        raise DeployError(
            f"{place}: the option {option} is not supported; "
            "write packages with versions, -r FILE, or where to find them (--find-links, "
            "--extra-index-url)"
        )
    try:
        return Requirement(PER_LINE_OPTION.sub("", line))
    except InvalidRequirement as error:
        cause = str(error).splitlines()[0]
        raise DeployError(
            f"{place}: {line!r} is not a requirement such as name>=1.0 or name @ URL ({cause})"
        ) from error


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _faults(requirement: Requirement, seen: set[tuple[str, str]]) -> Iterator[str]:
    """Yield what is wrong with a package and with what its extras bring."""
    try:
        found = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        yield f"{requirement} is not installed"
        return
    if not requirement.specifier.contains(found.version, prereleases=True):
        yield f"{requirement} is needed, {found.version} is installed"
    for extra in sorted(requirement.extras):
        key = (canonicalize_name(requirement.name), extra)
        if key in seen:
            continue
        seen.add(key)
        for text in found.requires or []:
            brought = Requirement(text)
            if _applies(brought, extra) and not _applies(brought, ""):
                yield from _faults(brought, seen)
