"""``grpst dockerize``."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click

from grps.cli.output.lines import notice, say

PROGRAMS = ("docker", "podman")
IMAGE_NAME = re.compile(r"[a-z0-9]+([._/:-]+[a-zA-Z0-9]+)*")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _image(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not IMAGE_NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no name of an image, such as detect:1.0.0")
    return value


@click.command("dockerize")
@click.argument("path", metavar="PROJECT|MAR|MODEL", type=click.Path(exists=True, path_type=Path))
@click.argument("serve_flags", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--output_path",
    "-o",
    type=click.Path(path_type=Path),
    help="Folder to write; an earlier one of this command is replaced.  [default: NAME_image]",
)
@click.option("--image", callback=_image, help="Name of the image.  [default: from PATH's name]")
@click.option(
    "--base", help="Image to build on.  [default: python:X.Y-slim-bookworm of this Python]"
)
@click.option(
    "--build_base", help="Image to install packages in, with venv and pip.  [default: --base]"
)
@click.option(
    "--wheel", type=FILE, help="Wheel of GRPS for the image.  [default: the GRPS that runs this]"
)
@click.option("--build", is_flag=True, help="Build the image as well, by docker or podman.")
def command(
    path: Path, output_path: Path | None, image: str | None, build: bool, **values: Any
) -> None:
    """Write what docker or podman builds an image of: a project, an archive, or a model file.

    The folder has a copy of PATH, a Dockerfile with the engine that it needs, a wheel of the GRPS
    that runs here, the versions of the packages here, and a compose.yml. Words behind -- go to
    grpst serve or grpst start in the container.

    The container runs as a user without rights, needs no writable path but /tmp, and logs to
    standard error as JSON.

    \b
    Examples:
      grpst dockerize model.onnx
      grpst dockerize my_project -o image --image detect:1.0.0
      grpst dockerize model.onnx --build -- --instances 2
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.container.context import PORT, Wishes, verb_of, write_context
    from grps.deploy.project.app_project import refuse_app

    refuse_app(path)
    _check_words(verb_of(path), values["serve_flags"])
    name = re.sub(r"[^a-z0-9]+", "-", path.resolve().stem.lower()).strip("-") or "model"
    image = image or f"{name}:latest"
    folder = output_path or Path(f"{name}_image")
    if values["wheel"] is None:
        notice("packing the GRPS that runs here into a wheel, which may take a minute")
    context = write_context(path, folder, Wishes(image=image, **values))
    extras = ", ".join(context.needs.extras) or "none"
    say(f"wrote     {folder} (extras of grpst: {extras}; runs: {shlex.join(context.command)})")
    program = next(filter(shutil.which, PROGRAMS), None)
    shown = program or PROGRAMS[0]
    words = [shown, "build", *_format(shown), "--tag", image, str(folder)]
    if build:
        _build(program, words)
    else:
        say(f"build it  {shlex.join(words)}")
    places = f"--rm --read-only --tmpfs /tmp --publish {PORT}:{PORT}"
    say(f"run it    {shown} run {places} {shlex.quote(image)}")


def _check_words(verb: str, words: tuple[str, ...]) -> None:
    """Check that the verb in the container has these flags; paths and values are of there.

    Raises:
        click.UsageError: It has not.
    """
    root = click.get_current_context().find_root()
    assert isinstance(root.command, click.Group)
    command = root.command.get_command(root, verb)
    assert command is not None
    try:
        command.make_parser(click.Context(command, parent=root)).parse_args(list(words))
    except click.UsageError as error:
        raise click.UsageError(f"behind --, for grpst {verb}: {error.format_message()}") from None


def _format(program: str) -> list[str]:
    """Return the flag by which podman keeps the health check, which its own format lacks."""
    return ["--format", "docker"] if program == "podman" else []


def _build(program: str | None, words: list[str]) -> None:
    """Build the image.

    Raises:
        click.ClickException: There is no program for it, or it fails.
    """
    if program is None:
        raise click.ClickException(f"--build needs one of: {', '.join(PROGRAMS)}; install one")
    notice(f"running {shlex.join(words)}")
    code = subprocess.run(words, check=False).returncode
    if code != 0:
        raise click.ClickException(f"{program} failed (exit code {code})")
