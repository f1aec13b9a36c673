"""``grpst dev``."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grps.cli.output.lines import notice
from grps.cli.output.steps import StepProgress
from grps.cli.serving import flag_checks

if TYPE_CHECKING:
    from grps.deploy.development import Builder, Development


@click.command("dev")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--port",
    callback=flag_checks.optional_ports,
    help="HTTP port and RPC port.  [default: what conf/server.yml says]",
)
@click.option(
    "--cmake_define",
    "defines",
    metavar="NAME=VALUE",
    multiple=True,
    callback=flag_checks.cmake_defines,
    help="Variable of CMake, for projects in C++; can be given several times.",
)
def command(path: Path, port: str | None, defines: tuple[str, ...]) -> None:
    """Serve a project in this terminal and restart it when one of its files changes.

    PATH is the project's folder, or a Python file with functions or classes that have @grps.model;
    such a file is served to this machine only. When the changed code can't be loaded, the cause is
    shown and the next change is waited for. The port stays the same. Ctrl-C ends it.

    A project with a CMakeLists.txt is built before, in its folder build. When it can't be built,
    the errors are shown and the server runs on with the last build.

    \b
    Examples:
      grpst dev .
      grpst dev my_project --port 8080,8081
      grpst dev app.py
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if not path.is_dir():
        _follow_app(path, port, defines)
        return
    from grps.deploy.development import Development
    from grps.deploy.project.requirements import read_requirements

    for fault in read_requirements(path).missing():
        notice(f"note: {fault}; install it: pip install -r {path / 'requirements.txt'}")
    builder = _builder(path, defines)
    _run(Development(path, port, _notice, builder))


def _run(development: Development) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: development.end())
    development.run()
    notice("\ndev: stopped")


def _notice(line: str) -> None:
    notice(f"dev: {line}")


def _follow_app(file: Path, port: str | None, defines: tuple[str, ...]) -> None:
    """Serve the models of a Python file; its configuration is in a folder for the time being."""
    from grps.deploy.app_builder import AppBuilder
    from grps.deploy.development import Development
    from grps.deploy.project.app_project import is_app

    if not is_app(file):
        raise click.UsageError(f"{file} is neither a folder nor a Python file")
    if defines:
        raise click.UsageError("--cmake_define is for projects in C++")
    with tempfile.TemporaryDirectory(prefix="grps_app_") as service:
        builder = AppBuilder(file, Path(service))
        _run(Development(file.absolute().parent, port, _notice, builder, Path(service)))


def _builder(path: Path, defines: tuple[str, ...]) -> Builder | None:
    from grps.deploy.cpp.build import BuildInPlace
    from grps.deploy.cpp.plan import BuildChoices
    from grps.deploy.cpp.sources import is_cpp_project

    if not is_cpp_project(path):
        if defines:
            raise click.UsageError(f"--cmake_define: {path} has no CMakeLists.txt")
        return None

    return BuildInPlace(path, BuildChoices(defines), StepProgress)
