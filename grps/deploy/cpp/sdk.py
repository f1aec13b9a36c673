"""Where the headers for C++ and their CMake package are: in the installed package itself."""

from __future__ import annotations

from pathlib import Path

import grps
from grps.errors import DeployError

SDK = Path(grps.__file__).parent / "sdk" / "cpp"
INCLUDE, CMAKE = SDK / "include", SDK / "cmake"


def sdk_folder() -> Path:
    """Return the folder of the SDK.

    Raises:
        DeployError: This installation has none.
    """
    if not (INCLUDE / "grps" / "plugin.h").is_file():
        raise DeployError(f"{SDK}: the headers for C++ are missing; install grpst again")
    return SDK
