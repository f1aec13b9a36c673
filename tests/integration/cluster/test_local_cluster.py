"""A director without Ray: real processes of replicas, and the commands of the tool."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from click.testing import CliRunner

from grps.cli.main import main
from grps.cluster.commands import Status
from grps.cluster.connecting import connect
from grps.cluster.connection import ask
from grps.cluster.known import cluster_folder
from grps.cluster.local.client import director_process, stop_director
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import inspect
from tests.support import REPOSITORY, wait_until, write_project

ECHO = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
Grpst = Callable[..., str]


@pytest.fixture
def grpst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Grpst]:
    """The tool, with a director of this machine."""
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))

    def run(*words: str, code: int = 0) -> str:
        found = CliRunner().invoke(main, ["cluster", *words])
        assert found.exit_code == code, found.output
        return found.output

    run("up", "--local")
    try:
        yield run
    finally:
        stop_director(cluster_folder())
        for folder in (tmp_path / "home").iterdir():
            service = inspect(ServiceFolder(folder.name, folder))
            if service.running and service.state is not None:
                os.kill(service.state.pid, signal.SIGKILL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", [ECHO])


def status() -> dict[str, Any]:
    connection = connect()
    try:
        return ask(connection, Status())
    finally:
        connection.close()


def replicas(name: str = "echo") -> list[dict[str, Any]]:
    found = [one for one in status()["deployments"] if one["name"] == name]
    return list(found[0]["replicas"]) if found else []


def pid_of(name: str) -> int:
    state = inspect(ServiceFolder.of(name)).state
    assert state is not None
    return state.pid


def answers(address: str) -> bool:
    body = {"ndarray": [[1.0, 2.0]]}
    url = f"http://{address}/grps/v1/infer/predict?return-ndarray=true"
    return requests.post(url, json=body, timeout=10).json().get("ndarray") == [[1.0, 2.0]]


def test_replicas_from_the_first_to_the_last(grpst: Grpst, project: Path) -> None:
    out = grpst("deploy", str(project), "--name", "echo", "--replicas", "2")
    assert "version 1, 2 replicas wanted" in out
    assert all(answers(one["address"]) for one in replicas())
    wait_until(
        lambda: all((one["figures"] or {}).get("succeeded") for one in replicas()), "it is told"
    )
    seen = grpst("top", "echo", "--once").splitlines()
    assert [line.split()[0] for line in seen] == ["DEPLOYMENT", "echo", "echo-1", "echo-2"]
    assert "2/2 ready" in seen[1]
    assert all(line.split()[1] == "ready" and " ms " in line for line in seen[2:])
    assert "no deployment is called 'other'" in grpst("top", "other", "--once", code=1)

    # One is killed: it is back by itself, with another process.
    before = pid_of("echo-1")
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: all(one["phase"] == "ready" for one in replicas()) and pid_of("echo-1") != before,
        "it runs again",
    )
    first = replicas()[0]
    assert first["restarts"] == 1
    assert answers(first["address"])

    # The director is killed: the replicas run on, and the next one finds them.
    pids = [pid_of(one["name"]) for one in replicas()]
    director = director_process(cluster_folder())
    assert director is not None
    director.kill()
    director.wait(10)
    assert "does not run" in grpst("status", code=1)
    grpst("up", "--local")
    wait_until(lambda: [one["phase"] for one in replicas()] == ["ready"] * 2, "they are found")
    assert [pid_of(one["name"]) for one in replicas()] == pids

    # Another version: new processes, none of the old ones.
    settings = project / "conf" / "server.yml"
    settings.write_text(settings.read_text() + "max_concurrency: 7\n")
    assert "version 2" in grpst("deploy", str(project), "--name", "echo")
    assert [one["version"] for one in replicas()] == [2, 2]
    assert not set(pids) & {pid_of(one["name"]) for one in replicas()}

    grpst("scale", "echo", "1")
    assert len(replicas()) == 1
    table = msgspec.json.decode(grpst("status", "--json"))["deployments"][0]["endpoints"]
    assert table == [replicas()[0]["address"]]
    assert "echo-" in grpst("status")
    grpst("drain", "echo")
    assert status()["deployments"] == []
    assert list((cluster_folder().parent).glob("echo-*")) == []
    grpst("down")
    assert director_process(cluster_folder()) is None


def test_a_version_that_does_not_start_is_told_and_the_old_one_serves(
    grpst: Grpst, project: Path, tmp_path: Path
) -> None:
    grpst("deploy", str(project), "--name", "echo")
    before = replicas()[0]["address"]
    model = {"name": "echo", "version": "1.0.0", "inferer_type": "onnxruntime"}
    broken = write_project(tmp_path / "broken", [{**model, "inferer_path": "net.onnx"}])
    (broken / "net.onnx").write_bytes(b"no network")
    out = grpst("deploy", str(broken), "--name", "echo", code=1)
    assert "version 2 does not start" in out
    assert answers(before)


def test_a_service_of_the_users_own_is_left_alone(grpst: Grpst, project: Path) -> None:
    own = ServiceFolder.of("echo-1")
    own.root.mkdir(parents=True)
    (own.root / "precious").write_text("mine")
    grpst("deploy", str(project), "--name", "echo", "--no_wait")
    wait_until(lambda: "not a folder of the cluster" in str(replicas()), "it is told")
    grpst("drain", "echo")
    assert (own.root / "precious").read_text() == "mine"
