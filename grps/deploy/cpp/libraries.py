"""The shared libraries that a plugin needs: which are packed, which its machine must have."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from grps.errors import ArchiveError

LINE = re.compile(r"^\s*(?P<name>\S+) => (?P<path>/.*?|not found)(?: \(0x[0-9a-f]+\))?$", re.M)
"""A line of ``ldd``."""
OF_EVERY_SYSTEM = re.compile(r"^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|gomp)\.so|ld-linux)")
SYSTEM_FOLDERS = (Path("/lib"), Path("/lib64"), Path("/usr/lib"), Path("/usr/lib64"))
PACKAGES = re.compile(r"/(?:site|dist)-packages/(?P<package>[^/]+)/")


@dataclass(frozen=True, slots=True)
class NeededLibrary:
    """A library that another one is linked with."""

    name: str
    """What the loader looks for."""
    path: Path

    @property
    def package(self) -> str | None:
        """The Python package that has it, such as ``torch``."""
        found = PACKAGES.search(str(self.path.resolve()))
        return found["package"] if found else None

    @property
    def of_the_system(self) -> bool:
        """Whether it comes with a package of the system."""
        return any(self.path.is_relative_to(folder) for folder in SYSTEM_FOLDERS)

    @property
    def of_every_system(self) -> bool:
        """Whether each machine that runs GRPS has it."""
        return self.of_the_system and OF_EVERY_SYSTEM.match(self.name) is not None


def needed_libraries(library: Path, shown: str, folders: tuple[Path, ...]) -> list[NeededLibrary]:
    """List what a library needs, and what that needs.

    Args:
        library: The library.
        shown: Its name for messages.
        folders: Where else libraries are looked for.

    Raises:
        ArchiveError: One is not found, or ``library`` is none.
    """
    found = [*map(str, folders), os.environ.get("LD_LIBRARY_PATH", "")]
    variables = {"LD_LIBRARY_PATH": ":".join(path for path in found if path), "LC_ALL": "C"}
    try:
        answer = subprocess.run(
            ["ldd", str(library)],
            env={**os.environ, **variables},
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise ArchiveError(
            f"ldd can't be run ({error.strerror}); it lists the libraries that {shown} needs; on "
            "Debian: apt-get install libc-bin"
        ) from error
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise ArchiveError(f"{shown} is no shared library: {said[-1] if said else 'ldd failed'}")
    needed = []
    for line in LINE.finditer(answer.stdout):
        if line["path"] == "not found":
            raise ArchiveError(
                f"{shown} needs {line['name']}, which is not found; put its folder into "
                "LD_LIBRARY_PATH, or the library into the project's folder lib"
            )
        needed.append(NeededLibrary(line["name"], Path(line["path"])))
    return needed
