"""Fronts whose models run in other services, and their workers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from grps.deploy.native import PROGRAM
from tests.support import (
    GUARD_S,
    RunningServer,
    launch,
    serving,
    state_of,
    wait_until,
    write_project,
    write_user_project,
)

PLAIN = {"name": "m", "version": "1.0.0"}
ECHO = {**PLAIN, "inferer_type": "identity"}
STATES = "/grps/v1/admin/services"
TABLE = f"{STATES}/other/endpoints"


def address_of(worker: RunningServer) -> str:
    """Where a worker listens."""
    return f"127.0.0.1:{worker.ports[0]}"


def write_front(
    folder: Path,
    endpoints: Mapping[str, Any],
    models: list[dict[str, Any]] | None = None,
    server: dict[str, Any] | None = None,
    **service: Any,
) -> Path:
    """Write a project whose models, by default ``m``, run in the service ``other``."""
    models = models or [{**PLAIN, "remote": {"service": "other"}}]
    write_project(folder, models, server)
    file = folder / "conf" / "inference.yml"
    config = yaml.safe_load(file.read_text())
    config["services"] = [{"name": "other", "endpoints": dict(endpoints), **service}]
    file.write_text(yaml.safe_dump(config))
    return folder


def static(*workers: RunningServer) -> dict[str, Any]:
    """The endpoints of these workers."""
    return {"source": "static", "addresses": [address_of(worker) for worker in workers]}


@contextmanager
def echoing(folder: Path, **settings: Any) -> Iterator[RunningServer]:
    """A worker that returns what it gets."""
    with serving(write_project(folder, [ECHO], **settings), PROGRAM) as worker:
        yield worker


@contextmanager
def coding(folder: Path, code: str, models: list[dict[str, Any]]) -> Iterator[RunningServer]:
    """A worker with user code."""
    with serving(write_user_project(folder, models, code=code)) as worker:
        yield worker


@contextmanager
def starting(folder: Path, program: Path | None = PROGRAM) -> Iterator[RunningServer]:
    """A front that listens, and may wait for its workers."""
    process = launch(folder, program)
    try:
        wait_until(lambda: bool(_ports(folder)), "it listens")
        yield RunningServer(process, folder, _ports(folder))
    finally:
        process.terminate()
        assert process.wait(GUARD_S) == 0


def _ports(folder: Path) -> tuple[int, ...]:
    state = state_of(folder)
    return () if state is None else state.ports


def states(front: RunningServer) -> dict[str, dict[str, Any]]:
    """The endpoints of the service of a front, by their addresses."""
    [service] = requests.get(front.url(STATES), timeout=30).json()["services"]
    return {endpoint["address"]: endpoint for endpoint in service["endpoints"]}


def wait_for_state(front: RunningServer, address: str, state: str) -> dict[str, Any]:
    """Wait until an endpoint has this state."""
    wait_until(
        lambda: states(front).get(address, {}).get("state") == state, f"{address} is {state}"
    )
    return states(front)[address]


def metric(front: RunningServer, name: str, **labels: str) -> float:
    """A sample of the service of a front."""
    wanted = {"service": "other", **labels}
    for line in requests.get(front.url("/metrics"), timeout=30).text.splitlines():
        if line.startswith(f"{name}{{") and all(f'{k}="{v}"' in line for k, v in wanted.items()):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(name)


def send_table(front: RunningServer, generation: int, *addresses: str) -> requests.Response:
    """Send a table of endpoints."""
    table = {"generation": generation, "endpoints": [{"address": one} for one in addresses]}
    return requests.put(front.url(TABLE), data=json.dumps(table), timeout=30)
