"""Runs a prepared service and shows how to call it: shared by the serve verbs and start."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.cli.output.example import JSON_HEADER, Asked, Example, example_of
from grps.cli.output.following import follow_log
from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.output.user_code import message_data
from grps.config.schema import InferenceConfig
from grps.deploy.paths import ServiceFolder, use_temporary_home
from grps.deploy.supervision.supervisor import prepare, start
from grps.server.project import Project
from grps.server.state import ServiceState

EARLIER_LINES = 10
"""Lines of the log from before the service was ready."""
MOST_EXAMPLES = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What the summary of a started service says of it."""

    what: str
    """For example ``model vad-1.0.0 on cpu``."""
    asked: tuple[Asked, ...]
    """The models of the example requests."""
    host: str
    """Where the service listens, as configured."""
    named: bool = False
    """Whether a request has to name the model: there is no default graph."""
    needs_key: bool = False
    """Whether clients need a key, a token or a certificate."""


def shown_of(project: Project) -> Shown:
    """Return what the summary says of a project."""
    models = project.inference.models
    names = ", ".join(one.key for one in models)
    what = f"{'model' if len(models) == 1 else 'models'} {names}"
    return Shown(
        what,
        tuple(
            Asked(one, data_for(project, one), _configured(project.inference, one))
            for one in _asked(project.inference)
        ),
        project.server.interface.host,
        named=project.inference.dag is None,
        needs_key=project.server.auth is not None,
    )


def _configured(inference: InferenceConfig, asked: str) -> dict[str, Any]:
    """Return what the configuration says of a model that has nothing around it."""
    for model in inference.models:
        if asked in (model.key, model.name):
            return {
                "name": model.name,
                "inferer_type": model.inferer_type,
                "inferer_path": model.inferer_path,
                "converter_type": model.converter_type,
            }
    return {}


def data_for(project: Project, asked: str) -> str | None:
    """Return arguments of curl that send what a model takes; ``None`` when that is not known.

    It is a request that warms the model up, or one like those that its code reads.

    Args:
        project: The project.
        asked: The model, with its version or without.
    """
    for model in project.inference.models:
        if asked in (model.key, model.name):
            if model.warm_up_requests:
                file = project.folder / model.warm_up_requests[0]
                return f"{JSON_HEADER} -d {shlex.quote(f'@{file}')}"
            return message_data(project.folder, model)
    return None


def _asked(inference: InferenceConfig) -> list[str]:
    """Return what examples call: the default graph or the first model on its way, or all models."""
    dag = inference.dag
    if dag is None:
        return [model.key for model in inference.models]
    return [dag.name if dag.type == "graph" else dag.nodes[0].model]


def service_folder(name: str, *, foreground: bool) -> ServiceFolder:
    """Return the folder of the service to start.

    A server in the foreground gets one in ``TMPDIR`` where the home folder can't be used.

    Raises:
        HomeError: No folder can be used.
    """
    if foreground and (made := use_temporary_home()) is not None:
        notice(f"no home folder can be used: the service is put into {made} (or set GRPS_HOME)")
    return ServiceFolder.of(name)


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
    folder: ServiceFolder, command: Sequence[str], timeout_s: float
) -> ServiceState:
    """Start the server and show how far it has come. Call it inside ``claim``.

    Args:
        folder: The service.
        command: Runs the server.
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
    scheme = "https" if state.tls else "http"
    say(f"dashboard {scheme}://{address}:{state.ports[0]}/")
    if len(state.ports) > 1:
        say(f"rpc       {address}:{state.ports[1]}")
    for asked in shown.asked[:MOST_EXAMPLES]:
        example = example_of(
            host,
            state.ports[0],
            asked,
            named=shown.named,
            state=state,
        )
        _say_example(example)
    if len(shown.asked) > MOST_EXAMPLES:
        say(f"          (and {len(shown.asked) - MOST_EXAMPLES} more models)")
    if shown.needs_key:
        say("          (clients need a key here: add -H 'Authorization: Bearer KEY')")
    say(f"files     {folder.root}")
    say(f"log       {folder.log_dir / 'grps_server.log'}")
    say(f"stop      grpst stop {folder.name}")


def _say_example(example: Example) -> None:
    say(f"try       {example.line}")
    if example.own_data:
        say(f"          (for a file of yours: curl {example.own_data} and the same URL)")
    if not example.exact:
        say(f"          ({example.guessed_because}: put in your own values)")


def follow(folder: ServiceFolder, state: ServiceState) -> None:
    """Follow the log until Ctrl-C, which leaves the service running."""
    try:
        notice("following the log; Ctrl-C leaves the service running")
        follow_log(folder, state, folder.log_dir / "grps_server.log", EARLIER_LINES)
    except KeyboardInterrupt:
        notice(f"\nservice {folder.name!r} keeps running; stop it with: grpst stop {folder.name}")
