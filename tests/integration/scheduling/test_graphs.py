"""Graphs of user code behind a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml

from tests.onnx_models import save_identity
from tests.support import (
    GUARD_S,
    RunningServer,
    launch,
    serving,
    state_of,
    user_model,
    wait_until,
    write_user_project,
)
from tests.tensors import arrays_of, arrays_of_message, gtensors, to_message

CODE = '''
import os
import threading
import time

import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register

SIDE_BY_SIDE = threading.Barrier(2)


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Add(Plain):
    """Adds up what it is given; with args, that many more."""

    def infer(self, inp, context):
        more = (self._args or {}).get("more", 0)
        return {"sum": sum(array.sum() for array in inp.values()) + more, "parts": len(inp)}


class Meet(Plain):
    """Answers only if another runs at the same time."""

    def infer(self, inp, context):
        SIDE_BY_SIDE.wait(20)
        return {"met": inp["x"]}


class Stay(Plain):
    """Runs until its client has left."""

    def infer(self, inp, context):
        open("staying", "w").close()
        while not context.if_disconnected():
            time.sleep(0.002)
        open("told", "w").close()
        return {"sum": inp["x"]}


class Fail(Plain):
    def infer(self, inp, context):
        while not os.path.exists("staying"):
            time.sleep(0.002)
        raise ValueError("it does not fit")


class Words(Plain):
    """Works on messages: streams the words of a text, or answers the text in capitals."""

    def infer(self, inp, context):
        if context.if_streaming():
            for word in inp.str_data.split():
                context.stream_respond(GrpsMessage(str_data=word))
        context.put_user_data("words", len(inp.str_data.split()))
        return GrpsMessage(str_data=inp.str_data.upper())


class Count(Plain):
    def infer(self, inp, context):
        return GrpsMessage(str_data=f"{inp.str_data}: {context.get_user_data('words')}")


class Rows(Plain):
    """One row in, one row out; several at once in a batch."""

    def infer(self, inp, context):
        return {"y": inp["x"] * 2}

    def batch_infer(self, inp, contexts):
        return self.infer(inp, contexts[0])


for cls in (Add, Meet, Stay, Fail, Words, Count, Rows):
    inferer_register.register(cls.__name__.lower(), cls())
'''


def model(name: str, inferer: str = "add", **keys: Any) -> dict[str, Any]:
    return user_model(name, inferer_name=inferer, converter_type="numpy", **keys)


MODELS = [
    model("add"),
    model("more", inferer_args={"more": 100}),
    {**model("more", inferer_args={"more": 1000}), "version": "1.10.0"},
    model("meet", "meet"),
    model("stay", "stay"),
    model("fail", "fail"),
    model("rows", "rows", batching={"type": "dynamic", "max_batch_size": 8}),
    user_model("words"),
    user_model("count"),
]

DIAMOND = {
    "name": "diamond",
    "type": "graph",
    "nodes": [
        {"name": "join", "model": "add", "inputs": {"l": "optional left.sum", "r": "right.sum"}},
        {
            "name": "left",
            "model": "more-1.0.0",
            "inputs": {"x": "start.sum"},
            "when": "start.sum > 10",
        },
        {"name": "right", "model": "add", "inputs": {"x": "start.sum", "y": "request.extra"}},
        {"name": "start", "model": "add", "inputs": {"x": "request.x"}},
    ],
    "outputs": {"total": "join.sum", "parts": "join.parts", "left": "left.sum"},
}
GRAPHS = [
    {
        "name": "together",
        "type": "graph",
        "nodes": [
            {"name": "one", "model": "meet", "inputs": {"x": "request.x"}},
            {"name": "two", "model": "meet", "inputs": {"x": "request.x"}},
        ],
    },
    {
        "name": "breaking",
        "type": "graph",
        "nodes": [
            {"name": "stay", "model": "stay", "inputs": {"x": "request.x"}},
            {"name": "fail", "model": "fail", "inputs": {"x": "request.x"}},
        ],
    },
    {
        "name": "latest",
        "type": "graph",
        "nodes": [{"name": "n", "model": "more", "inputs": {"x": "request.x"}}],
        "outputs": {"y": "n.sum"},
    },
    {
        "name": "batched",
        "type": "graph",
        "nodes": [
            {"name": "a", "model": "rows", "inputs": {"x": "request.x"}},
            {"name": "b", "model": "rows", "inputs": {"x": "a.y"}},
            {"name": "c", "model": "rows", "inputs": {"x": "a.y"}},
        ],
        "outputs": {"b": "b.y", "c": "c.y", "a": "a.y"},
    },
    {
        "name": "never",
        "type": "graph",
        "nodes": [{"name": "n", "model": "add", "when": "request.x > 1"}],
    },
    {"name": "told", "nodes": [{"name": "w", "model": "words"}, {"name": "c", "model": "count"}]},
    {
        "name": "mistaken",
        "type": "graph",
        "nodes": [
            {"name": "first", "model": "words"},
            {"name": "last", "model": "add", "inputs": {"x": "first.y"}},
        ],
    },
    {
        "name": "spoken",
        "type": "graph",
        "nodes": [
            {"name": "first", "model": "words"},
            {"name": "last", "model": "words", "input": "first"},
        ],
    },
]


def write(folder: Path, models: list[dict[str, Any]], **graphs: Any) -> Path:
    write_user_project(folder, models, code=CODE)
    file = folder / "conf" / "inference.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **graphs}))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = write(tmp_path_factory.mktemp("graphs"), MODELS, dag=DIAMOND, graphs=GRAPHS)
    with serving(folder) as running:
        yield running


def by_http(server: RunningServer, inputs: dict[str, np.ndarray], graph: str = "") -> Any:
    response = server.post({"model": graph, "gtensors": gtensors(inputs)})
    assert response.status_code == 200, response.text
    return arrays_of(response.json()["gtensors"])


def by_grpc(server: RunningServer, inputs: dict[str, np.ndarray], graph: str = "") -> Any:
    with server.stub() as stub:
        answer = stub.Predict(to_message(inputs, graph), timeout=GUARD_S)
    assert answer.status.code == 200, answer.status.msg
    return arrays_of_message(answer)


CLIENTS = pytest.mark.parametrize("ask", [by_http, by_grpc])


def values(answer: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(array.sum()) for name, array in answer.items()}


@CLIENTS
@pytest.mark.parametrize("graph", ["", "diamond"])
def test_branches_join(server: RunningServer, ask: Any, graph: str) -> None:
    inputs = {"x": np.array([5.0, 6.0]), "extra": np.array([0.5])}
    # start 11; left 111; right 11.5
    assert values(ask(server, inputs, graph)) == {"total": 122.5, "parts": 2, "left": 111}


@CLIENTS
def test_a_branch_is_left_out_by_its_condition(server: RunningServer, ask: Any) -> None:
    inputs = {"x": np.array([5.0, 5.0]), "extra": np.array([0.5])}
    assert values(ask(server, inputs)) == {"total": 10.5, "parts": 1}


def test_nodes_run_side_by_side(server: RunningServer) -> None:
    answer = by_http(server, {"x": np.array([3.0])}, "together")
    assert values(answer) == {"met": 3, "two.met": 3}


def test_a_failed_node_stops_the_others(server: RunningServer) -> None:
    response = server.post({"model": "breaking", "gtensors": gtensors({"x": np.array([1.0])})})
    assert response.status_code == 500
    assert "ValueError: it does not fit" in response.json()["status"]["msg"]
    wait_until((server.folder / "told").exists, "the node beside it was told")


def test_a_bare_name_means_the_latest_version(server: RunningServer) -> None:
    inputs = {"x": np.array([1.0])}
    assert values(by_http(server, inputs, "latest")) == {"y": 1001}
    assert values(by_http(server, inputs, "more"))["sum"] == 1001
    assert values(by_http(server, inputs, "more-1.0.0"))["sum"] == 101


def test_every_request_gets_its_own_answer_from_batches(server: RunningServer) -> None:
    def ask(number: int) -> bool:
        rows = 1 + number % 3
        x = np.full((rows, 2), number, np.float32)
        answer = by_http(server, {"x": x}, "batched")
        same = {name: np.array_equal(answer[name], x * by) for name, by in TIMES.items()}
        return all(same.values())

    with ThreadPoolExecutor(16) as clients:
        assert all(clients.map(ask, range(200)))


TIMES = {"a": 2, "b": 4, "c": 4}


@pytest.mark.parametrize(
    ("graph", "inputs", "status", "cause"),
    [
        ("never", {"x": 1.0}, 500, "graph 'never': every node that makes its answer was left out"),
        (
            "latest",
            {"y": 1.0, "z": 1.0},
            400,
            "graph 'latest': node 'n' needs the tensor 'x', but the request has: y, z",
        ),
        ("nope", {"x": 1.0}, 404, "Model nope not found; models: add-1.0.0, batched, breaking, "),
    ],
)
def test_what_does_not_fit_is_told(
    server: RunningServer, graph: str, inputs: dict[str, float], status: int, cause: str
) -> None:
    arrays = {name: np.array([value]) for name, value in inputs.items()}
    response = server.post({"model": graph, "gtensors": gtensors(arrays)})
    assert response.status_code == status
    assert cause in response.json()["status"]["msg"]


def test_a_node_that_answers_no_tensors_is_told(server: RunningServer) -> None:
    response = server.post({"model": "mistaken", "str_data": "a word"})
    assert response.status_code == 500
    cause = "graph 'mistaken': node 'first' did not answer with tensors: "
    assert response.json()["status"]["msg"].startswith(cause)


def test_user_data_goes_along_a_chain(server: RunningServer) -> None:
    answer = server.post({"model": "told", "str_data": "a few words"}).json()
    assert answer["str_data"] == "A FEW WORDS: 3"


def test_the_last_node_streams(server: RunningServer) -> None:
    body = {"model": "spoken", "str_data": "one after another"}
    with requests.post(server.url() + "?streaming=true", json=body, stream=True, timeout=30) as got:
        text = got.raw.read().decode()
    pieces = [json.loads(line)["str_data"] for line in text.replace("}{", "}\n{").splitlines()]
    assert pieces == ["ONE", "AFTER", "ANOTHER"]


def test_metadata_tells_of_a_graph(server: RunningServer) -> None:
    url = server.url("/grps/v1/metadata/model")
    answer = requests.post(url, json={"str_data": "diamond"}, timeout=30).json()
    told = yaml.safe_load(answer["str_data"])
    assert told["inputs"] == [{"name": "x"}, {"name": "extra"}]
    assert {*told["outputs"]} == {"total", "parts", "left"}
    assert [node["name"] for node in told["nodes"]] == ["start", "left", "right", "join"]


def test_the_log_shows_a_drawing(server: RunningServer) -> None:
    assert "├─ 2 ─┬ left (more-1.0.0) x ← start.sum [when start.sum > 10]" in server.log()


@pytest.mark.parametrize(
    ("node", "cause"),
    [
        (
            {"inputs": {"z": "request.x"}},
            "node 'n': its model has no input 'z'; inputs: x float32[?]",
        ),
        ({"inputs": {"x": "first.z"}}, "'n' takes 'z' of node 'first', whose outputs are y int64"),
        ({"inputs": {"x": "first.y"}}, "node 'n': input x float32[?] can't be y int64[?]"),
    ],
)
def test_models_that_do_not_fit_together_do_not_start(
    tmp_path: Path, node: dict[str, Any], cause: str
) -> None:
    models = []
    for name, dtype in (("whole", "int64"), ("real", "float32")):
        path = save_identity(tmp_path / f"{name}.onnx", dtype)
        keys = {"inferer_type": "onnxruntime", "inferer_path": str(path)}
        models.append({"name": name, "version": "1", **keys})
    nodes = [{"name": "first", "model": "whole"}, {"name": "n", "model": "real", **node}]
    write(tmp_path, models, dag={"type": "graph", "name": "g", "nodes": nodes})
    assert launch(tmp_path).wait(GUARD_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert state.error is not None
    assert state.error.startswith("graph 'g': ")
    assert cause in state.error
