"""Traces of a service, as a collector receives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import RunningServer, serving, user_model, wait_until, write_user_project
from tests.traces import PARENT, TRACE, Collector, attributes, free_port, parent

CODE = """
from grps import ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Traced(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        if inp.str_data == "fail":
            raise ValueError("as told")
        headers = context.get_trace_headers()
        return GrpsMessage(str_data=" ".join(f"{name}={headers[name]}" for name in sorted(headers)))


inferer_register.register("traced", Traced())
"""
NODES = [
    {"name": "first", "model": "traced-1.0.0"},
    {"name": "second", "model": "apart-1.0.0", "input": "first"},
]
GRAPH = {"name": "pair", "type": "graph", "nodes": NODES}


@contextmanager
def tracing(
    folder: Path, receiving: Collector, protocol: str = "grpc", **settings: Any
) -> Iterator[RunningServer]:
    settings = {"endpoint": receiving.endpoints[protocol], "protocol": protocol, **settings}
    models = [user_model("traced"), {**user_model("traced"), "name": "apart"}]
    models[1]["isolation"] = "process"
    write_user_project(folder, models, {"tracing": settings}, code=CODE)
    inference = folder / "conf" / "inference.yml"
    inference.write_text(yaml.safe_dump({"models": models, "graphs": [GRAPH]}))
    with serving(folder) as server:
        yield server


def ask(server: RunningServer, model: str, text: str = "x", **headers: str) -> requests.Response:
    return server.post({"str_data": text}, f"?model={model}", headers=headers)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_hang_together(tmp_path: Path, receiving: Collector, protocol: str) -> None:
    trace = TRACE[:-4] + {"grpc": "aaaa", "http": "bbbb"}[protocol]
    with tracing(tmp_path, receiving, protocol, service_name=f"by-{protocol}") as server:
        headers = {"traceparent": parent(trace=trace), "X-Request-Id": "traced-1"}
        answer = ask(server, "pair", **headers)
        assert answer.status_code == 200, answer.text
        spans = receiving.trace(trace, "infer pair")
    root = spans["infer pair"]
    assert root["parentSpanId"] == PARENT
    assert root["service"] == f"by-{protocol}"
    told = attributes(root)
    assert told["grps.request_id"] == "traced-1"
    assert (told["grps.model"], told["grps.status"]) == ("pair", "200")
    for name in ("receive", "decode", "encode", "first", "second"):
        assert spans[name]["parentSpanId"] == root["spanId"]
    assert attributes(spans["second"])["grps.model"] == "apart-1.0.0"
    for span in spans.values():
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
        assert int(span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])
    steps = [span for span in receiving.spans() if span["parentSpanId"] == spans["first"]["spanId"]]
    assert {"queue", "infer"} <= {step["name"] for step in steps}


@pytest.mark.parametrize("model", ["traced", "apart"])
def test_user_code_can_pass_the_trace_on(tmp_path: Path, receiving: Collector, model: str) -> None:
    with tracing(tmp_path, receiving) as server:
        headers = {"traceparent": parent(), "tracestate": "vendor=1"}
        told = ask(server, model, **headers).json()["str_data"]
        mine = dict(pair.split("=", 1) for pair in told.split())
        version, trace, span, flags = mine["traceparent"].split("-")
        assert (version, trace, flags) == ("00", TRACE, "01")
        assert span != PARENT
        assert mine["tracestate"] == "vendor=1"
        wait_until(
            lambda: any(one["spanId"] == span for one in receiving.spans()), "the request's span"
        )


def test_a_failure_is_told(tmp_path: Path, receiving: Collector) -> None:
    trace = TRACE[:-4] + "cccc"
    with tracing(tmp_path, receiving) as server:
        assert ask(server, "traced", "fail", traceparent=parent(trace=trace)).status_code == 500
        spans = receiving.trace(trace, "infer traced-1.0.0")
    for name in ("infer traced-1.0.0", "traced-1.0.0"):
        assert spans[name]["status"] == {"code": 2, "message": "model_failed"}


def test_grpc_requests_are_traced(tmp_path: Path, receiving: Collector) -> None:
    trace = TRACE[:-4] + "dddd"
    with tracing(tmp_path, receiving) as server, server.stub() as stub:
        metadata = (("traceparent", parent(trace=trace)),)
        stub.Predict(GrpsMessage(model="traced-1.0.0", str_data="x"), metadata=metadata)
        root = receiving.trace(trace, "infer traced-1.0.0")["infer traced-1.0.0"]
    assert attributes(root)["grps.protocol"] == "grpc"


def test_the_caller_decides_and_the_ratio_where_nobody_does(
    tmp_path: Path, receiving: Collector
) -> None:
    quiet, loud = TRACE[:-4] + "eeee", TRACE[:-4] + "ffff"
    with tracing(tmp_path, receiving, sample_ratio=0, service_name="rare") as server:
        ask(server, "traced")
        ask(server, "traced", traceparent=parent(sampled=False, trace=quiet))
        ask(server, "traced", traceparent=parent(trace=loud))
        receiving.trace(loud, "infer traced-1.0.0")
    # The server has exported all it had before it ended.
    assert {one["traceId"] for one in receiving.spans() if one["service"] == "rare"} == {loud}


def test_without_tracing_a_trace_is_passed_on_as_it_came(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("traced")], code=CODE)
    with serving(tmp_path) as server:
        told = ask(server, "traced", traceparent=parent()).json()["str_data"]
        assert told == f"traceparent={parent()}"
        assert ask(server, "traced", traceparent="00-nonsense").json().get("str_data", "") == ""


def test_a_collector_that_is_not_there_hinders_nobody(tmp_path: Path) -> None:
    settings = {"endpoint": f"http://127.0.0.1:{free_port()}"}
    write_user_project(tmp_path, [user_model("traced")], {"tracing": settings}, code=CODE)
    with serving(tmp_path) as server:
        for _ in range(20):
            assert ask(server, "traced").status_code == 200
        wait_until(lambda: "spans were not exported" in server.log(), "a word of it")
        page = requests.get(server.url("/metrics"), timeout=30).text
        assert "grps_traces_dropped_total" in page
