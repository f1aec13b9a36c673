"""``grpst capture``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.names import complete_running
from grps.cli.output.byte_progress import ByteProgress, size_text
from grps.cli.output.lines import notice, say
from grps.deploy.admin import running_service
from grps.deploy.captures import fetch_capture, read_capture, start_capture, stop_capture

_REASONS = {
    "queue_full": "too many waited to be written",
    "too_large": "larger than a record may be",
    "stream": "streams, which are not recorded",
    "http_exchange": "user code read the HTTP request itself",
    "write_failed": "could not be written",
}


def _share(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a share: ``1%`` or ``0.01``."""
    if value is None:
        return None
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter(f"{value!r} is no share; use 1% or 0.01, up to 100%")
    return share


@click.group("capture")
def command() -> None:
    """Record requests of a running service, with their replies, to send them again.

    The records are in files of the service, of a bounded size: the oldest are removed for later
    ones. They have the contents of requests. Of headers, only those that server.yml allows are
    recorded, and never those of credentials.

    \b
    Examples:
      grpst capture start my_service --sample 1%
      grpst capture status my_service
      grpst capture fetch my_service requests.grpscap
      grpst capture stop my_service
      grpst replay requests.grpscap my_service --version 2.0.0
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


service_argument = click.argument("service", shell_complete=complete_running)


@command.command("start")
@service_argument
@click.option("-m", "--model", "models", multiple=True,
              help="Record a model or graph, by default all.")  # fmt: skip
@click.option("--sample", callback=_share, metavar="SHARE",
              help="Share of the requests, such as 1% or 0.01.")  # fmt: skip
@click.option("--max_bytes", type=click.IntRange(min=64 * 1024),
              help="Most bytes of all records.")  # fmt: skip
def start(
    service: str, models: tuple[str, ...], sample: float | None, max_bytes: int | None
) -> None:
    """Start to record; earlier records of the service are removed.

    What is not given is as in server.yml.
    """
    state = start_capture(running_service(service), models, sample, max_bytes)
    what = ", ".join(state["models"]) or "all models"
    say(f"records {state['sample_ratio']:.3g} of the requests of {what}, "
        f"up to {size_text(state['max_bytes'])}")  # fmt: skip


@command.command("stop")
@service_argument
def stop(service: str) -> None:
    """Stop to record; the records stay until the next start."""
    _show(stop_capture(running_service(service)))


@command.command("status")
@service_argument
def status(service: str) -> None:
    """Show whether requests are recorded, and how many were."""
    _show(read_capture(running_service(service)))


@command.command("fetch")
@service_argument
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def fetch(service: str, file: Path) -> None:
    """Write the records into a file, which only you can read."""
    with ByteProgress() as progress:
        size = fetch_capture(
            running_service(service), file, lambda done, total: progress.show("fetch", done, total)
        )
    say(f"{file} ({size_text(size)})")


def _show(state: dict[str, Any]) -> None:
    kept = f"{state['records']} requests ({size_text(state['bytes'])})"
    say(f"{state['state']}: {kept}")
    if state["overwritten"]:
        notice(f"{state['overwritten']} earlier ones were removed for later ones")
    for left_out in state["left_out"]:
        notice(f"{left_out['count']} not recorded: {_REASONS[left_out['reason']]}")
    if state.get("error"):
        notice(f"recording has stopped: {state['error']}")
