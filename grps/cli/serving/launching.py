"""Runs a prepared service and shows how to call it: shared by the serve verbs and start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grps.cli.output.example import example_of
from grps.cli.output.following import follow_log
from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.supervisor import prepare, start
from grps.server.state import ServiceState

EARLIER_LINES = 10
"""Lines of the log from before the service was ready."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the summary of a started service says of it."""

    what: str
    """For example ``model vad-1.0.0 on cpu``."""
    model: str
    """The model of the example request."""
    host: str
    """Where the service listens, as configured."""


def become_server(folder: ServiceFolder, project: Path, command: Sequence[str]) -> None:
    """Become the server. The state says so first, as the process and its pid stay the same.

    Call it inside ``claim``.
    """
    prepare(folder)
    detail = "starting the server process"
    ServiceState.of_this_process(folder.root, detail=detail).write(folder.state)
    notice(f"service {folder.name!r} runs in this terminal; Ctrl-C stops it")
    os.chdir(project)
    os.execv(command[0], [*command, "--stderr"])


def start_in_background(
    folder: ServiceFolder, command: Sequence[str] | None, timeout_s: float
) -> ServiceState:
    """Start the server and show how far it has come. Call it inside ``claim``.

    Args:
        folder: The service.
        command: Runs the server; by default the project is the service folder itself.
        timeout_s: How long it may take to become ready.
    """
    with ProgressLine(f"starting {folder.name}") as line:
        return start(
            folder,
            timeout_s=timeout_s,
            on_progress=lambda at: line.show(at.phase, at.detail, at.elapsed_s),
            command=command,
        )


def summarise(folder: ServiceFolder, state: ServiceState, shown: Shown) -> None:
    """Print where the started service is and how to call, watch and stop it."""
    host = "127.0.0.1" if shown.host in ("0.0.0.0", "::", "") else shown.host
    address = f"[{host}]" if ":" in host else host
    say(f"service   {folder.name} is ready (pid {state.pid}, {shown.what})")
    say(f"dashboard http://{address}:{state.ports[0]}/")
    if len(state.ports) > 1:
        say(f"rpc       {address}:{state.ports[1]}")
    example = example_of(host, state.ports[0], shown.model)
    say(f"try       {example.line}")
    if not example.exact:
        say("          (the model does not report its types and shapes: put in your own values)")
    say(f"files     {folder.root}")
    say(f"log       {folder.log_dir / 'grps_server.log'}")
    say(f"stop      grpst stop {folder.name}")


def follow(folder: ServiceFolder, state: ServiceState) -> None:
    """Follow the log until Ctrl-C, which leaves the service running."""
    notice("following the log; Ctrl-C leaves the service running")
    try:
        follow_log(folder, state, folder.log_dir / "grps_server.log", EARLIER_LINES)
    except KeyboardInterrupt:
        notice(f"\nservice {folder.name!r} keeps running; stop it with: grpst stop {folder.name}")
