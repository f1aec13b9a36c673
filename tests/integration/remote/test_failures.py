"""Workers that die, drain, refuse, or are not there yet."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import onnx
import onnx.parser
import pytest
import requests

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.integration.remote.services import (
    ECHO,
    address_of,
    echoing,
    metric,
    starting,
    states,
    static,
    wait_for_state,
    write_front,
)
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    two_free_ports,
    wait_for,
    wait_until,
    write_project,
)


class Load:
    """Requests from several threads, and how they ended."""

    def __init__(self, front: RunningServer) -> None:
        self._front = front
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        self.succeeded = 0
        self.failures: list[str] = []

    def _run(self) -> None:
        with self._front.stub() as stub:
            while not self._ends.is_set():
                try:
                    answer = stub.Predict(GrpsMessage(str_data="x"), timeout=GUARD_S)
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code()} {error.details()}")
                    continue
                if answer.str_data == "x":
                    self.succeeded += 1
                else:
                    self.failures.append(answer.status.msg)

    def wait_for(self, count: int) -> None:
        """Wait until so many more requests have succeeded."""
        wanted = self.succeeded + count
        wait_until(lambda: self.succeeded >= wanted, f"{count} requests succeed")

    @classmethod
    @contextmanager
    def on(cls, front: RunningServer) -> Iterator[Load]:
        load = cls(front)
        for thread in load._threads:
            thread.start()
        try:
            yield load
        finally:
            load._ends.set()
            for thread in load._threads:
                thread.join()


@contextmanager
def front_of_two(folder: Path) -> Iterator[tuple[RunningServer, list[RunningServer]]]:
    """A front, and its two workers, which are up."""
    with echoing(folder / "a") as one, echoing(folder / "b") as other:
        workers = [one, other]
        with serving(write_front(folder / "front", static(*workers)), PROGRAM) as front:
            for worker in workers:
                wait_for_state(front, address_of(worker), "up")
            yield front, workers


def test_a_replica_that_is_killed_costs_only_what_it_had_begun(tmp_path: Path) -> None:
    with front_of_two(tmp_path) as (front, workers):
        with Load.on(front) as load:
            load.wait_for(100)
            workers[0].process.kill()
            killed = wait_for_state(front, address_of(workers[0]), "ejected")
            load.wait_for(100)
        assert killed["reason"].startswith("connection: ")
        assert len(load.failures) <= 4, load.failures
        assert all("it may have run" in failure for failure in load.failures), load.failures
        assert metric(front, "grps_remote_ejections_total", reason="connection") == 1
        assert metric(front, "grps_remote_endpoints_up") == 1
        # It comes back on the same port.
        port = workers[0].ports[0]
        server = {"interface": {"framework": "http", "host": "127.0.0.1", "port": port}}
        with echoing(tmp_path / "again", server=server):
            wait_for_state(front, f"127.0.0.1:{port}", "up")


def test_a_replica_that_drains_costs_nothing(tmp_path: Path) -> None:
    with front_of_two(tmp_path) as (front, workers):
        with Load.on(front) as load:
            load.wait_for(100)
            workers[0].process.send_signal(signal.SIGTERM)
            wait_for_state(front, address_of(workers[0]), "ejected")
            load.wait_for(100)
        assert load.failures == []


def test_a_silent_replica_is_ejected(tmp_path: Path) -> None:
    with front_of_two(tmp_path) as (front, workers):
        workers[0].process.send_signal(signal.SIGSTOP)
        try:
            silent = wait_for_state(front, address_of(workers[0]), "ejected")
            assert silent["reason"].startswith("keepalive: ")
            assert front.post({"str_data": "x"}).json()["str_data"] == "x"
        finally:
            workers[0].process.send_signal(signal.SIGCONT)
        wait_for_state(front, address_of(workers[0]), "up")


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_the_front_starts_before_its_worker(tmp_path: Path, program: Path | None) -> None:
    port, _ = two_free_ports()
    folder = write_front(
        tmp_path / "front", {"source": "static", "addresses": [f"127.0.0.1:{port}"]}
    )
    with starting(folder, program) as front:
        assert front.post({"str_data": "x"}).status_code == 503
        wait_until(
            lambda: "waiting: model m-1.0.0: no endpoint of service 'other'" in front.log(),
            "the log says what is waited for",
        )
        server = {"interface": {"framework": "http", "host": "127.0.0.1", "port": port}}
        with echoing(tmp_path / "worker", server=server):
            wait_for(front.process, folder, "ready")
            assert front.post({"str_data": "x"}).json()["str_data"] == "x"
        wait_for_state(front, f"127.0.0.1:{port}", "ejected")
        refused = front.post({"str_data": "x"})
        assert refused.status_code == 503
        assert "no endpoint of service 'other' takes calls" in refused.json()["status"]["msg"]


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_front_that_waits_can_be_stopped(tmp_path: Path, program: Path | None) -> None:
    with starting(write_front(tmp_path, {"source": "ray"}), program) as front:
        assert states(front) == {}


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_model_is_reloaded_again_and_again(tmp_path: Path, program: Path | None) -> None:
    """Each time it asks the endpoints anew, also in the place of a model that has gone."""
    with (
        echoing(tmp_path / "worker") as worker,
        serving(write_front(tmp_path / "front", static(worker)), program) as front,
    ):
        for _ in range(4):
            url = front.url("/grps/v1/admin/models/m/reload")
            answer = requests.post(url, timeout=GUARD_S)
            assert answer.status_code == 200, answer.text
            assert front.post({"ndarray": [[1.0]]}).status_code == 200


def test_other_inputs_are_refused(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workers = []
        for name, size in (("a", 2), ("b", 3)):
            folder = tmp_path / name
            folder.mkdir()
            shape = f"float[n, {size}]"
            text = f'<ir_version: 8, opset_import: ["" : 17]> m ({shape} x) => ({shape} y) '
            onnx.save(onnx.parser.parse_model(text + "{ y = Add(x, x) }"), folder / "m.onnx")
            model = {**ECHO, "inferer_type": "onnxruntime", "inferer_path": str(folder / "m.onnx")}
            workers.append(stack.enter_context(serving(write_project(folder, [model]))))
        front = stack.enter_context(
            serving(write_front(tmp_path / "front", static(*workers)), PROGRAM)
        )
        wait_until(
            lambda: {one["state"] for one in states(front).values()} == {"up", "refused"},
            "one of the two is refused",
        )
        [refused] = [one for one in states(front).values() if one["state"] == "refused"]
        reason = refused["reason"]
        assert "float32[?,2]" in reason and "float32[?,3]" in reason
        assert reason.startswith("signature: model m-1.0.0 is ")
        assert metric(front, "grps_remote_ejections_total", reason="signature") == 1
