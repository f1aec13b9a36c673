"""The model archives of TorchServe, which torch-model-archiver writes: ``.mar`` files."""

from __future__ import annotations

import zipfile
from pathlib import Path

from grps.deploy.archive.manifest import FileEntry, check_path, check_paths, shown
from grps.deploy.archive.unpack import (
    DAMAGE,
    DEFAULT_LIMITS,
    Limits,
    OnBytes,
    Pair,
    check_end,
    check_head,
    unpack_files,
)
from grps.errors import ArchiveError

MODEL_MANIFEST = "MAR-INF/MANIFEST.json"
NO_CHECKSUM = ""
"""The ZIP has a checksum of each file; the manifest of TorchServe has none."""


def is_model_archive(path: Path) -> bool:
    """Return whether a file is a model archive of TorchServe; False for whatever can't be read."""
    try:
        with path.open("rb") as stream:
            check_end(stream, DEFAULT_LIMITS)
            with zipfile.ZipFile(stream) as opened:
                return MODEL_MANIFEST in opened.NameToInfo
    except (ArchiveError, OSError, *DAMAGE):
        return False


def unpack_model_archive(
    archive: Path,
    target: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_bytes: OnBytes = lambda what, done, total: None,
) -> None:
    """Unpack a model archive of TorchServe into a new folder.

    Args:
        archive: The file.
        target: The folder to make; it must not exist.
        limits: Limits of the archive.
        on_bytes: Receives the progress.

    Raises:
        ArchiveError: The archive is damaged, unsafe or too large, or the folder can't be written.
            Nothing is left behind.
    """
    unpack_files(archive, target, _all_files, limits=limits, on_bytes=on_bytes)


def _all_files(opened: zipfile.ZipFile, limits: Limits) -> tuple[None, list[Pair]]:
    pairs = []
    for head in opened.infolist():
        if head.is_dir():
            # A folder is made when its first file is.
            check_path(head.orig_filename.rstrip("/"))
            continue
        check_path(head.orig_filename)
        check_head(head, limits)
        pairs.append((head, FileEntry(head.filename, head.file_size, NO_CHECKSUM, False)))
    check_paths(entry.path for _, entry in pairs)
    if MODEL_MANIFEST not in {entry.path for _, entry in pairs}:
        raise ArchiveError(f"there is no {shown(MODEL_MANIFEST)}")
    return None, pairs
