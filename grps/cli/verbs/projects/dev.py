"""``grpst dev``."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grps.cli.output.lines import notice
from grps.cli.output.steps import StepProgress
from grps.cli.serving import flag_checks

if TYPE_CHECKING:
    from grps.deploy.development import Builder


@click.command("dev")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
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

    PATH is the project's folder. When the changed code can't be loaded, the cause is shown and the
    next change is waited for. The port stays the same. Ctrl-C ends it.

    A project with a CMakeLists.txt is built before, in its folder build. When it can't be built,
    the errors are shown and the server runs on with the last build.

    \b
    Examples:
      grpst dev .
      grpst dev my_project --port 8080,8081
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.development import Development
    from grps.deploy.project.requirements import read_requirements

    for fault in read_requirements(path).missing():
        notice(f"note: {fault}; install it: pip install -r {path / 'requirements.txt'}")
    builder = _builder(path, defines)
    development = Development(path, port, lambda line: notice(f"dev: {line}"), builder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: development.end())
    development.run()
    notice("\ndev: stopped")


def _builder(path: Path, defines: tuple[str, ...]) -> Builder | None:
    from grps.deploy.cpp.build import BuildInPlace
    from grps.deploy.cpp.plan import BuildChoices
    from grps.deploy.cpp.sources import is_cpp_project

    if not is_cpp_project(path):
        if defines:
            raise click.UsageError(f"--cmake_define: {path} has no CMakeLists.txt")
        return None

    return BuildInPlace(path, BuildChoices(defines), StepProgress)
