"""Projects and archives for tests, sound and crafted."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grps.deploy.archive.manifest import MANIFEST, FileEntry, Manifest

TIME = (1980, 1, 1, 0, 0, 0)


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def entry_of(path: str, content: bytes) -> FileEntry:
    return FileEntry(path, len(content), hashlib.sha256(content).hexdigest(), False)


def manifest_of(*entries: FileEntry) -> bytes:
    return Manifest(grps_version="1", project="p", python_version="3.11", files=entries).encode()


def head_of(path: str, mode: int = 0o100644, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    head = zipfile.ZipInfo(path, TIME)
    head.create_system = 3
    head.external_attr = mode << 16
    head.compress_type = method
    return head


def zip_of(*parts: tuple[zipfile.ZipInfo, bytes], manifest: bytes | None = None) -> bytes:
    """Return a ZIP; its manifest, unless given, says the truth about the parts."""
    if manifest is None:
        manifest = manifest_of(*(entry_of(head.filename, content) for head, content in parts))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(head_of(MANIFEST), manifest)
        for head, content in parts:
            archive.writestr(head, content)
    return out.getvalue()
