"""HTTP requests that a plugin in C++ reads, and whose responses it writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.plugins.conftest import plugin_model
from tests.support import GUARD_S, RunningServer, serving, write_project

STREAMING = {"ctrl_key": "streaming", "res_content_type": "text/event-stream"}


CALLS = {
    "one": "multiply-1.0.0",
    "two": "one",
    "itself": "itself",
    "there": "back",
    "back": "there",
    "unknown": "nobody",
    "slow": "data",
}


def calling(name: str, called: str, library: Path, **keys: str) -> dict[str, Any]:
    return plugin_model(
        name, library, inferer_name="calls", inferer_args={"model": called}, **keys
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugin-http")
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    route = {"path": "/own", "customized_body": True, "streaming_ctrl": STREAMING}
    settings = {"interface": {**interface, "customized_predict_http": [route]}}
    # A request that calls models has one permit, whatever it calls.
    settings["max_concurrency"] = 1
    models = [
        plugin_model("http", library),
        plugin_model("multiply", library),
        plugin_model("data", library),
        *(calling(name, called, library) for name, called in CALLS.items()),
        calling("apart", "multiply", library, isolation="process"),
    ]
    with serving(write_project(folder, models, settings, dag=["http-1.0.0"])) as running:
        yield running


def ask(server: RunningServer, method: str = "POST", **query: str) -> requests.Response:
    options: dict[str, Any] = {"data": b"body", "headers": {"X-Name": "caf\xe9"}}
    if method == "GET":
        del options["data"]
    return requests.request(method, server.url("/own"), params=query, timeout=GUARD_S, **options)


def test_a_plugin_sees_the_request_and_sets_status_headers_and_body(
    server: RunningServer,
) -> None:
    answer = ask(server, **{"a name": "x & y"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "text/x-seen")
    assert answer.headers["X-One"] == "1, 2"
    assert answer.content == b"POST /own x & y caf\xe9 whole whole 127.0.0.1 body"
    streaming = ask(server, "GET", streaming="true")
    assert streaming.content == b"GET /own - caf\xe9 streaming streaming 127.0.0.1 "


def test_a_body_leaves_in_parts(server: RunningServer) -> None:
    answer = ask(server, mode="stream")
    assert (answer.status_code, answer.text) == (202, "abc")
    assert (answer.headers["Content-Type"], answer.headers["X-Stream"]) == (
        "text/event-stream",
        "yes",
    )
    assert answer.headers["Transfer-Encoding"] == "chunked"


def test_failures_of_customized_http(server: RunningServer) -> None:
    refused = ask(server, mode="refuse")
    assert (refused.status_code, refused.text) == (418, "a teapot")
    nothing = ask(server, mode="nothing")
    assert nothing.status_code == 500
    assert nothing.text.startswith("infer set no HTTP response; call respond, or send_body")
    tensors = ask(server, model="multiply")
    assert tensors.status_code == 400
    assert tensors.text.startswith("the model takes tensors: send gtensors")


def infer(server: RunningServer, model: str, number: float, **headers: str) -> requests.Response:
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [number]}]}
    url = server.url(f"/v2/models/{model}/infer")
    return requests.post(url, json=body, headers=headers, timeout=GUARD_S)


def test_models_call_models(server: RunningServer) -> None:
    assert infer(server, "one", 3).json()["outputs"][0]["data"] == [7.0]
    assert infer(server, "two", 3).json()["outputs"][0]["data"] == [8.0]
    counted = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    assert 'model="multiply-1.0.0"' in counted


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("itself", "model 'itself-1.0.0' can't call itself: it could wait for ever"),
        ("there", "model 'back-1.0.0' can't call 'there-1.0.0', which calls 'back-1.0.0'"),
        ("unknown", "Model nobody not found; models: "),
        ("apart", "a model with isolation: process can't call other models; use a graph"),
    ],
)
def test_calls_that_are_refused(server: RunningServer, model: str, cause: str) -> None:
    refused = infer(server, model, 3)
    assert refused.status_code == 500
    assert refused.json()["error"].startswith(cause)


def test_a_call_ends_with_the_deadline_of_its_request(server: RunningServer) -> None:
    # The called model waits for its client to leave.
    late = infer(server, "slow", 1000, **{"X-Request-Timeout-Ms": "50"})
    assert late.json()["error"].startswith("the deadline passed before the answer was ready")
    assert infer(server, "slow", 3).json()["outputs"][0]["data"] == [4.0]
