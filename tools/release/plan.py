"""What is released, for which platforms, and where it is made."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from tools.repository import ROOT

WORK = ROOT / ".release"
"""Everything that is made on the way; git ignores it."""
DIST = ROOT / "dist"
"""What is uploaded."""
PACKAGE = "grpst"
SERVER = "grps-server"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""Versions of CPython that a wheel is tested on."""
GLIBC = (2, 28)
"""The newest version of the GNU C Library whose symbols are used."""


@dataclass(frozen=True, slots=True)
class Target:
    """A platform."""

    rust: str
    """As Rust names it."""
    machine: str
    """As ``uname -m`` says it."""
    debian: str
    """As Debian names it."""

    @property
    def wheel_tag(self) -> str:
        """The platform in names of wheels."""
        return f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{self.machine}"


TARGETS = {
    one.machine: one
    for one in (
        Target("x86_64-unknown-linux-gnu", "x86_64", "amd64"),
        Target("aarch64-unknown-linux-gnu", "aarch64", "arm64"),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One run."""

    version: str
    """By Semantic Versioning, as in ``Cargo.toml``."""
    commit: str
    committed_at: int
    """When the commit was made, in seconds since 1970: the time of everything that is packed."""
    targets: tuple[Target, ...]
    profile: str
    """Of Cargo: ``release`` or ``dev``."""
    work: Path
    dist: Path

    @property
    def python_version(self) -> str:
        """The version as Python's packages have it, such as ``1.2.0rc1``."""
        return str(Version(self.version))

    @property
    def built(self) -> str:
        """How a build by this plan names its profile."""
        return "release" if self.profile == "release" else "debug"

    def server_archive(self, target: Target) -> Path:
        """Where the archive of the server without Python is written."""
        return self.dist / f"{SERVER}-{self.version}-linux-{target.machine}.tar.gz"

    def sbom(self) -> Path:
        """Where the list of software is written."""
        return self.dist / f"{PACKAGE}-{self.version}.cdx.json"


def workspace_version() -> str:
    """Return the version in ``Cargo.toml``, which all others follow.

    Raises:
        ValueError: There is none.
    """
    text = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    found = re.search(r'^\[workspace\.package\]\nversion = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ValueError("Cargo.toml has no version of the workspace")
    return found[1]


def git(*words: str) -> str:
    """Return what git prints in the repository."""
    command = ["git", *words]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return said.stdout.strip()
