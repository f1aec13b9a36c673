"""``grpst model``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from grps.cli.names import complete_model, complete_running
from grps.cli.output.lines import duration, notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.output.table import print_table
from grps.deploy.admin import change_model, list_models, running_service

HEAD = ("MODEL", "STATE", "INFERER", "INSTANCES", "RESTARTS", "QUEUE", "SERVED_FOR")
COLORS = {"served": "green", "unloaded": "yellow"}

service_option = click.option(
    "-s",
    "--service",
    shell_complete=complete_running,
    help="The service; not needed while only one runs.",
)


@click.group("model")
def command() -> None:
    """Load, unload and reload models of a running service, and list them.

    No request is lost: a replaced model finishes all its requests before it is freed.

    \b
    Examples:
      grpst model ls
      grpst model reload resnet
      grpst model load resnet-2.0.0
      grpst model unload resnet-1.0.0 --service vision
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped


@command.command("ls")
@service_option
def ls(service: str | None) -> None:
    """List the models that are served, and those that inference.yml has besides."""
    rows: list[tuple[str, ...]] = [HEAD]
    models = list_models(running_service(service))
    for model in models:
        instances = model.get("instances", [])
        alive = sum(instance["state"] == "alive" for instance in instances)
        served = "since" in model
        rows.append(
            (
                model["model"],
                model["state"],
                model.get("inferer", "-"),
                f"{alive}/{len(instances)}" if served else "-",
                str(sum(instance["restarts"] for instance in instances)) if served else "-",
                str(model["queue_length"]) if served else "-",
                duration(time.time() - model["since"]) if served else "-",
            )
        )
    print_table(rows, colored=1, colors=COLORS)
    for trouble in troubles(models):
        notice(trouble)


def troubles(models: Sequence[dict[str, Any]]) -> list[str]:
    """Report instances that are or were down, one per line."""
    lines = []
    for instance in (one for model in models for one in model.get("instances", ())):
        name, reason = instance["name"], instance.get("reason", "no reason is known")
        if instance["state"] != "alive":
            lines.append(f"instance {name} is {instance['state']}: {reason}")
        elif instance["restarts"]:
            times = "once" if instance["restarts"] == 1 else f"{instance['restarts']} times"
            lines.append(f"instance {name} was started again {times}; the last cause: {reason}")
    return lines


@command.command("load")
@click.argument("model", shell_complete=complete_model)
@service_option
def load(model: str, service: str | None) -> None:
    """Serve a model that inference.yml has and that is not served.

    Add a model, or another version of one, to inference.yml and load it; the service goes on.
    """
    reply = _change("load", model, service)
    say(f"model {reply['model']} is served (loaded in {reply['load_s']:.1f} s)")


@command.command("unload")
@click.argument("model", shell_complete=complete_model)
@service_option
def unload(model: str, service: str | None) -> None:
    """Take a model out of service and free it.

    It finishes its requests. A graph that needs it returns 503, and the service is not
    ready, until it is loaded again.
    """
    reply = _change("unload", model, service)
    say(f"model {reply['model']} is unloaded")
    if reply.get("trouble"):
        notice(f"the service is not ready: {reply['trouble']}")


@command.command("reload")
@click.argument("model", shell_complete=complete_model)
@service_option
def reload(model: str, service: str | None) -> None:
    """Load a served model again from its files, its code and inference.yml.

    The previous one finishes its requests and is then freed; until the new one is served, both
    are in memory. If the new one can't be loaded, the one before it goes on.
    """
    reply = _change("reload", model, service)
    say(f"model {reply['model']} is reloaded (in {reply['load_s']:.1f} s)")


def _change(action: str, model: str, service: str | None) -> dict[str, Any]:
    found = running_service(service)
    with ProgressLine(f"{action} of {model} in {found.name}"):
        return change_model(found, action, model)
