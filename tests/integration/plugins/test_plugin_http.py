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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("plugin-http")
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    route = {"path": "/own", "customized_body": True, "streaming_ctrl": STREAMING}
    settings = {"interface": {**interface, "customized_predict_http": [route]}}
    models = [plugin_model("http", library), plugin_model("multiply", library)]
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
