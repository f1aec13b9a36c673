"""What the verbs of a cluster share: values of flags, and waiting for replicas."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import click

from grps.cli.output.progress import ProgressLine
from grps.cluster.commands import Status
from grps.cluster.connection import Connection, ask
from grps.cluster.description import check_name, parse_replicas
from grps.errors import DeployError

POLL_S = 0.2
SIZE = re.compile(r"([0-9]+)(MiB|GiB|TiB)")
UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def replicas(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read ``3`` or ``1:4``."""
    try:
        return None if value is None else parse_replicas(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def deployment_name(_: click.Context, __: click.Parameter, value: str) -> str:
    """Refuse names that a deployment can't have."""
    try:
        return check_name(value)
    except DeployError as error:
        raise click.BadParameter(str(error)) from error


def size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Read ``512MiB`` or ``4GiB`` as bytes."""
    if value is None:
        return None
    found = SIZE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a size such as 512MiB or 4GiB")
    return int(found[1]) * UNITS[found[2]]


def wait_for(
    connection: Connection,
    title: str,
    timeout_s: float,
    look: Callable[[dict[str, Any]], tuple[bool, str]],
) -> dict[str, Any]:
    """Wait until the status is as it should be, and show how far it has come.

    Args:
        connection: A way to the director.
        title: What is waited for.
        timeout_s: How long it may take.
        look: Returns from a status whether it is done, and a line for people.

    Raises:
        DeployError: It took too long.
    """
    began = time.monotonic()
    with ProgressLine(title) as line:
        while True:
            status = ask(connection, Status())
            is_done, text = look(status)
            elapsed_s = time.monotonic() - began
            if is_done:
                return status
            line.show("", text, elapsed_s)
            if elapsed_s >= timeout_s:
                raise DeployError(
                    f"not done after {timeout_s:g} s ({text}); the director goes on, watch it "
                    "with: grpst cluster status"
                )
            time.sleep(POLL_S)


def deployment_of(status: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return a deployment of a status."""
    return next((one for one in status["deployments"] if one["name"] == name), None)
