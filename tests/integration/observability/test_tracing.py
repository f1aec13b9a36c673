"""Traces of a service, as a collector receives them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import RunningServer, serving, user_model, wait_until, write_user_project
from tools.collector import collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
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


@dataclass
class Collector:
    """A collector and the file that it writes."""

    endpoints: dict[str, str]
    file: Path

    def spans(self) -> list[dict[str, Any]]:
        """All spans that came, with the service's name."""
        found = []
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            for resource in json.loads(line)["resourceSpans"]:
                service = attributes(resource["resource"])["service.name"]
                for scope in resource["scopeSpans"]:
                    found += [{**span, "service": service} for span in scope["spans"]]
        return found

    def trace(self, trace_id: str, root: str) -> dict[str, dict[str, Any]]:
        """The spans of a trace by name, once the span called ``root`` has come."""

        def find() -> dict[str, dict[str, Any]]:
            spans = (span for span in self.spans() if span["traceId"] == trace_id)
            return {span["name"]: span for span in spans}

        wait_until(lambda: root in find(), f"the span {root}")
        return find()


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in holder.get("attributes", ())}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    folder = tmp_path_factory.mktemp("collector")
    addresses = {protocol: f"127.0.0.1:{free_port()}" for protocol in ("grpc", "http")}
    with collecting(folder, addresses) as file:
        for address in addresses.values():
            wait_until(lambda: answers(address), "the collector")  # noqa: B023
        yield Collector({key: f"http://{address}" for key, address in addresses.items()}, file)


def answers(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


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


def parent(sampled: bool = True, trace: str = TRACE) -> str:
    return f"00-{trace}-{PARENT}-{'01' if sampled else '00'}"


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
