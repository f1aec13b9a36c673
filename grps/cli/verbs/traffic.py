"""``grpst traffic``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from grps.cli.names import complete_running
from grps.cli.output.lines import notice, say
from grps.cli.output.table import print_table
from grps.config.traffic.rules import MAX_WEIGHT, weight_of
from grps.deploy.admin import change_traffic, read_traffic, running_service
from grps.errors import DeployError, GrpsError

HEAD = ("MODEL", "PHASE", "VERSION", "SHARE", "REQUESTS", "FAILED", "P99")
COLORS = {"rolled_back": "red", "paused": "yellow", "done": "green"}
SHOWN_EVENTS = 5

service_option = click.option(
    "-s",
    "--service",
    shell_complete=complete_running,
    help="The service; not needed while only one runs.",
)


def complete_name(ctx: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the models with divided requests whose name starts with ``incomplete``."""
    try:
        states = read_traffic(running_service(ctx.params.get("service")))
    except (GrpsError, OSError):
        return []
    return [name for state in states if (name := str(state["model"])).startswith(incomplete)]


model_argument = click.argument("model", shell_complete=complete_name)


@click.group("traffic")
def command() -> None:
    """Divide requests for a model among its versions, and promote or roll back one of them.

    Changes last until the service is restarted; inference.yml has what it starts with.

    \b
    Examples:
      grpst traffic ls
      grpst traffic set your_model 1.0.0=90 2.0.0=10
      grpst traffic show your_model
      grpst traffic promote your_model
      grpst traffic rollback your_model
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@command.command("ls")
@service_option
def ls(service: str | None) -> None:
    """List the models whose requests are divided, with the latest minute of each version."""
    states = read_traffic(running_service(service))
    _print_versions(states)
    if not states:
        notice("no model's requests are divided; see traffic in inference.yml, or traffic set")


@command.command("show")
@model_argument
@service_option
def show(model: str, service: str | None) -> None:
    """Show the versions of a model, its shadow, its rollout and the latest changes."""
    states = read_traffic(running_service(service))
    state = next((one for one in states if one["model"] == model), None)
    if state is None:
        known = ", ".join(one["model"] for one in states) or "none"
        raise DeployError(f"no traffic of {model!r} is divided; names that have it: {known}")
    _show(state)


@command.command("set")
@model_argument
@click.argument("weights", nargs=-1, required=True, metavar="VERSION=WEIGHT...")
@service_option
def set_weights(model: str, weights: tuple[str, ...], service: str | None) -> None:
    """Set the weights of versions; the steps of a rollout pause.

    A version gets its weight's share of all weights. Versions that are left out get no requests.
    """
    given: dict[str, float] = {}
    for version, weight in map(_weight, weights):
        if version in given:
            raise click.UsageError(f"version {version!r} is given twice")
        given[version] = weight
    _change("set", model, service, given)


@command.command("promote")
@model_argument
@service_option
def promote(model: str, service: str | None) -> None:
    """Give the candidate the share of its next step, or all requests without one."""
    _change("promote", model, service)


@command.command("rollback")
@model_argument
@service_option
def rollback(model: str, service: str | None) -> None:
    """Take all requests from the candidate, and stop its rollout."""
    _change("rollback", model, service)


@command.command("pause")
@model_argument
@service_option
def pause(model: str, service: str | None) -> None:
    """Stop the steps of a rollout; its rules still apply."""
    _change("pause", model, service)


@command.command("resume")
@model_argument
@service_option
def resume(model: str, service: str | None) -> None:
    """Go on with the steps and rules of a rollout, also after a rollback."""
    _change("resume", model, service)


def _weight(text: str) -> tuple[str, float]:
    version, separator, number = text.rpartition("=")
    weight = weight_of(number)
    if not separator or not version or weight is None:
        raise click.UsageError(
            f"{text!r} is no VERSION=WEIGHT such as 2.0.0=10, with a weight from 0 to {MAX_WEIGHT}"
        )
    return version, weight


def _change(
    action: str, model: str, service: str | None, weights: dict[str, float] | None = None
) -> None:
    _show(change_traffic(running_service(service), action, model, weights))


def _show(state: dict[str, Any]) -> None:
    _print_versions([state])
    if state["sticky_header"]:
        say(f"sticky: requests with the same {state['sticky_header']} get the same version")
    if state["shadow"]:
        say(_shadow_line(state["shadow"]))
        if state["shadow"]["latest"]:
            say(f"  {state['shadow']['latest']}")
    if state["rollout"]:
        say(_rollout_line(state))
    for event in state["events"][:SHOWN_EVENTS]:
        at = datetime.fromtimestamp(event["time"]).strftime("%H:%M:%S")
        shares = ", ".join(f"{version} {share:g} %" for version, share in event["percent"].items())
        say(f"{at}  {event['action']}: {event['reason']} ({shares})")


def _shadow_line(shadow: dict[str, Any]) -> str:
    same = shadow["equal"] + shadow["within_tolerance"]
    shed = sum(shadow["shed"].values())
    return (
        f"shadow: {shadow['version']} gets copies of {shadow['share_percent']:g} % of requests; "
        f"{same} outputs alike, {shadow['different']} different, {shadow['failed']} failed; "
        f"{shed} copies not made"
    )


def _rollout_line(state: dict[str, Any]) -> str:
    rollout = state["rollout"]
    steps = ", ".join(f"{step:g} %" for step in rollout["steps_percent"]) or "none"
    return (
        f"rollout: {state['candidate']}, steps {steps}; {rollout['requests']} requests and copies "
        f"in {rollout['seconds']} s since the latest change"
    )


def _print_versions(states: list[dict[str, Any]]) -> None:
    rows: list[tuple[str, ...]] = [HEAD]
    for state in states:
        for version in state["versions"]:
            minute = version["minute"]
            p99_ms = minute["p99_ms"]
            rows.append(
                (
                    state["model"],
                    state["phase"],
                    version["version"] + ("" if version["served"] else " (not loaded)"),
                    f"{version['percent']:g} %",
                    str(minute["requests"]),
                    str(minute["failed"]),
                    "-" if p99_ms is None else f"{p99_ms:.1f} ms",
                )
            )
    print_table(rows, colored=1, colors=COLORS)
