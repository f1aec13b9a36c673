"""Shell completion of service names."""

from __future__ import annotations

import click

from grps.deploy.services import services
from grps.errors import GrpsError


def complete_running(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the running services whose name starts with ``incomplete``."""
    return _matching(incomplete, running_only=True)


def complete_deployed(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return all services whose name starts with ``incomplete``."""
    return _matching(incomplete, running_only=False)


def _matching(incomplete: str, *, running_only: bool) -> list[str]:

    try:
        found = services()
    except (GrpsError, OSError):
        return []
    names = [service.name for service in found if service.running or not running_only]
    return [name for name in names if name.startswith(incomplete)]
