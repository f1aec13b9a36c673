"""Changes of models that wait for one another, and the queries that do not wait for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import plugin_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

IDENTITY = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
LATE, ECHO = "late-1.0.0", "echo-1.0.0"


@pytest.fixture(params=[None, PROGRAM], ids=["python", "native"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, library: Path
) -> Iterator[RunningServer]:
    """A server that has loaded the identity model only; the load of the other one waits."""
    write_project(tmp_path, [IDENTITY], dag=[ECHO])
    with serving(tmp_path, request.param) as running:
        configure(running, [IDENTITY, plugin_model("late", library)])
        yield running
        running.release()


def configure(server: RunningServer, models: list[dict[str, Any]]) -> None:
    file = server.folder / "conf" / "inference.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "models": models}))


def change(server: RunningServer, action: str, model: str) -> requests.Response:
    url = server.url(f"/grps/v1/admin/models/{model}/{action}")
    return requests.post(url, timeout=GUARD_S)


def get(server: RunningServer, path: str) -> Any:
    answer = requests.get(server.url(path), timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    return answer.json()


def states(server: RunningServer) -> dict[str, str]:
    listed = get(server, "/grps/v1/admin/models")["models"]
    return {model["model"]: model["state"] for model in listed}


def wait_for_load(server: RunningServer, times: int = 1) -> None:
    text = f"{LATE} waits for its release"
    wait_until(lambda: server.log().count(text) == times, f"load {times} of {LATE}")


def test_queries_are_answered_while_a_model_is_loaded(server: RunningServer) -> None:
    with ThreadPoolExecutor(1) as clients:
        loading = clients.submit(change, server, "load", LATE)
        wait_for_load(server)
        try:
            assert states(server) == {ECHO: "served", LATE: "unloaded"}
            level = server.url("/grps/v1/admin/log-level?level=info")
            assert requests.post(level, timeout=GUARD_S).json()["before"] == "info"
            index = requests.post(server.url("/v2/repository/index"), json={}, timeout=GUARD_S)
            assert [(one["name"], one["state"]) for one in index.json()] == [("echo", "READY")]
            assert get(server, "/v2/models/echo")["versions"] == ["1.0.0"]
            get(server, "/grps/v1/health/ready")
            assert server.post({"str_data": "x"}).json()["str_data"] == "x"
            assert not loading.done()
        finally:
            server.release()
        assert loading.result().json()["state"] == "served"
    assert states(server) == {ECHO: "served", LATE: "served"}


def test_a_reloaded_model_is_listed_as_served_and_answers(server: RunningServer) -> None:
    server.release()
    assert change(server, "load", LATE).status_code == 200
    (server.folder / "release").unlink()
    with ThreadPoolExecutor(1) as clients:
        reloading = clients.submit(change, server, "reload", LATE)
        wait_for_load(server, times=2)
        try:
            assert states(server) == {ECHO: "served", LATE: "served"}
            answer = server.post({"ndarray": [[1]]}, "?model=late&return-ndarray=true")
            assert answer.json()["ndarray"] == [[2.0]]
            assert not reloading.done()
        finally:
            server.release()
        assert reloading.result().status_code == 200


def test_changes_are_made_one_after_another(server: RunningServer) -> None:
    with ThreadPoolExecutor(2) as clients:
        loading = clients.submit(change, server, "load", LATE)
        wait_for_load(server)
        unloading = clients.submit(change, server, "unload", ECHO)
        try:
            command = 'action="unload" model="echo-1.0.0"'
            wait_until(lambda: command in server.log(), "the second command")
            assert states(server) == {ECHO: "served", LATE: "unloaded"}
        finally:
            server.release()
        assert (loading.result().status_code, unloading.result().status_code) == (200, 200)
    assert states(server) == {ECHO: "unloaded", LATE: "served"}
    wait_until(lambda: f"model {ECHO} is unloaded" in server.log(), "the line of the last change")
    log = server.log()
    assert log.index(f"model {LATE} is loaded") < log.index(f"model {ECHO} is unloaded")


def test_a_change_beyond_those_that_may_wait_is_refused(tmp_path: Path, library: Path) -> None:
    """One is made and sixteen wait; the server without Python answers queries even then."""
    write_project(tmp_path, [IDENTITY])
    with serving(tmp_path, PROGRAM) as server, ThreadPoolExecutor(18) as clients:
        configure(server, [IDENTITY, plugin_model("late", library)])
        loading = clients.submit(change, server, "load", LATE)
        wait_for_load(server)
        others = [clients.submit(change, server, "reload", ECHO) for _ in range(17)]
        try:
            wait_until(lambda: any(one.done() for one in others), "a command that is refused")
            listed = server.url("/grps/v1/admin/models")
            wait_until(lambda: requests.get(listed, timeout=GUARD_S).ok, "the list")
            assert not loading.done()
        finally:
            server.release()
        answers = [one.result() for one in others]
        assert sorted(answer.status_code for answer in answers) == [*[200] * 16, 429]
        (refused,) = [answer for answer in answers if not answer.ok]
        assert "wait already" in refused.json()["status"]["msg"]
