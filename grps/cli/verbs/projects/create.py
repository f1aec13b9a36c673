"""``grpst create``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from grps.cli.output.lines import say
from grps.deploy.project.creation import PROJECT_TYPES, create_project

CPP_TYPES = ("cpp", "cpp_torch", "cpp_tf", "cpp_trt")


def _type(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value in CPP_TYPES:
        raise click.BadParameter(f"{value!r} projects are not available in this version; use py")
    if value is not None and value not in PROJECT_TYPES:
        raise click.BadParameter(f"{value!r} is not one of: {', '.join(PROJECT_TYPES)}")
    return value


@click.command("create")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--project_type",
    callback=_type,
    shell_complete=lambda *_: list(PROJECT_TYPES),
    help="py: converter and inferer in Python.  [default: asked on a terminal, else py]",
)
def command(path: Path, project_type: str | None) -> None:
    """Make the folder of a new project: two classes, their configuration, a test, clients.

    PATH is the folder to make. The project works as it is (its model is y = 2x) and its comments
    say what to change.

    \b
    Examples:
      grpst create my_project
      grpst create my_project --project_type py
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if project_type is None:
        project_type = PROJECT_TYPES[0]
        if sys.stdin.isatty():
            choice = click.Choice(PROJECT_TYPES)
            project_type = click.prompt("project type", type=choice, default=project_type)
    written = create_project(path, project_type)
    shown = shlex.quote(str(path))
    say(f"made {path} ({len(written)} files)")
    say(f"test it   cd {shown} && {_python()} test.py")
    say(f"serve it  grpst dev {shown}")
    say(f"pack it   grpst archive {shown}")


def _python() -> str:
    """Return how this interpreter is called in a shell: the one that has GRPS."""
    found = shutil.which("python")
    here = Path(sys.executable)
    if found is not None and Path(found).absolute() == here.absolute():
        return "python"
    return shlex.quote(str(here))
