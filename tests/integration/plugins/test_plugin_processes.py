"""Plugins in processes of their own: a crash costs the requests of one instance."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import plugin_model
from tests.support import (
    GUARD_S,
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    wait_until,
    write_project,
)

PROCESSES = ("crash", "http", "throw", "sum")


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: Path
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugin-processes")
    instances = {"crash": 2}
    models = [
        plugin_model("multiply", library),
        plugin_model("logs", library, inferer_name="multiply", isolation="process"),
        *(
            plugin_model(name, library, isolation="process", instances=instances.get(name, 1))
            for name in PROCESSES
        ),
    ]
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    route = {"path": "/own", "customized_body": True}
    settings = {"interface": {**interface, "customized_predict_http": [route]}}
    write_project(folder, models, settings, dag=["multiply-1.0.0"])
    with serving(folder, request.param) as running:
        yield running


def infer(server: RunningServer, model: str, number: float) -> requests.Response:
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [number]}]}
    return requests.post(server.url(f"/v2/models/{model}/infer"), json=body, timeout=GUARD_S)


def cause_of(answer: requests.Response) -> str:
    return str(answer.json()["error"]).partition(" (request id ")[0]


def instances_of(server: RunningServer, model: str) -> list[dict[str, Any]]:
    url = server.url("/grps/v1/admin/models")
    models = requests.get(url, timeout=GUARD_S).json()["models"]
    (found,) = [one for one in models if one["model"] == f"{model}-1.0.0"]
    return list(found["instances"])


def test_http_streams_and_failures_are_those_of_threads(server: RunningServer) -> None:
    def own(**query: str) -> requests.Response:
        query["model"] = "http"
        return requests.post(server.url("/own"), b"body", params=query, timeout=GUARD_S)

    answer = own(**{"a name": "x"})
    assert (answer.status_code, answer.headers["X-One"]) == (201, "1, 2")
    assert answer.text == "POST /own x - whole whole 127.0.0.1 body"
    parts = own(mode="stream")
    assert (parts.status_code, parts.headers["X-Stream"], parts.text) == (202, "yes", "abc")
    nothing = own(mode="nothing")
    assert nothing.text.startswith("infer set no HTTP response; call respond, or send_body")
    refused = infer(server, "throw", 0)
    assert (refused.status_code, refused.json()["error"]) == (404, "no such label")


def test_an_inferer_that_is_broken_ends_its_process_and_is_started_again(
    server: RunningServer,
) -> None:
    broken = infer(server, "throw", 2)
    assert (broken.status_code, broken.json()["error"][:18]) == (500, "the device is lost")
    wait_until(lambda: instances_of(server, "throw")[0].get("restarts") == 1, "a restart")
    wait_until(lambda: infer(server, "throw", 0).status_code == 404, "the instance")


def test_a_killed_instance_costs_its_requests_only(server: RunningServer) -> None:
    first, second = instances_of(server, "crash")
    with ThreadPoolExecutor(4) as pool:
        sleeping = [pool.submit(infer, server, "crash", 0) for _ in range(2)]
        wait_until(lambda: server.log().count("it sleeps") == 2, "both instances at work")
        others = [pool.submit(infer, server, "multiply", 1) for _ in range(100)]
        os.kill(first["pid"], signal.SIGSEGV)
        wait(sleeping, GUARD_S, FIRST_COMPLETED)
        (server.folder / "go").touch()
        outcomes = [future.result(GUARD_S) for future in sleeping]
        assert {future.result(GUARD_S).status_code for future in others} == {200}
    (failed,) = [outcome for outcome in outcomes if outcome.status_code != 200]
    cause = f"the process of instance {first['name']} was killed by signal 11 (SIGSEGV)"
    assert cause_of(failed) == cause
    wait_until(lambda: instances_of(server, "crash")[0].get("restarts") == 1, "a restart")
    assert instances_of(server, "crash")[1] == second
    assert "grps crash: Segmentation fault (signal 11) in " in server.whole_log()


def test_a_crash_of_the_code_is_named_to_its_client(server: RunningServer) -> None:
    crashed = infer(server, "crash", signal.SIGABRT)
    assert crashed.status_code == 500
    assert cause_of(crashed).endswith("was killed by signal 6 (SIGABRT)")
    crash = "grps crash: Aborted (signal 6) in crash-1.0.0#"

    def is_reported() -> bool:
        return "Crash::FallOver(int) " in server.log().partition(crash)[2]

    wait_until(is_reported, "what the process has printed")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_crash_of_a_service_is_in_its_log(tmp_path: Path, library: Path, form: str) -> None:
    settings = {"log": {"format": form}}
    write_project(tmp_path, [plugin_model("crash", library)], settings)
    with serving(tmp_path, PYTHONFAULTHANDLER="1") as server:
        with pytest.raises(requests.ConnectionError):
            infer(server, "crash", signal.SIGSEGV)
        assert server.process.wait(GUARD_S) == -signal.SIGSEGV
        crash = "grps crash: Segmentation fault (signal 11) in crash-1.0.0#0, at address 0x0"
        stderr = (tmp_path / "stderr.log").read_text()
        for text in (server.log(), stderr):
            assert "Crash::FallOver(int) " in text.partition(crash)[2]
        # Python's own report is written as well.
        assert "Fatal Python error: Segmentation fault" in stderr


def test_a_signature_is_reported_and_requests_are_checked_against_it(
    server: RunningServer,
) -> None:
    metadata = requests.get(server.url("/v2/models/sum"), timeout=GUARD_S).json()
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert metadata["outputs"] == [{"name": "sum", "datatype": "FP32", "shape": [-1]}]
    refused = infer(server, "sum", 1)
    assert refused.status_code == 400
    assert "'x'" in refused.json()["error"]
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}]}
    answer = requests.post(server.url("/v2/models/sum/infer"), json=body, timeout=GUARD_S)
    assert answer.json()["outputs"][0]["data"] == [3.0, 7.0]
    wait_until(lambda: "it is warm" in server.log(), "the line of the log")


def test_log_lines_of_a_process_are_in_the_log(server: RunningServer) -> None:
    assert infer(server, "logs", 2).json()["outputs"][0]["data"] == [4.0]
    wait_until(lambda: "created for logs-1.0.0 on '' by {}" in server.log(), "the line")


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_what_keeps_a_process_from_being_loaded(
    tmp_path: Path, library: Path, program: Path | None
) -> None:
    model = plugin_model("multiply", library, isolation="process", inferer_args={"factor": 0})
    process = launch(write_project(tmp_path, [model]), program)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert state.error == "model multiply-1.0.0: inferer 'multiply': the factor is 0"
