"""Builds the shim of an engine once, into a cache of the user."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grps.backends.shims.recipe import Recipe
from grps.errors import ModelError

CACHE_VARIABLE = "XDG_CACHE_HOME"
_COMPILERS = ("c++", "g++", "clang++")
_SHOWN_LINES = 30
_INSTEAD = "or run the model in Python (native: false)"

OnBuild = Callable[[str], None]
"""Takes what is built and how long that takes, before it begins."""


def built_shim(recipe: Recipe, on_build: OnBuild) -> Path:
    """Return the shim of an engine; build it unless it is there.

    Two processes that need it at once build it once: the second waits.

    Args:
        recipe: What it is built of.
        on_build: Receives a line when it has to be built.

    Raises:
        ModelError: It can't be built; the text has what the compiler says.
    """
    folder = cache_folder()
    shim = folder / recipe.file_name()
    if shim.is_file():
        return shim
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(shim.with_suffix(".lock")):
            if not shim.is_file():
                _build(recipe, shim, on_build)
    except OSError as error:
        raise ModelError(
            f"the {recipe.engine} engine can't be kept in {folder}: {error.strerror}; set "
            f"{CACHE_VARIABLE} to a folder that you may write to, {_INSTEAD}"
        ) from error
    return shim


def cache_folder() -> Path:
    """Return the folder of shims: ``grps/engines`` in the cache of the user."""
    given = os.environ.get(CACHE_VARIABLE)
    if given and Path(given).is_absolute():
        return Path(given, "grps", "engines")
    try:
        return Path.home() / ".cache" / "grps" / "engines"
    except RuntimeError as error:
        raise ModelError(f"HOME is not set, and neither is {CACHE_VARIABLE}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a shim, for this thread of this process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, shim: Path, on_build: OnBuild) -> None:
    """Compile into a file of another name, which then gets its own."""
    compiler = _compiler(recipe)
    title = f"the {recipe.engine} engine for {recipe.package} {recipe.version}"
    on_build(f"building {title} (once, about {recipe.seconds} s)")
    with tempfile.TemporaryDirectory(dir=shim.parent, prefix=".build_") as folder:
        made = Path(folder, shim.name)
        command = [*compiler, *recipe.words(), "-o", str(made)]
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
        if answer.returncode != 0:
            raise ModelError(
                "\n".join(
                    [
                        f"{title} can't be built: the compiler fails; install headers that fit, "
                        f"{_INSTEAD}; the command was: {shlex.join(command)}",
                        *_faults(answer.stderr or answer.stdout),
                    ]
                )
            )
        made.replace(shim)


def _compiler(recipe: Recipe) -> list[str]:
    given = shlex.split(os.environ.get("CXX", ""))
    for words in [given] if given else [[name] for name in _COMPILERS]:
        if shutil.which(words[0]):
            return words
    wanted = f"CXX is {shlex.join(given)}" if given else f"none of {', '.join(_COMPILERS)} is there"
    raise ModelError(
        f"the {recipe.engine} engine for {recipe.package} {recipe.version} can't be built: there "
        f"is no compiler of C++ ({wanted}); on Debian: apt-get install g++; {_INSTEAD}"
    )


def _faults(text: str) -> list[str]:
    """Return what explains a failure: from the first error on."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    first = next((index for index, line in enumerate(lines) if "error" in line.lower()), 0)
    return lines[first : first + _SHOWN_LINES]
