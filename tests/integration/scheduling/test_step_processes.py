"""Instances of step models in worker processes: what their end costs, and what passes on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from tests.step_models import ENDLESS, Client, body, expected, series_model, write_series_project
from tests.support import GUARD_S, RunningServer, launch, serving, wait_for, wait_until
from tests.tensors import arrays_of

HANG_MS = 1000
PROCESS = "the process of instance m-1.0.0#"
HEALTH = {"health": {"hang_timeout_ms": HANG_MS}}


def model(**keys: Any) -> dict[str, Any]:
    batching = {"max_batch_size": 4, "steps": {"max_steps": ENDLESS}}
    return series_model("m", batching, **{"inferer_name": "series", **keys})


Service = Callable[..., AbstractContextManager[Client]]


@pytest.fixture
def service() -> Service:
    """What starts a service with a step model in processes."""

    @contextmanager
    def start(
        folder: Path, settings: dict[str, Any] | None = None, **keys: Any
    ) -> Iterator[Client]:
        write_series_project(folder, [model(**keys)], settings, isolation="process")
        with serving(folder) as server:
            yield Client(server, "m")

    return start


def instances(server: RunningServer) -> list[dict[str, Any]]:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    return list(told[0]["instances"])


def pids(server: RunningServer) -> list[int]:
    return [one["pid"] for one in instances(server) if "pid" in one]


def restarts(server: RunningServer) -> int:
    return sum(one["restarts"] for one in instances(server))


def pid_of(client: Client, first: int) -> int:
    """The process that a sequence is in."""
    found = [line.split()[1] for line in client.noted("pids") if line.split()[0] == str(first)]
    return int(found[-1])


def is_ready(server: RunningServer) -> bool:
    url = server.url("/grps/v1/health/ready")
    return requests.get(url, timeout=GUARD_S).status_code == 200


def descriptors(server: RunningServer) -> int:
    """Descriptors of the server that are no connections of clients."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    names = []
    for one in folder.iterdir():
        try:
            names.append(os.readlink(one))
        except FileNotFoundError:
            continue
    return sum(not name.startswith("socket:") for name in names)


def test_the_model_runs_in_other_processes(tmp_path: Path, service: Service) -> None:
    with service(tmp_path, instances=2) as client:
        with client.stream(1), client.stream(2):
            assert {pid_of(client, 1), pid_of(client, 2)} <= set(pids(client.server))
        assert client.server.process.pid not in pids(client.server)
        client.all_ended()


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        (120, "has ended with exit code 7"),
        (121, "was killed by signal 11 (SIGSEGV"),
        (122, "was killed: it hangs: it has worked for 1 s without a sign of life"),
    ],
)
def test_a_worker_that_ends_fails_its_sequences_only(
    tmp_path: Path, service: Service, first: int, cause: str
) -> None:
    with service(tmp_path, HEALTH, instances=2) as client, ThreadPoolExecutor() as threads:
        streams = [client.stream(one) for one in range(1, 5)]
        connections = [stream.__enter__() for stream in streams]
        failed = threads.submit(client.post, first, 3).result()
        assert failed.status_code == 500
        told = failed.json()["status"]["msg"]
        assert told.startswith(PROCESS)
        assert cause in told
        lost = pid_of(client, first)
        kept = [one for one in range(1, 5) if pid_of(client, one) != lost]
        wait_until(lambda: restarts(client.server) == 1, "it runs again")
        before = len(client.noted("rows"))
        wait_until(
            lambda: all(
                any(str(one) in line.split() for line in client.noted("rows")[before:])
                for one in kept
            ),
            "sequences of the other instance go on",
        )
        assert client.whole(7, 5) == expected(7, 5)
        for connection, stream in zip(connections, streams, strict=True):
            del connection
            stream.__exit__(None, None, None)
        wait_until(lambda: client.gauge("grps_model_slots_in_use") == 0, "no slot in use")
        assert is_ready(client.server)
        assert any(cause in one.get("reason", "") for one in instances(client.server))


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("harm", [kill, stop])
def test_ends_under_load_cost_the_sequences_of_one_instance(
    tmp_path: Path, service: Service, harm: Callable[[int], None]
) -> None:
    with service(tmp_path, HEALTH, instances=2) as client:
        server = client.server
        ended = False
        answers: list[tuple[int, str]] = []

        def ask(first: int) -> None:
            while not ended:
                answer = client.post(first, 20)
                if answer.status_code == 200:
                    found = arrays_of(answer.json()["gtensors"])["y"].tolist()
                    assert found == expected(first, 20)
                    answers.append((200, ""))
                else:
                    answers.append((answer.status_code, answer.json()["status"]["msg"]))

        assert client.whole(1, 1) == expected(1, 1)
        before = descriptors(server)
        with ThreadPoolExecutor(12) as threads:
            running = [threads.submit(ask, first) for first in range(20, 32)]
            try:
                for number in range(3):
                    wait_until(lambda: len(answers) > 100 * (number + 1), "answers")  # noqa: B023
                    harm(pids(server)[number % 2])
                    wait_until(lambda: restarts(server) > number, "it runs again")  # noqa: B023
            finally:
                ended = True
            for one in running:
                one.result()
        failures = [text for status, text in answers if status != 200]
        assert {status for status, _ in answers} <= {200, 500}
        assert [text for text in failures if not text.startswith(PROCESS)] == []
        assert [text for text in failures if "was killed" not in text] == []
        # An instance holds four sequences at most.
        assert 0 < len(failures) <= 12
        wait_until(lambda: client.gauge("grps_model_slots_in_use") == 0, "no slot in use")
        assert client.gauge("grps_model_slots") == 8
        began, over = (
            client.gauge(f"grps_model_{name}_total")
            for name in ("begun_sequences", "ended_sequences")
        )
        assert began == over
        wait_until(lambda: descriptors(server) <= before, "descriptors are closed")
        assert server.stop() == 0


def test_what_waits_goes_on_when_the_only_instance_runs_again(
    tmp_path: Path, service: Service
) -> None:
    with service(tmp_path) as client, ThreadPoolExecutor(11) as threads:
        client.hold()
        running = [threads.submit(client.post, first, 5) for first in range(1, 5)]
        wait_until(lambda: bool(client.noted("rows")), "one runs")
        waiting = [threads.submit(client.post, first, 5) for first in range(5, 12)]
        wait_until(lambda: client.gauge("grps_model_queue_length") >= 7, "they wait")
        (pid,) = pids(client.server)
        kill(pid)
        client.release()
        answers = [one.result() for one in (*running, *waiting)]
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 500}
        assert statuses[4:] == [200] * 7
        wait_until(lambda: is_ready(client.server), "ready")


def test_a_sequence_that_had_not_begun_begins_in_the_next_process(
    tmp_path: Path, service: Service
) -> None:
    with service(tmp_path) as client, ThreadPoolExecutor(1) as threads:
        (pid,) = pids(client.server)
        stop(pid)
        running = threads.submit(client.whole, 5, 6)
        wait_until(lambda: client.gauge("grps_model_slots_in_use") == 1, "it is sent")
        kill(pid)
        assert running.result() == expected(5, 6)
        assert client.gauge("grps_model_begun_sequences_total") == 1


def test_a_slow_client_does_not_keep_a_dead_instance(tmp_path: Path, service: Service) -> None:
    args = {"notes": "m", "pad": 4096}
    with service(tmp_path, inferer_args=args) as client, client.stream(1):

        def stalls() -> bool:
            before = len(client.noted("rows"))
            time.sleep(0.1)
            return len(client.noted("rows")) == before

        wait_until(stalls, "the client that reads nothing is left out of the steps")
        kill(pids(client.server)[0])
        wait_until(lambda: restarts(client.server) == 1, "it runs again")
        assert client.whole(2, 3) == expected(2, 3)


def test_a_sequence_sees_that_its_client_has_left(tmp_path: Path, service: Service) -> None:
    with service(tmp_path) as client:
        with client.stream(124):
            pass
        wait_until(lambda: client.noted("cancelled") == ["124"], "told during the step")
        assert client.whole(3, 2) == expected(3, 2)
        client.all_ended()


def test_what_only_the_server_can_do_is_refused(tmp_path: Path, service: Service) -> None:
    with service(tmp_path) as client:
        answer = client.post(123, 3)
        assert answer.status_code == 500
        assert "is answered by StepResult only" in answer.json()["status"]["msg"]
        assert client.whole(3, 2) == expected(3, 2)


def test_logs_and_metrics_of_user_code_reach_the_server(tmp_path: Path, service: Service) -> None:
    with service(tmp_path) as client:
        assert client.whole(125, 1) == expected(125, 1)
        log = tmp_path / "logs" / "grps_usr.log"
        wait_until(lambda: "step of 125" in log.read_text(), "logged")
        wait_until(lambda: "printed by 125" in log.read_text(), "printed")
        url = client.server.url("/grps/v1/monitor/series?name=of_step")
        wait_until(lambda: "125.0" in requests.get(url, timeout=GUARD_S).text, "recorded")
        assert client.post(103, 1).status_code == 500
        wait_until(lambda: "ValueError: step is broken" in client.server.log(), "the traceback")


@pytest.mark.parametrize("size", [2, 5000, 2_000_000])
def test_inputs_and_outputs_of_any_size_pass(tmp_path: Path, service: Service, size: int) -> None:
    args = {"notes": "m", "pad": size}
    with service(tmp_path, inferer_args=args) as client:
        answer = client.post(5, 2, size)
        assert answer.status_code == 200, answer.text[:1000]
        found = arrays_of(answer.json()["gtensors"])
        assert found["y"].tolist() == expected(5, 2)
        assert found["pad"].shape == (2, size)
        assert not np.any(found["pad"])


def test_states_end_once_when_the_instance_is_stopped(tmp_path: Path, service: Service) -> None:
    settings = {"limits": {"drain_timeout_ms": 500}}
    with service(tmp_path, settings) as client:
        with client.stream(1), client.stream(2):
            client.sees("rows", 1, 2)
            client.server.process.send_signal(signal.SIGTERM)
            client.server.process.wait(GUARD_S)
        assert sorted(client.noted("ended")) == ["1", "2"]


def test_workers_end_with_their_server(tmp_path: Path) -> None:
    write_series_project(tmp_path, [model(instances=2)], isolation="process")
    process = launch(tmp_path)
    state = wait_for(process, tmp_path, "ready")
    client = Client(RunningServer(process, tmp_path, tuple(state.ports)), "m")
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(
            requests.post, client.server.url(), json=body(1, ENDLESS), timeout=GUARD_S
        )
        client.sees("rows", 1)
        process.kill()
        process.wait()
        assert asked.exception() is not None
    assert psutil.wait_procs(workers, GUARD_S)[1] == []
