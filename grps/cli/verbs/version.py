"""``grpst version``."""

from __future__ import annotations

import platform
from importlib import metadata

import click


def grps_version() -> str:
    """Return the version of the installed package."""
    return _installed("grpst") or "unknown (not installed)"


@click.command("version")
def command() -> None:
    """Show the versions of GRPS, of Python and of the engines found.

    \b
    Examples:
      grpst version
      grpst --version     # one line, for scripts
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    click.echo(f"grpst {grps_version()}")
    click.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    from grps.backends.table import ENGINES

    for engine in ENGINES.values():
        for distribution in engine.distributions:
            if version := _installed(distribution):
                click.echo(f"{distribution} {version}")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
