"""Traces of plugins and of the identity model, with Python and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.integration.plugins.conftest import plugin_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project
from tests.traces import PARENT, Collector, attributes, free_port, parent

IDENTITY = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
NAMES = ("multiply", "lend", "throw")
NODES = [
    {"name": "first", "model": "multiply-1.0.0"},
    {"name": "second", "model": "lend-1.0.0", "input": "first"},
]
GRAPH = {"name": "pair", "type": "graph", "nodes": NODES}

Serve = Callable[..., AbstractContextManager[RunningServer]]
Spans = dict[str, dict[str, Any]]


@pytest.fixture(params=[None, PROGRAM], ids=["python", "native"])
def serve(request: pytest.FixtureRequest, tmp_path: Path, library: Path) -> Serve:
    """Serves with settings of ``tracing``."""

    @contextmanager
    def start(**settings: Any) -> Iterator[RunningServer]:
        models = [IDENTITY, *(plugin_model(name, library) for name in NAMES)]
        models.append(plugin_model("calls", library, inferer_args={"model": "multiply"}))
        write_project(tmp_path, models, {"tracing": settings})
        inference = tmp_path / "conf" / "inference.yml"
        inference.write_text(yaml.safe_dump({"models": models, "graphs": [GRAPH]}))
        with serving(tmp_path, request.param) as server:
            yield server

    return start


def ask(server: RunningServer, model: str, number: float, **headers: str) -> requests.Response:
    return server.post({"ndarray": [[number]]}, f"?model={model}", headers=headers)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_of_a_graph(serve: Serve, receiving: Collector, protocol: str) -> None:
    trace = uuid4().hex
    endpoint = receiving.endpoints[protocol]
    with serve(endpoint=endpoint, protocol=protocol, service_name=f"by-{protocol}") as server:
        headers = {"traceparent": parent(trace=trace), "X-Request-Id": "traced-1"}
        assert ask(server, "pair", 1, **headers).status_code == 200
        spans = receiving.trace(trace, "infer pair")
    root = spans["infer pair"]
    assert (root["parentSpanId"], root["service"]) == (PARENT, f"by-{protocol}")
    shown = attributes(root)
    assert (shown["grps.request_id"], shown["grps.status"]) == ("traced-1", "200")
    for name in ("receive", "decode", "encode", "first", "second"):
        assert spans[name]["parentSpanId"] == root["spanId"]
    assert attributes(spans["second"])["grps.model"] == "lend-1.0.0"
    steps = [span for span in receiving.spans() if span["parentSpanId"] == spans["first"]["spanId"]]
    assert {"queue", "infer"} <= {step["name"] for step in steps}


def spans_of_a_call(serve: Serve, receiving: Collector, model: str, status: int) -> Spans:
    """The spans of one request, by their names."""
    trace = uuid4().hex
    with serve(endpoint=receiving.endpoints["grpc"]) as server:
        assert ask(server, model, 1, traceparent=parent(trace=trace)).status_code == status
        return receiving.trace(trace, f"infer {model}-1.0.0")


def test_spans_of_a_model_that_calls_another(serve: Serve, receiving: Collector) -> None:
    spans = spans_of_a_call(serve, receiving, "calls", status=200)
    for name in ("calls-1.0.0", "multiply-1.0.0"):
        assert attributes(spans[name])["grps.model"] == name


def test_failures_have_their_cause(serve: Serve, receiving: Collector) -> None:
    spans = spans_of_a_call(serve, receiving, "throw", status=500)
    for name in ("infer throw-1.0.0", "throw-1.0.0"):
        assert spans[name]["status"] == {"code": 2, "message": "model_failed"}


def test_the_caller_decides_and_the_ratio_otherwise(serve: Serve, receiving: Collector) -> None:
    quiet, loud = uuid4().hex, uuid4().hex
    name = f"rare-{loud}"
    settings = {"endpoint": receiving.endpoints["grpc"], "service_name": name}
    with serve(sample_ratio=0, **settings) as server, server.stub() as stub:
        server.post({"str_data": "x"}, "?model=echo")
        for trace, sampled in ((quiet, False), (loud, True)):
            metadata = (("traceparent", parent(sampled, trace)),)
            message = GrpsMessage(model="echo-1.0.0", str_data="x")
            assert stub.Predict(message, metadata=metadata).str_data == "x"
    # The server has exported all its spans before it ended.
    root = receiving.trace(loud, "infer echo-1.0.0")["infer echo-1.0.0"]
    assert attributes(root)["grps.protocol"] == "grpc"
    assert {one["traceId"] for one in receiving.spans() if one["service"] == name} == {loud}


def test_a_missing_collector_fails_no_request(serve: Serve) -> None:
    with serve(endpoint=f"http://127.0.0.1:{free_port()}") as server:
        for _ in range(20):
            assert server.post({"str_data": "x"}, "?model=echo").status_code == 200
        wait_until(lambda: "spans were not exported" in server.log(), "a line of the log")
        page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
        assert "grps_traces_dropped_total" in page
