"""The director in a real cluster of Ray on this machine."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from grps.cluster.known import cluster_folder, known_cluster
from grps.cluster.ray.starting import TOKEN, keeper_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import inspect
from grps.server.state import alive
from tests.support import REPOSITORY, two_free_ports, wait_until, write_project

pytest.importorskip("ray", reason="needs the extra of Ray")

ECHO = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
COMMAND_S = 120


def run(*words: str) -> str:
    """Run the tool in a process of its own, as Ray stays in the process that used it."""
    found = subprocess.run(
        [sys.executable, "-m", "grps.cli.main", "cluster", *words],
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """The process that keeps Ray running, with a director."""
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    run("up", "--port", str(two_free_ports()[0]), "--num_cpus", "2", "--num_gpus", "0")
    found = keeper_of(known_cluster())
    assert found is not None
    below = found.children(recursive=True)
    try:
        yield found
    finally:
        with suppress(psutil.Error):
            below += found.children(recursive=True)
            found.terminate()
        _, left = psutil.wait_procs([*below, found], timeout=20)
        for process in left:
            with suppress(psutil.Error):
                process.kill()


def below(keeper: psutil.Process, name: str, other_than: int = 0) -> psutil.Process | None:
    """A process of Ray by its name."""
    for one in keeper.children(recursive=True):
        with suppress(psutil.Error):
            if one.pid != other_than and name in " ".join(one.cmdline()):
                return one
    return None


def kill(keeper: psutil.Process, name: str) -> None:
    """Kill a process of Ray and wait until another one has taken its place."""
    found = below(keeper, name)
    assert found is not None
    found.kill()
    patiently(lambda: below(keeper, name, found.pid) is not None, f"{name} is there again")


def patiently(condition: Callable[[], bool], what: str) -> None:
    """Wait longer than ``wait_until``: Ray starts processes of Python."""
    deadline = time.monotonic() + COMMAND_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {COMMAND_S} s: {what}"
        time.sleep(0.05)


def replicas() -> list[dict[str, Any]]:
    found = msgspec.json.decode(run("status", "--json"))
    return [one for each in found["deployments"] for one in each["replicas"]]


def is_ready(count: int) -> bool:
    return [one["phase"] for one in replicas()] == ["ready"] * count


def pid_of(name: str) -> int:
    state = inspect(ServiceFolder.of(name)).state
    return state.pid if state is not None else 0


def test_replicas_in_ray(keeper: psutil.Process, tmp_path: Path) -> None:
    assert stat.S_IMODE((cluster_folder() / TOKEN).stat().st_mode) == 0o600
    project = write_project(tmp_path / "project", [ECHO])
    out = run("deploy", str(project), "--name", "echo", "--replicas", "2", "--cpus", "0.5")
    assert "2 replicas wanted" in out

    # A replica is killed, and is back in a new process.
    before = pid_of("echo-1")
    os.kill(before, signal.SIGKILL)
    patiently(lambda: pid_of("echo-1") != before and is_ready(2), "it runs again")

    # The control plane is killed: it comes back, and the replicas never notice.
    pids = [pid_of("echo-1"), pid_of("echo-2")]
    kill(keeper, "gcs_server")
    assert is_ready(2)
    assert [pid_of("echo-1"), pid_of("echo-2")] == pids

    # The director is killed: Ray starts it again, and it finds its replicas.
    kill(keeper, "ray::DirectorActor")
    assert is_ready(2)
    assert [pid_of("echo-1"), pid_of("echo-2")] == pids

    # The actor of a replica is killed: its server does not outlive it.
    state = inspect(ServiceFolder.of("echo-2")).state
    assert state is not None
    watcher = psutil.Process(state.pid).parent()
    assert watcher is not None
    actor = watcher.parent()
    assert actor is not None
    actor.kill()
    wait_until(lambda: not alive(state), "the server has ended too")
    patiently(lambda: is_ready(2), "it runs again")

    run("down")
    assert not keeper.is_running()
    assert inspect(ServiceFolder.of("echo-1")).state is None
