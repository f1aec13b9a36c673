"""The server without Python: a program that the package brings along where it was built with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import grps
from grps.backends.environment import prepare_environment
from grps.backends.formats import reads_text
from grps.backends.libraries import LIBRARIES, native_library
from grps.backends.shims.build import OnBuild
from grps.deploy.cpp.libraries import needed_libraries
from grps.deploy.paths import ServiceFolder
from grps.errors import ArchiveError, DeployError, GrpsError
from grps.server.files import write_atomically
from grps.server.loading.native_engines import TEXT_MODELS
from grps.server.loading.plugin_libraries import is_found, opened_libraries
from grps.server.project import Project

PROGRAM = Path(grps.__file__).with_name("grps-server")
CHECK_S = 10.0

Mode = Literal["auto", "always", "never"]
"""``auto`` takes the program when nothing in the configuration needs Python."""
MODES: tuple[Mode, ...] = get_args(Mode)


def server_of(
    folder: ServiceFolder,
    project: Path,
    python: Sequence[str],
    mode: Mode,
    on_build: OnBuild = lambda line: None,
) -> Sequence[str]:
    """Return the command that serves a project. Call it inside ``claim``.

    Args:
        folder: Holds the effective configuration; the mode is noted there for the next start.
        project: Holds the code and data.
        python: The command of the server in Python.
        mode: Which of the two is asked for.
        on_build: Receives a line if the library of an engine has to be built.

    Raises:
        DeployError: The program is asked for, but can't serve the project.
    """
    write_atomically(_note(folder), f"{mode}\n".encode())
    if mode == "never":
        return python
    places = ["--project", str(project), "--service", str(folder.root)]
    need = _need(places, project, folder.root / "conf")
    if need is None:
        prepare_environment()  # the program inherits it
        try:
            libraries = _libraries(project, folder, on_build)
        except GrpsError as error:
            need = str(error)
        else:
            return [str(PROGRAM), *places, "--state_file", str(folder.state), *libraries]
    if mode == "always":
        raise DeployError(f"{project} can't be served without Python: {need}")
    return python


def noted_mode(folder: ServiceFolder) -> Mode:
    """Return which server the last start of a service asked for."""
    try:
        noted = _note(folder).read_text().strip()
    except (OSError, ValueError):
        return "auto"
    return next((mode for mode in MODES if mode == noted), "auto")


def _need(places: Sequence[str], project: Path, conf: Path) -> str | None:
    """Return why the program can't serve a project; ``None`` when it can."""
    if not PROGRAM.is_file():
        return f"this installation has no {PROGRAM.name}"
    try:
        check = subprocess.run(
            [str(PROGRAM), *places, "--check"],
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{PROGRAM.name} does not run: {error}"
    if check.returncode == 0:
        return _text_model(project, conf) or _missing_library(project, conf)
    said = check.stderr.decode("utf-8", "replace").strip().removeprefix("error: ")
    return said or f"{PROGRAM.name} ended with code {check.returncode}"


def _text_model(project: Path, conf: Path) -> str | None:
    """Return which model takes texts, which the program does not read."""
    for model in Project.read(project, conf).inference.models:
        path = project / (model.inferer_path or "")
        if model.inferer_type in LIBRARIES and model.inferer_path and reads_text(path):
            return f"model {model.key}: {TEXT_MODELS}"
    return None


def _missing_library(project: Path, conf: Path) -> str | None:
    """Return what a plugin needs that only the server in Python finds: libraries of packages."""
    for model in Project.read(project, conf).inference.models:
        library = project / (model.inferer_path or "")
        if model.inferer_type != "plugin" or not library.is_file():
            continue
        try:
            needed_libraries(library, str(library), ())
        except ArchiveError as error:
            return f"model {model.key}: {error}"
        for name in opened_libraries(library):
            if not is_found(name):
                return f"model {model.key}: {library} opens {name}, which is not found"
    return None


def _libraries(project: Path, folder: ServiceFolder, on_build: OnBuild) -> list[str]:
    """Return where the program finds the libraries of the engines that its models need.

    Raises:
        GrpsError: One is not installed or can't be built, and the environment names no other.
    """
    models = Project.read(project, folder.root / "conf").inference.models
    words: list[str] = []
    for engine in sorted({model.inferer_type for model in models} & LIBRARIES.keys()):
        if not os.environ.get(f"GRPS_{engine.upper()}"):
            words += ["--library", f"{engine}={native_library(engine, on_build)}"]
    return words


def _note(folder: ServiceFolder) -> Path:
    return folder.state.with_name("server")
