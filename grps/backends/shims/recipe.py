"""What the shim of an engine is built of."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grps.errors import ModelError

SDK = Path(__file__).parents[2] / "sdk" / "cpp"
SOURCES = SDK / "engines"
_SUFFIXES = {".h", ".hpp", ".cc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the shim of an engine's installed version is compiled.

    Its sources are the folder ``engines/ENGINE`` of the SDK and the headers beside that.
    """

    engine: str
    """The ``inferer_type``."""
    package: str
    """What is installed, such as ``torch``."""
    version: str
    """Its version."""
    includes: Sequence[Path]
    """Folders of its headers."""
    folders: Sequence[Path] = ()
    """Folders of its libraries, where they are looked for at run time as well."""
    libraries: Sequence[str] = ()
    """What is linked, without ``lib`` and ``.so``."""
    flags: Sequence[str] = ()
    """Further words for the compiler."""
    seconds: int = 30
    """About how long it takes."""

    def words(self) -> list[str]:
        """Return the words of the compiler's command between its name and the file to write."""
        return [
            *("-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"),
            *self.flags,
            f"-I{SDK / 'include'}",
            *(word for folder in self.includes for word in ("-isystem", str(folder))),
            str(self.source),
            *(f"-L{folder}" for folder in self.folders),
            *(f"-Wl,-rpath,{folder}" for folder in self.folders),
            *("-Wl,-z,defs", "-Wl,--no-as-needed"),
            *(f"-l{library}" for library in self.libraries),
            "-ldl",
        ]

    @property
    def source(self) -> Path:
        """The file that is compiled."""
        return SOURCES / self.engine / "engine.cc"

    def file_name(self) -> str:
        """Return the name of the shim, which changes with all that it is made of.

        Raises:
            ModelError: This installation lacks the sources.
        """
        found = hashlib.sha256(shlex.join(self.words()).encode())
        files = [path for path in SOURCES.glob("*") if path.suffix in _SUFFIXES]
        files += [path for path in self.source.parent.glob("*") if path.suffix in _SUFFIXES]
        if self.source not in files:
            raise ModelError(f"{self.source} is missing; install grpst again")
        headers = SDK / "include" / "grps"
        files += [*headers.glob("plugin/*.hpp"), *headers.glob(f"{self.engine}/*.hpp")]
        for path in (headers / "plugin.h", *sorted(files)):
            found.update(path.read_bytes())
        return f"{self.engine}-{self.version}-{found.hexdigest()[:16]}.so"
