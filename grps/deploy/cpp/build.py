"""Builds and tests a project in C++ in a copy, and finds what its archive needs of that."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grps.config.schema import ModelConfig
from grps.deploy.archive.tree import TreeFile
from grps.deploy.cpp.libraries import needed_libraries
from grps.deploy.cpp.plan import LIBRARIES, SCRIPT, BuildChoices, BuildPlan, prepare
from grps.deploy.cpp.sources import PLUGIN, copy_sources, source_files
from grps.deploy.cpp.steps import OnStep, run_step
from grps.deploy.cpp.upstream import UPSTREAM_COPY, replace_libraries
from grps.errors import ArchiveError
from grps.server.loading.plugin_libraries import opened_libraries, package_of
from grps.server.loading.upstream_cpp import is_upstream_cpp
from grps.server.project import Project


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has made; its files last as long as the copy."""

    files: tuple[TreeFile, ...]
    """All that an archive has: the sources, the plugins and the libraries that they need."""
    notes: tuple[str, ...]
    """What the machine that serves it must have."""


@contextmanager
def built_copy(
    project: Path, choices: BuildChoices, on_step: OnStep, *, is_tested: bool
) -> Iterator[Built]:
    """Build a project in a copy of it, test it, and remove the copy at the end.

    Args:
        project: The project's folder, which stays as it is.
        choices: What the user chose.
        on_step: Receives the progress.
        is_tested: Whether its unit tests run.

    Raises:
        ArchiveError: A file can't be read, the build or a test fails, or what the configuration
            names was not built.
    """
    sources = list(source_files(project))
    with tempfile.TemporaryDirectory(prefix="grps_build_") as folder:
        copy = Path(folder, project.resolve().name)
        copy.mkdir()
        copy_sources(sources, copy)
        plan = prepare(copy, choices)
        run_plan(plan, copy, project, on_step, is_tested=is_tested)
        yield _collect(project, copy, sources)


class StepReceiver(Protocol):
    """Shows the steps of a build."""

    def show(self, title: str, line: str) -> None:
        """Show a step and what it printed last."""


class BuildInPlace:
    """Builds a project in its own folder, for ``grpst dev``: only what has changed."""

    def __init__(
        self,
        project: Path,
        choices: BuildChoices,
        progress: Callable[[], AbstractContextManager[StepReceiver]],
    ) -> None:
        """Prepare to build.

        Args:
            project: The project's folder; its folder ``build`` gets what is built.
            choices: What the user chose.
            progress: Shows the steps of one build.
        """
        self._project = project
        self._choices = choices
        self._progress = progress

    def build(self) -> None:
        """Build the project.

        Raises:
            ArchiveError: The build fails; the text has what was printed. Or a script of the project
                builds it, which may need a prepared copy.
        """
        folder = project = self._project.resolve()
        is_upstream = is_upstream_cpp(project)
        if is_upstream:  # its build replaces files of it
            folder = project / UPSTREAM_COPY
            folder.mkdir(parents=True, exist_ok=True)
            copy_sources(source_files(project), folder)
        elif (project / SCRIPT).is_file():
            raise ArchiveError(
                f"{self._project / SCRIPT}: projects with a build script are built in a copy only; "
                "pack it with grpst archive, and serve that with grpst start"
            )
        plan = prepare(folder, self._choices)
        with self._progress() as steps:
            run_plan(plan, folder, project, steps.show, is_tested=False)
        if is_upstream:
            replace_libraries(folder / LIBRARIES, project / LIBRARIES)

    def sources(self) -> Iterable[TreeFile]:
        """Return the files that are not built."""
        return source_files(self._project)


def run_plan(
    plan: BuildPlan, folder: Path, shown_as: Path, on_step: OnStep, *, is_tested: bool
) -> None:
    """Build a folder, and test it if that is wanted.

    Raises:
        ArchiveError: The build or a test fails; the text has what was printed.
    """
    for step in (*plan.build, *([plan.test] if is_tested else [])):
        run_step(step, folder, shown_as, on_step)


def plugin_paths(project: Project) -> list[tuple[ModelConfig, str]]:
    """List the models that libraries of the project run, with the path of each library."""
    return [
        (model, model.inferer_path)
        for model in project.inference.models
        if model.inferer_type == PLUGIN
        and model.inferer_path is not None
        and not Path(model.inferer_path).is_absolute()
    ]


def _collect(project: Path, copy: Path, sources: list[TreeFile]) -> Built:
    files = {file.path: file for file in sources}
    notes: dict[str, None] = {}
    for model, named in plugin_paths(Project.read(project)):
        path = Path(named).as_posix()
        library = copy / path
        if not library.is_file():
            raise ArchiveError(
                f"model {model.key}: inferer_path {named} was not built{_made(copy)}"
            )
        files[path] = _file(path, library)
        notes.update(_add_needed(files, copy, path))
    return Built(tuple(sorted(files.values(), key=lambda file: file.path)), tuple(notes))


def _add_needed(files: dict[str, TreeFile], copy: Path, plugin: str) -> Iterator[tuple[str, None]]:
    """Add the libraries that a plugin needs and that its machine may lack; yield notes."""
    for name in opened_libraries(copy / plugin):
        if (package := package_of(name)) is not None:
            yield f"{plugin} needs the Python package {package} where it is served", None
    for needed in needed_libraries(copy / plugin, plugin, (copy / LIBRARIES,)):
        if needed.package is not None:
            yield f"{plugin} needs the Python package {needed.package} where it is served", None
        elif needed.path.is_relative_to(copy):
            path = needed.path.relative_to(copy).as_posix()
            files.setdefault(path, _file(path, needed.path))
        elif not needed.of_the_system:
            path = Path(plugin).with_name(needed.name).as_posix()
            files.setdefault(path, _file(path, needed.path))
        elif not needed.of_every_system:
            yield f"{plugin} needs {needed.name} of the system where it is served", None


def _file(path: str, source: Path) -> TreeFile:
    resolved = source.resolve()
    return TreeFile(path, resolved, resolved.stat(), None)


def _made(copy: Path) -> str:
    """Name the libraries that were built instead."""
    made = sorted(path.relative_to(copy).as_posix() for path in copy.glob("build/**/*.so"))
    return (
        f"; the build made {', '.join(made[:5])}" if made else "; the build made no library (.so)"
    )
