"""Packs the server without Python for machines that need nothing else."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from tools.release.plan import SERVER, Plan, Target

TEXTS = ("LICENSE", "NOTICE")
README = """\
grps-server {version} for {machine} Linux with glibc 2.28 or newer
It serves models of GRPS without Python: ./grps-server --help says how, ./grps-server --version how
it was built. The libraries of engines, such as libonnxruntime.so, are not in this archive.
"""


def pack_server(plan: Plan, target: Target, program: Path, source: Path) -> Path:
    """Write the archive; the same files give the same bytes.

    Args:
        plan: The run.
        target: The platform of the program.
        program: The server.
        source: The folder with the licence.

    Returns:
        The archive.
    """
    path = plan.server_archive(target)
    folder = path.name.removesuffix(".tar.gz")
    about = README.format(version=plan.version, machine=target.machine).encode()
    files = [("README.txt", about, 0o644), (SERVER, program.read_bytes(), 0o755)]
    files += [(name, (source / name).read_bytes(), 0o644) for name in TEXTS]
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=plan.committed_at) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data, mode in sorted(files):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mode, entry.mtime = len(data), mode, plan.committed_at
            archive.addfile(entry, io.BytesIO(data))
    return path
