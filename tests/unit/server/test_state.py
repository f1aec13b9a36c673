"""The state file, and telling a live process from a dead or another one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from grps.errors import DeployError
from grps.server.state import ServiceState, alive


def test_written_as_the_contract_says(tmp_path: Path) -> None:
    path = tmp_path / "run" / "state.json"
    state = ServiceState.of_this_process(tmp_path, "ready", "", (7080, 7081))
    state.write(path)
    data = json.loads(path.read_text())
    assert sorted(data) == [
        "create_time",
        "deploy_path",
        "detail",
        "docs",
        "error",
        "host",
        "native",
        "phase",
        "pid",
        "ports",
        "started_at",
        "tls",
        "unix_socket",
    ]
    assert data["ports"] == [7080, 7081]
    assert ServiceState.read(path) == state
    assert list(path.parent.iterdir()) == [path]


def test_missing_is_none(tmp_path: Path) -> None:
    assert ServiceState.read(tmp_path / "state.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_damaged_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(DeployError, match=r"state\.json: not a service state"):
        ServiceState.read(path)


def test_alive(tmp_path: Path) -> None:
    state = ServiceState.of_this_process(tmp_path)
    assert alive(state)
    assert not alive(replace(state, create_time=state.create_time - 100))
    assert not alive(replace(state, pid=-5))


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        created = psutil.Process(process.pid).create_time()
        state = replace(
            ServiceState.of_this_process(tmp_path), pid=process.pid, create_time=created
        )
        assert alive(state)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert not alive(state)
