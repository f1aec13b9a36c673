"""``grpst ps`` says what clients see of a service."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from grps.cli.main import main
from grps.deploy.supervision.services import find, services
from grps.server.state import ServiceState
from tests.support import REPOSITORY, wait_until, write_project


def grpst(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceState]:
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    keys = {"version": "1", "inferer_type": "identity"}
    models = [{"name": name, **keys} for name in ("a", "b")]
    project = write_project(tmp_path / "p", models, dag=["a-1"])
    started = grpst("start", project, "--name", "demo", "--no_logging")
    assert started.exit_code == 0, started.output
    state = find("demo").state
    assert state is not None
    yield state
    for one in services():
        if one.running and one.state is not None:
            os.kill(one.state.pid, signal.SIGKILL)


def status() -> tuple[str, str]:
    shown = grpst("ps")
    return shown.stdout.splitlines()[1].split()[4], shown.stderr


def test_the_status_is_what_clients_see(service: ServiceState) -> None:
    url = f"http://127.0.0.1:{service.ports[0]}/grps/v1"
    assert status() == ("ready", "")
    requests.post(f"{url}/health/offline", timeout=10)
    assert requests.get(f"{url}/health/ready", timeout=10).status_code == 503
    assert status() == ("offline", "demo: a client has called offline\n")
    requests.post(f"{url}/health/online", timeout=10)
    assert status() == ("ready", "")
    assert grpst("model", "unload", "b").exit_code == 0
    assert status() == ("ready", "demo: model b-1 is unloaded\n")
    assert grpst("model", "unload", "a").exit_code == 0
    shown, notes = status()
    ready = requests.get(f"{url}/health/ready", timeout=10)
    assert (shown, ready.status_code) == ("unready", 503)
    assert f"demo: {ready.json()['status']['msg']}\n" in notes
    assert "demo: model a-1 is unloaded\n" in notes
    os.kill(service.pid, signal.SIGSTOP)
    wait_until(lambda: status()[0] == "unresponsive", "the process is suspended")
    assert f"kill -CONT {service.pid}" in status()[1]
    os.kill(service.pid, signal.SIGCONT)
    wait_until(lambda: status()[0] == "unready", "the process goes on")
    os.kill(service.pid, signal.SIGKILL)
    wait_until(lambda: "SIGKILL" in status()[1], "the shell has recorded the signal")
    assert status() == ("crashed", "demo: was ended by signal SIGKILL (often: out of memory)\n")
