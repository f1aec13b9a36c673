"""Shell completion of the names of services and models."""

from __future__ import annotations

import click

from grps.deploy.admin import list_models, running_service
from grps.deploy.supervision.services import services
from grps.errors import GrpsError


def complete_running(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the running services whose name starts with ``incomplete``."""
    return _matching(incomplete, running_only=True)


def complete_deployed(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return all services whose name starts with ``incomplete``."""
    return _matching(incomplete, running_only=False)


def complete_model(ctx: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the models of the running service whose name starts with ``incomplete``."""
    try:
        models = list_models(running_service(ctx.params.get("service")))
    except (GrpsError, OSError):
        return []
    return [name for model in models if (name := str(model["model"])).startswith(incomplete)]


def _matching(incomplete: str, *, running_only: bool) -> list[str]:
    try:
        found = services()
    except (GrpsError, OSError):
        return []
    names = [service.name for service in found if service.running or not running_only]
    return [name for name in names if name.startswith(incomplete)]
