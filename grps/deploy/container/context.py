"""Writes the build context of an image: a folder that docker and podman build without more."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

from grps.deploy.archive.model_archive import is_model_archive
from grps.deploy.archive.tree import ARCHIVE_SUFFIX, Tree
from grps.deploy.archive.unpack import DEFAULT_LIMITS, unpack
from grps.deploy.container.needs import (
    Needs,
    installed_versions,
    needs_of_model,
    needs_of_project,
)
from grps.deploy.container.wheel import write_wheel
from grps.deploy.project.torchserve.project import NO_CHOICES, unpack_as_project
from grps.errors import DeployError

HERE = Path(__file__).parent
FILES = HERE / "files"
MARK = "grpst-dockerize"
"""File that shows that a folder was written by this module and may be replaced."""
IGNORED = ("compose.yml", MARK)
PORT = 7080


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user asks of an image."""

    image: str
    """Its name and tag."""
    base: str | None = None
    """The image that it is built on; that of this version of Python when ``None``."""
    build_base: str | None = None
    """The image that packages are installed in; ``base`` when ``None``."""
    wheel: Path | None = None
    """A wheel of GRPS; that of the installed one when ``None``."""
    serve_flags: tuple[str, ...] = ()
    """Words behind ``grpst serve MODEL`` or ``grpst start PROJECT``."""


@dataclass(frozen=True, slots=True)
class Context:
    """A build context that is written."""

    folder: Path
    needs: Needs
    command: tuple[str, ...]
    """What the container runs, behind ``grpst``."""


def write_context(source: Path, folder: Path, wishes: Wishes) -> Context:
    """Write the build context of a project, an archive or a model.

    Args:
        source: A project's folder, an archive, or a model.
        folder: The folder to make; an earlier one of this function is replaced.
        wishes: What is asked of the image.

    Raises:
        GrpsError: The source is wrong, or the folder has other files.
    """
    _check_target(source, folder)
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        needs, command = _write_app(source, new / "app")
        command = (*command, *wishes.serve_flags)
        wheels = new / "wheels"
        wheels.mkdir()
        if wishes.wheel is None:
            write_wheel(wheels)
        else:
            _link_or_copy(wishes.wheel, wheels / wishes.wheel.name)
        pinned = "".join(f"{line}\n" for line in installed_versions(needs.extras))
        (wheels / "constraints.txt").write_text(pinned)
        shutil.copyfile(FILES / "sbom.py", new / "sbom.py")
        (new / "Dockerfile").write_text(dockerfile(needs, command, wishes))
        (new / ".dockerignore").write_text("".join(f"{name}\n" for name in IGNORED))
        text = Template((HERE / "compose.yml").read_text())
        (new / "compose.yml").write_text(text.substitute(image=wishes.image, port=PORT))
        (new / MARK).touch()
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return Context(folder, needs, command)


def dockerfile(needs: Needs, command: tuple[str, ...], wishes: Wishes) -> str:
    """Return the Dockerfile, with the values of an image as its defaults."""
    text = (FILES / "Dockerfile").read_text(encoding="utf-8")
    # The versions that are pinned are known to run on this Python.
    major, minor = sys.version_info[:2]
    values = {
        "WHEELS": "wheels",
        "FILES": ".",
        "EXTRAS": ",".join(needs.extras),
        "EXTRA_INDEX": needs.index,
        "APT_PACKAGES": f'"{" ".join(needs.debian_packages)}"' if needs.debian_packages else "",
        "TITLE": wishes.image.partition(":")[0],
        "BASE": wishes.base or f"python:{major}.{minor}-slim-bookworm",
        **({"BUILD_BASE": wishes.build_base} if wishes.build_base else {}),
    }
    lines = []
    for line in text.splitlines():
        name = line.removeprefix("ARG ").partition("=")[0]
        is_default = line.startswith(f"ARG {name}=") and name in values
        lines.append(f"ARG {name}={values.pop(name)}" if is_default else line)
    assert not values, f"the Dockerfile has no default of {', '.join(values)}"
    lines.append(f"CMD {json.dumps(list(command))}")
    return "\n".join(lines) + "\n"


def _check_target(source: Path, folder: Path) -> None:
    if folder.resolve().is_relative_to(source.resolve()) and source.is_dir():
        raise DeployError(f"{folder} is inside of {source}; choose another folder with -o")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise DeployError(f"{folder} has files that grpst dockerize did not write; choose another")
    if folder.exists() and not folder.is_dir():
        raise DeployError(f"{folder} is a file; choose another folder with -o")


def verb_of(source: Path) -> str:
    """Return the verb of ``grpst`` that puts a project, an archive or a model online."""
    is_project = (source / "conf" / "inference.yml").is_file()
    return "start" if is_project or _is_archive(source) else "serve"


def _is_archive(source: Path) -> bool:
    return source.is_file() and source.suffix == ARCHIVE_SUFFIX


def _write_app(source: Path, app: Path) -> tuple[Needs, tuple[str, ...]]:
    """Copy what is served; return what it needs and the command that serves it."""
    project, verb = app / "project", verb_of(source)
    if _is_archive(source):
        app.mkdir(parents=True)
        if is_model_archive(source):
            unpack_as_project(
                source, project, NO_CHOICES, DEFAULT_LIMITS, lambda what, done, total: None
            )
        else:
            unpack(source, project)
        return needs_of_project(project), (verb, "/project")
    if verb == "start":
        needs = needs_of_project(source)
        _copy(source, project)
        return needs, (verb, "/project")
    needs = needs_of_model(source)
    project.mkdir(parents=True)  # the Dockerfile looks for requirements there
    target = app / "models" / source.resolve().name
    if source.is_dir():
        _copy(source, target)
    else:
        target.parent.mkdir()
        for file in (source, *_beside(source)):
            _link_or_copy(file, target.with_name(file.name))
    return needs, (verb, f"/models/{target.name}")


def _beside(model: Path) -> list[Path]:
    """Return the files that belong to a model: an ONNX file's data, an IR's weights."""
    names = {f"{model.name}.data", f"{model.name}_data", f"{model.stem}.data"}
    if model.suffix == ".xml":
        names.add(f"{model.stem}.bin")
    return [file for name in sorted(names) if (file := model.with_name(name)).is_file()]


def _copy(source: Path, target: Path) -> None:
    for file in Tree(source).files():
        place = target / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(file.source, place)


def _link_or_copy(source: Path, target: Path) -> None:
    """Put a file into the context; a link to the same file takes no room for a large model."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)
