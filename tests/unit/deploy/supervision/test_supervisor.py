"""Starting, listing and stopping real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import find, inspect, running_names, services
from grps.deploy.supervision.stopping import stop
from grps.deploy.supervision.supervisor import Progress, claim, start
from grps.errors import DeployError
from grps.server.state import ServiceState, alive

FAKE = Path(__file__).with_name("fake_server.py")
ROOT = FAKE.parents[3]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(autouse=True)
def no_leftovers(folder: ServiceFolder) -> Iterator[None]:
    yield
    state = inspect(folder).state
    if state is not None and alive(state):
        with suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGKILL)


def launch(folder: ServiceFolder, way: str, timeout_s: float = 30) -> list[Progress]:
    seen: list[Progress] = []
    command = [sys.executable, str(FAKE), str(folder.root), way]
    with claim(folder):
        start(folder, timeout_s=timeout_s, on_progress=seen.append, command=command)
    return seen


def test_start_reports_progress_and_becomes_ready(folder: ServiceFolder) -> None:
    seen = launch(folder, "serve")
    assert "loading model demo-1.0.0 (1 of 1)" in [progress.detail for progress in seen]
    service = find("demo")
    assert service.running
    assert service.status == "ready"
    assert service.state is not None
    assert service.state.ports == (7080, 7081)
    assert os.getsid(service.state.pid) != os.getsid(0)
    assert running_names() == ["demo"]


def test_second_start_names_pid_and_the_way_to_stop(folder: ServiceFolder) -> None:
    launch(folder, "serve")
    state = inspect(folder).state
    assert state is not None
    with pytest.raises(DeployError, match=rf"already runs \(pid {state.pid}.*grpst stop demo"):
        launch(folder, "serve")
    assert inspect(folder).running


def test_stop_drains(folder: ServiceFolder) -> None:
    launch(folder, "serve")
    gone = stop("demo")
    assert not gone.killed
    assert gone.pid is not None
    assert not folder.state.exists()
    assert not inspect(folder).running


def test_stop_kills_what_does_not_drain(folder: ServiceFolder) -> None:
    launch(folder, "refuse_to_stop")
    waits: list[str] = []
    gone = stop("demo", drain_timeout_s=0.2, on_wait=lambda detail, _: waits.append(detail))
    assert gone.killed
    assert waits
    assert not any(waits), "what it said of its start is not progress of its end"
    assert not folder.state.exists()


@pytest.mark.parametrize(
    ("number", "text"),
    [(signal.SIGKILL, "was ended by signal SIGKILL"), (signal.SIGUSR1, "by signal SIGUSR1")],
)
def test_how_a_service_was_killed_is_known(
    folder: ServiceFolder, number: signal.Signals, text: str
) -> None:
    launch(folder, "serve")
    state = inspect(folder).state
    assert state is not None
    os.kill(state.pid, number)
    deadline = time.monotonic() + 20
    while inspect(folder).cause is None and time.monotonic() < deadline:
        time.sleep(0.01)
    service = find("demo")
    assert (service.running, service.status) == (False, "crashed")
    assert text in (service.cause or "")
    launch(folder, "serve")
    assert find("demo").cause is None


STARTER = """
import subprocess, sys
from pathlib import Path
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.supervisor import claim, start

folder = ServiceFolder.of(sys.argv[1])
try:
    with claim(folder):
        print("claimed", flush=True)
        if sys.argv[2] == "deploy":
            subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"])
        command = [sys.executable, sys.argv[3], str(folder.root), sys.argv[2]]
        show = lambda at: print(at.detail, flush=True)
        start(folder, timeout_s=60, on_progress=show, command=command)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("way", ["hang", "deploy"])
def test_stop_ends_a_start_in_progress(folder: ServiceFolder, way: str) -> None:
    command = [sys.executable, "-c", STARTER, "demo", way, str(FAKE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        seen = starter.stdout.readline()
        while way == "hang" and "warming up" not in seen:
            seen = starter.stdout.readline()
        state = inspect(folder).state
        gone = stop("demo")
        assert (gone.starter, gone.pid, gone.killed) == (starter.pid, None, False)
        assert starter.stdout.read().endswith("interrupted\n")
        assert starter.wait(30) == 0
    assert find("demo").status == "stopped"
    assert state is None or not alive(state)
    with pytest.raises(DeployError, match="'demo' is not running"):
        stop("demo")


def test_failure_gives_the_servers_own_cause(folder: ServiceFolder) -> None:
    with pytest.raises(DeployError, match="failed to start: the model file is damaged"):
        launch(folder, "fail")
    assert find("demo").status == "failed"


def test_exit_without_a_word_gives_code_and_output(folder: ServiceFolder) -> None:
    folder.output.parent.mkdir(parents=True)
    folder.output.write_text("output of an earlier run\n")
    with pytest.raises(DeployError) as raised:
        launch(folder, "fail_without_a_word")
    text = str(raised.value)
    assert "exited with code 3" in text
    assert "ValueError: no such luck" in text
    assert "earlier run" not in text


def test_signal_is_named_with_what_it_was_doing(folder: ServiceFolder) -> None:
    with pytest.raises(DeployError) as raised:
        launch(folder, "die_by_signal")
    text = str(raised.value)
    assert "was ended by signal SIGSEGV while loading model demo-1.0.0" in text
    assert "about to die" in text
    assert find("demo").status == "crashed"


def test_timeout_stops_the_server(folder: ServiceFolder) -> None:
    pids: list[int] = []

    def remember(_: Progress) -> None:
        state = ServiceState.read(folder.state)
        if state is not None:
            pids.append(state.pid)

    command = [sys.executable, str(FAKE), str(folder.root), "hang"]
    with claim(folder), pytest.raises(DeployError) as raised:
        start(folder, timeout_s=2, on_progress=remember, command=command)
    assert re.search(r"not ready after .* s .*warming", str(raised.value))
    assert str(raised.value).endswith(f"or read the logs in {folder.log_dir}")
    with pytest.raises(ProcessLookupError):
        os.kill(pids[-1], 0)
    assert not folder.state.exists()


def test_interrupt_while_waiting_stops_the_server(folder: ServiceFolder) -> None:
    pids: list[int] = []

    def interrupt(progress: Progress) -> None:
        state = ServiceState.read(folder.state)
        if state is not None:
            pids.append(state.pid)
            raise KeyboardInterrupt

    command = [sys.executable, str(FAKE), str(folder.root), "hang"]
    with claim(folder), pytest.raises(KeyboardInterrupt):
        start(folder, timeout_s=30, on_progress=interrupt, command=command)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_stop_cleans_up_after_a_crash(folder: ServiceFolder) -> None:
    with pytest.raises(DeployError):
        launch(folder, "die_by_signal")
    assert stop("demo").pid is None
    assert find("demo").status == "stopped"
    with pytest.raises(DeployError, match="'demo' is not running"):
        stop("demo")


def test_stop_of_an_unknown_name_suggests_a_running_one(folder: ServiceFolder) -> None:
    launch(folder, "serve")
    with pytest.raises(DeployError, match=r"called 'dmo' \(did you mean 'demo'\?\); running: demo"):
        stop("dmo")


def test_list_skips_foreign_folders(folder: ServiceFolder, grps_home: Path) -> None:
    (grps_home / ".locks").mkdir()
    (grps_home / "not a service").mkdir()
    assert [service.name for service in services()] == ["demo"]
