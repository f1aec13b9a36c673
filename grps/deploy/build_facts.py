"""How the installed GRPS was built: its native module, and the server without Python."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from grps.deploy.native import CHECK_S, PROGRAM

SHORT_COMMIT = 12
"""Characters of a commit in a line for people."""
STABLE_ABI = ".abi3.so"
"""End of the name of a module that newer versions of CPython load too."""


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """How a program or module was built."""

    version: str
    commit: str | None
    """The commit it was built of; only builds by ``make release`` know it."""
    rust: str
    """Version of the Rust compiler."""
    target: str
    """The platform, as Rust names it, such as ``x86_64-unknown-linux-gnu``."""
    profile: str
    """``release`` or ``debug``."""

    def __str__(self) -> str:
        """Describe it in a few words, without the version."""
        commit = f"commit {self.commit[:SHORT_COMMIT]}, " if self.commit else ""
        return f"{commit}{self.profile} build, {self.target}, rust {self.rust}"


def module_build() -> BuildFacts | None:
    """Return how the native module was built; ``None`` if it can't be loaded."""
    try:
        from grps.server.native import build_facts
    except ImportError:
        return None
    return msgspec.convert(build_facts(), BuildFacts)


def module_abi() -> str | None:
    """Return ``abi3`` for the stable ABI, else the tag of the one CPython that loads the module.

    ``None`` means that there is no module.
    """
    spec = find_spec("grps._core")
    if spec is None or spec.origin is None:
        return None
    name = Path(spec.origin).name
    return "abi3" if name.endswith(STABLE_ABI) else name.split(".")[1]


def server_build(program: Path = PROGRAM) -> BuildFacts | None:
    """Return how the server without Python was built; ``None`` if there is none that runs.

    Args:
        program: The server.
    """
    command = [str(program), "--version", "--json"]
    try:
        said = subprocess.run(command, capture_output=True, timeout=CHECK_S, check=True)
        return msgspec.json.decode(said.stdout, type=BuildFacts)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return None
