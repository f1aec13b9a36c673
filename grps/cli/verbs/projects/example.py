"""``grpst example``."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import click

from grps.cli.output.lines import say
from grps.config.suggest import hint
from grps.converters.table import CONVERTERS
from grps.deploy.project.examples import EXAMPLES, write_example

_ROW = "{:<8}  {}"


def _complete(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    return [name for name in EXAMPLES if name.startswith(typed)]


def _known(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and value not in EXAMPLES:
        raise click.BadParameter(
            f"{value!r} is none of: {', '.join(EXAMPLES)}{hint(value, EXAMPLES)}"
        )
    return value


@click.command("example")
@click.argument("name", required=False, callback=_known, shell_complete=_complete)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def command(name: str | None, folder: Path | None) -> None:
    """Write a small service that runs as it is; without a name, list them.

    The files go into FOLDER, by default one with the name of the example. No file is replaced.

    \b
    Examples:
      grpst example
      grpst example app
      grpst example image my_service
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if name is None:
        for known, example in EXAMPLES.items():
            say(_ROW.format(click.style(f"{known:<8}", bold=True), example.summary).rstrip())
        say("")
        say("write one: grpst example NAME")
        return
    target = folder or Path(name)
    example = EXAMPLES[name]
    for file in write_example(name, target):
        say(f"wrote  {target / file}")
    if example.needs and not _is_installed(example.needs):
        say(f"needs  pip install 'grpst[{example.needs}]'")
    say(f"run    {example.run.format(folder=shlex.quote(str(target)))}")
    if example.ask:
        say(f"then   {example.ask}")


def _is_installed(extra: str) -> bool:
    packages = [
        one for entry in CONVERTERS.values() if entry.extra == extra for one in entry.packages
    ]
    return all(importlib.util.find_spec(package) is not None for package in packages)
