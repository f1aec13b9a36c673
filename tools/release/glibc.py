"""Checks which C library programs and modules need."""

from __future__ import annotations

import re
import tempfile
import zipfile
from pathlib import Path

from tools.release.commands import ReleaseError, run
from tools.release.plan import GLIBC, SERVER, Target

SYMBOL = re.compile(r"\bGLIBC_(\d+)\.(\d+)")
NEEDED = re.compile(r"\(NEEDED\).*\[(.+)\]")
SYSTEM = re.compile(r"(?:lib(?:c|m|dl|rt|pthread|gcc_s)|ld-linux-(?:x86-64|aarch64))\.so\.\d")
"""Libraries that every Linux with the GNU C Library has."""


def newest_symbol(file: Path) -> tuple[int, int]:
    """Return the newest version of the GNU C Library that a program or library has a symbol of."""
    said = run(["readelf", "--version-info", "--wide", file], file.parent)
    return max(((int(major), int(minor)) for major, minor in SYMBOL.findall(said)), default=(0, 0))


def check_libraries(file: Path) -> tuple[int, int]:
    """Check what a program or library needs; return the version of the C library.

    Raises:
        ReleaseError: It needs a newer one, or another library.
    """
    newest = newest_symbol(file)
    if newest > GLIBC:
        needs = ".".join(map(str, newest))
        raise ReleaseError(f"{file.name} needs glibc {needs}, newer than {GLIBC[0]}.{GLIBC[1]}")
    said = run(["readelf", "--dynamic", "--wide", file], file.parent)
    others = [name for name in NEEDED.findall(said) if not SYSTEM.fullmatch(name)]
    if others:
        raise ReleaseError(f"{file.name} needs {', '.join(others)}, which not every system has")
    return newest


def check_wheel(wheel: Path, target: Target, auditwheel: Path) -> str:
    """Check that a wheel runs on its platform; return what was found.

    Args:
        wheel: The wheel.
        target: Its platform.
        auditwheel: The program of this name.

    Raises:
        ReleaseError: It does not.
    """
    said = " ".join(run([auditwheel, "show", wheel], wheel.parent).split())
    tag = re.search(r'platform tag: "([^"]+)"', said)
    allowed = re.compile(rf"manylinux_2_(\d+)_{target.machine}")
    minor = allowed.fullmatch(tag[1]) if tag else None
    if minor is None or int(minor[1]) > GLIBC[1]:
        raise ReleaseError(f"auditwheel says of {wheel.name}: {said}")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith((".so", f"/{SERVER}"))]
        found = [check_libraries(Path(archive.extract(name, folder))) for name in names]
    newest = ".".join(map(str, max(found)))
    return f"{minor[0]}; symbols of glibc up to {newest} in {len(found)} files"
