"""Packs the installed GRPS into a wheel, so that an image gets the version that runs here."""

from __future__ import annotations

import base64
import hashlib
import os
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import grps
from grps.errors import DeployError

DISTRIBUTION = "grpst"
PACKAGES = ("grps", "grps_apis", "grps_framework")
LEFT_OUT = frozenset({"__pycache__"})
INSTALLERS_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "WHEEL"})
"""What an installation adds to the metadata, and what is written anew."""
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_wheel(folder: Path) -> Path:
    """Write the wheel of the GRPS that runs this; the same files give the same bytes.

    Args:
        folder: Where it is written.

    Raises:
        DeployError: GRPS is not installed as a package.
    """
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError as error:
        raise DeployError(
            f"{DISTRIBUTION} is not installed as a package, so there is no wheel of it to put into "
            "the image; give one with --wheel"
        ) from error
    information = f"{DISTRIBUTION}-{found.version}.dist-info"
    tag = _tag(found)
    path = folder / f"{DISTRIBUTION}-{found.version}-{tag}.whl"
    record: list[str] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        for name, source in [*_code(Path(grps.__file__).parent.parent), *_facts(found)]:
            data = source.read_bytes()
            _add(wheel, name, data, source.stat().st_mode)
            record.append(_line(name, data))
        head = f"Wheel-Version: 1.0\nGenerator: grpst\nRoot-Is-Purelib: false\nTag: {tag}\n"
        _add(wheel, f"{information}/WHEEL", head.encode(), 0o644)
        record.append(_line(f"{information}/WHEEL", head.encode()))
        lines = "\n".join([*record, f"{information}/RECORD,,", ""])
        _add(wheel, f"{information}/RECORD", lines.encode(), 0o644)
    return path


def _code(root: Path) -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        # The SDK is a link in a working tree.
        for folder, folders, files in os.walk(root / package, followlinks=True):
            folders[:] = sorted(set(folders) - LEFT_OUT)
            for file in sorted(files):
                source = Path(folder, file)
                yield source.relative_to(root).as_posix(), source


def _facts(found: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    for file in sorted(found.files or (), key=str):
        inside = file.parts[0].endswith(".dist-info") and ".." not in file.parts
        if inside and file.name not in INSTALLERS_FILES:
            yield file.as_posix(), Path(str(found.locate_file(file)))


def _tag(found: metadata.Distribution) -> str:
    tags = [
        line.removeprefix("Tag: ")
        for line in (found.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag: ")
    ]
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return tags[0] if tags else f"cp310-abi3-{platform}"


def _add(wheel: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = (0o100755 if mode & 0o100 else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(entry, data)


def _line(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"
