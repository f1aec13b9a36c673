"""``grpst create``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import click

from grps.cli.output.lines import say
from grps.deploy.project.creation import PROJECT_TYPES, create_project

DEFAULT = "py"


def _type(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in PROJECT_TYPES:
        raise click.BadParameter(f"{value!r} is not one of: {', '.join(PROJECT_TYPES)}")
    return value


def _types() -> str:
    return "; ".join(f"{name}: {kind.summary}" for name, kind in PROJECT_TYPES.items())


@click.command("create")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--project_type",
    callback=_type,
    shell_complete=lambda _, __, typed: [name for name in PROJECT_TYPES if name.startswith(typed)],
    help=f"{_types()}.  [default: asked on a terminal, else {DEFAULT}]",
)
def command(path: Path, project_type: str | None) -> None:
    """Make the folder of a new project: its code, its configuration, tests, clients.

    PATH is the folder to make. The project works as it is (its model is y = 2x) and its comments
    say what to change.

    \b
    Examples:
      grpst create my_project
      grpst create my_project --project_type cpp
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if project_type is None:
        project_type = DEFAULT
        if sys.stdin.isatty():
            choice = click.Choice(list(PROJECT_TYPES))
            project_type = click.prompt("project type", type=choice, default=project_type)
    written = create_project(path, project_type)
    shown = shlex.quote(str(path))
    say(f"made {path} ({len(written)} files)")
    if not PROJECT_TYPES[project_type].is_cpp:
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
