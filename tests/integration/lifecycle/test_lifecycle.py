"""A server from loading to its orderly end."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import requests

from grps.protocol.pb.grps_pb2 import EmptyGrpsMessage, GrpsMessage
from tests.support import (
    GUARD_S,
    USER_CODE,
    RunningServer,
    launch,
    serving,
    state_of,
    user_model,
    wait_for,
    wait_until,
    write_user_project,
)

SLOW = 4
GATED = (
    USER_CODE
    + """

class Gated(Echo):
    def load(self):
        note("load", "started")
        while not os.path.exists("go"):
            time.sleep(0.005)
        return True


inferer_register.register("gated", Gated())
"""
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server where several requests can run long."""
    models = [user_model("echo"), user_model("waiter", instances=SLOW)]
    with serving(write_user_project(tmp_path, models, dag=["echo-1.0.0"])) as running:
        yield running


DRAINING = "the service is shutting down"


def phase(folder: Path) -> str:
    state = state_of(folder)
    assert state is not None
    return state.phase


class Load:
    """Sends requests over one connection until the first that is not served."""

    def __init__(self, server: RunningServer) -> None:
        self.served = 0
        self.last: requests.Response | None = None
        self._server = server

    def run(self) -> None:
        """Send requests until one is refused."""
        with requests.Session() as session:
            while self.last is None or self.last.status_code == 200:
                body = {"str_data": str(self.served)}
                self.last = session.post(self._server.url(), json=body, timeout=GUARD_S)
                if self.last.status_code == 200:
                    assert self.last.json()["str_data"] == str(self.served)
                    self.served += 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_drain_loses_nothing(server: RunningServer, number: signal.Signals) -> None:
    loads = [Load(server) for _ in range(8)]
    with ThreadPoolExecutor(SLOW + len(loads)) as threads, server.stub() as stub:
        bodies = [{"str_data": "slow"}] * SLOW
        slow = [threads.submit(server.post, body, "?model=waiter") for body in bodies]
        running = [threads.submit(load.run) for load in loads]
        wait_until(lambda: len(server.noted("started")) == SLOW, "slow requests run")
        wait_until(lambda: all(load.served for load in loads), "quick requests are served")
        server.process.send_signal(number)
        wait_until(lambda: phase(server.folder) == "draining", "the drain starts")
        for ended in running:
            ended.result(GUARD_S)
        with pytest.raises(grpc.RpcError) as raised:
            stub.Predict(GrpsMessage(str_data="x"), timeout=GUARD_S)
        assert requests.get(server.url("/grps/v1/health/live"), timeout=GUARD_S).status_code == 200
        ready = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
        server.release()
        answers = [answer.result(GUARD_S) for answer in slow]
    assert [answer.json().get("str_data") for answer in answers] == ["released"] * SLOW
    for load in loads:
        assert load.last is not None
        assert (load.last.status_code, load.last.headers["Connection"]) == (503, "close")
        assert load.last.json()["status"]["msg"] == DRAINING
    assert (raised.value.code(), raised.value.details()) == (
        grpc.StatusCode.UNAVAILABLE,
        DRAINING,
    )
    assert ready.status_code == 503
    assert server.process.wait(GUARD_S) == 0
    assert phase(server.folder) == "stopped"
    assert server.stderr() == ""


def test_many_signals_stop_it_once(server: RunningServer) -> None:
    for _ in range(100):
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
    assert server.process.wait(GUARD_S) == 0
    assert phase(server.folder) == "stopped"


def test_a_signal_to_the_thread_that_receives_them_stops_it(server: RunningServer) -> None:
    pid = server.process.pid
    threads = Path(f"/proc/{pid}/task").iterdir()
    [receiver] = [one for one in threads if (one / "comm").read_text() == "grps-signals\n"]
    assert ctypes.CDLL(None).tgkill(pid, int(receiver.name), signal.SIGTERM) == 0
    assert server.process.wait(GUARD_S) == 0
    assert phase(server.folder) == "stopped"


def test_the_drain_ends_in_time(tmp_path: Path) -> None:
    limits = {"limits": {"drain_timeout_ms": 100}}
    folder = write_user_project(tmp_path, [user_model("sleeper")], limits)
    with serving(folder) as server, ThreadPoolExecutor() as threads:
        answer = threads.submit(server.post, {"str_data": "60"}, "?model=sleeper")
        wait_until(lambda: server.noted("started") == ["60"], "user code runs")
        assert server.stop() == 0
        assert isinstance(answer.exception(GUARD_S), requests.ConnectionError)
    assert phase(tmp_path) == "stopped"


def test_idle_connections_do_not_hold_up_the_stop(server: RunningServer) -> None:
    with requests.Session() as session, server.stub() as stub:
        assert session.get(server.url("/grps/v1/health/live"), timeout=GUARD_S).ok
        assert stub.CheckLiveness(EmptyGrpsMessage()).status.code == 200
        assert server.stop() == 0


@contextmanager
def loading(folder: Path) -> Iterator[RunningServer]:
    """A server whose only model loads until the file ``go`` appears."""
    write_user_project(folder, [user_model("gated")], code=GATED)
    process = launch(folder)
    try:
        wait_until((folder / "load").exists, "the model loads")
        state = wait_for(process, folder, "loading")
        yield RunningServer(process, folder, state.ports)
    finally:
        process.kill()
        process.wait()


def test_a_loading_service_lives_but_is_not_ready(tmp_path: Path) -> None:
    with loading(tmp_path) as server, server.stub() as stub:

        def get(path: str) -> requests.Response:
            return requests.get(server.url(f"/grps/v1/{path}"), timeout=GUARD_S)

        assert get("health/live").status_code == 200
        assert get("metadata/server").status_code == 200
        ready = get("health/ready")
        assert (ready.status_code, ready.json()["status"]["code"]) == (503, 503)
        for query in ("", "?model=gated"):
            answer = server.post({"str_data": "x"}, query)
            assert answer.status_code == 503
            assert "still loading" in answer.json()["status"]["msg"]
        assert stub.CheckLiveness(EmptyGrpsMessage()).status.code == 200
        assert stub.CheckReadiness(EmptyGrpsMessage()).status.code == 503
        with pytest.raises(grpc.RpcError) as raised:
            stub.Predict(GrpsMessage(str_data="x"))
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        (tmp_path / "go").touch()
        wait_for(server.process, tmp_path, "ready")
        assert get("health/ready").status_code == 200
        assert server.post({"str_data": "x"}, "?model=gated").json()["str_data"] == "x"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loading_service_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with loading(tmp_path) as server:
        assert server.stop(number) == 0
        assert server.stderr() == ""
    assert phase(tmp_path) == "stopped"


def test_a_service_may_wait_to_be_set_online(tmp_path: Path) -> None:
    folder = write_user_project(tmp_path, [user_model("echo")], {"health": {"start_online": False}})
    with serving(folder) as server, server.stub() as stub:

        def call(name: str) -> int:
            return requests.get(server.url(f"/grps/v1/health/{name}"), timeout=GUARD_S).status_code

        assert (call("live"), call("ready")) == (200, 503)
        assert stub.CheckReadiness(EmptyGrpsMessage()).status.code == 503
        assert server.post({"str_data": "x"}, "?model=echo").status_code == 200
        assert (call("online"), call("ready")) == (200, 200)
        assert stub.CheckReadiness(EmptyGrpsMessage()).status.code == 200
