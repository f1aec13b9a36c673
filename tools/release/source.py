"""The sources that are built: a fresh clone, and the source package of it."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.release.commands import ReleaseError, run
from tools.release.plan import Plan
from tools.repository import ROOT, source_files

SHIPPED = (".rs", ".toml", ".py", ".pyi")
"""Ends of names of files that must be packed as they are, where their folder is packed."""
REWRITTEN = {Path("Cargo.toml")}
"""Files that the packer writes anew: the workspace has only the crates that are packed."""


def clone(plan: Plan) -> Path:
    """Return a folder with the commit and nothing else: no ignored or edited file gets in."""
    folder = plan.work / "source"
    shutil.rmtree(folder, ignore_errors=True)
    run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(folder)], ROOT)
    run(["git", "checkout", "--quiet", "--detach", plan.commit], folder)
    return folder


def pack(plan: Plan, source: Path, maturin: Path) -> Path:
    """Write the source package; return it.

    Raises:
        ReleaseError: It was not written.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(plan.committed_at)}
    run([maturin, "sdist", "--out", plan.dist], source, environment)
    found = [path for path in plan.dist.glob("*.tar.gz") if path.name.startswith("grpst-")]
    if len(found) != 1:
        raise ReleaseError(f"{plan.dist} has {len(found)} source packages, not one")
    return found[0]


def unpack(package: Path, folder: Path) -> Path:
    """Unpack a source package into an empty folder; return its one folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


def check_complete(unpacked: Path, source: Path, environment: Mapping[str, str]) -> None:
    """Check that a source package has its files as they are in the repository, and resolves.

    Args:
        unpacked: The source package.
        source: The repository that it was made of.
        environment: All variables of Cargo.

    Raises:
        ReleaseError: A file is absent or differs, or Cargo can't read it.
    """
    wrong = list(_wrong_files(unpacked, source))
    if wrong:
        raise ReleaseError("\n".join([*wrong, "the source package is not complete"]))
    command = ["cargo", "metadata", "--offline", "--format-version", "1"]
    run(command, unpacked, environment)


def _wrong_files(unpacked: Path, source: Path) -> Iterator[str]:
    """Yield one line for each source file that is absent from the package, or differs."""
    crates = {path.name for path in (unpacked / "crates").iterdir()}
    for path in source_files(source):
        folder = path.parts[0]
        packed = folder in {"grps", "grps_apis", "grps_framework"} or (
            folder == "crates" and path.parts[1] in crates
        )
        if not packed or path.suffix not in SHIPPED or path in REWRITTEN:
            continue
        copy = unpacked / path
        if not copy.is_file():
            yield f"{path}: not in the source package"
        elif path.name != "Cargo.toml" and copy.read_bytes() != (source / path).read_bytes():
            yield f"{path}: differs in the source package"
