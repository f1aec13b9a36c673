"""What user code answers, whether or not it streams and its client requested a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

CODE = '''
import numpy as np
from flask import abort
from grps import GrpsMessage, InputError, ModelInferer, inferer_register


def text(data):
    return GrpsMessage(str_data=data)


def several(kind):
    """The pieces of an answer."""
    if kind == "texts":
        return [text("a"), text("b"), text("c")]
    if kind == "bytes":
        return [GrpsMessage(bin_data=b"a"), GrpsMessage(bin_data=b"b")]
    if kind == "one":
        return [tensors(1)]
    if kind == "tensors":
        return [tensors(1), tensors(2)]
    if kind == "mixed":
        return [text("a"), GrpsMessage(bin_data=b"b")]
    return []


def tensors(number):
    message = GrpsMessage()
    message.gtensors.tensors.add(dtype=7, shape=[1], flat_float32=[number])
    return message


def refuse(kind):
    if kind == "refuse":
        raise InputError("an age is needed")
    if kind == "refuse-422":
        raise InputError("the age is negative", status=422)
    if kind == "abort":
        abort(404, "no such voice")


class Plain(ModelInferer):
    def init(self, path, device=None, args=None): pass
    def load(self): return True


class Returns(Plain):
    def infer(self, inp, context):
        refuse(inp.str_data)
        if inp.str_data == "empty":
            return GrpsMessage()
        if inp.str_data == "fails":
            raise ValueError("broken")
        return text("whole " + inp.str_data)


class Batches(Returns):
    def batch_infer(self, inps, contexts):
        return [self.infer(inp, context) for inp, context in zip(inps, contexts)]


class BatchesNothing(Plain):
    def infer(self, inp, context):
        pass

    def batch_infer(self, inps, contexts):
        return [None for _ in inps]


class Yields(Plain):
    def infer(self, inp, context):
        refuse(inp.str_data)
        yield from several(inp.str_data)


class Responds(Plain):
    def infer(self, inp, context):
        for piece in several(inp.str_data):
            context.stream_respond(piece)


class ReturnsToo(Responds):
    def infer(self, inp, context):
        super().infer(inp, context)
        return text("returned")


class AsyncReturns(Plain):
    async def infer(self, inp, context):
        refuse(inp.str_data)
        return text("whole " + inp.str_data)


class AsyncYields(Plain):
    async def infer(self, inp, context):
        for piece in several(inp.str_data):
            yield piece


class AsyncResponds(Plain):
    async def infer(self, inp, context):
        for piece in several(inp.str_data):
            context.stream_respond(piece)


class Arrays(Plain):
    def infer(self, inp, context):
        for number in range(int(inp["input"][0])):
            yield np.full(2, number, np.float32)


for cls in (Returns, Batches, Yields, Responds, ReturnsToo, AsyncReturns, AsyncYields,
            AsyncResponds, Arrays, BatchesNothing):
    inferer_register.register(cls.__name__, cls())
'''
BATCHING = {"type": "dynamic", "max_batch_size": 4, "batch_timeout_us": 1000}
PLACES = ("thread", "process")


def in_places(*names: str) -> list[str]:
    """The models of these classes, in threads and in processes; async code runs in a thread."""
    pairs = ((name, place) for name in names for place in PLACES)
    return [f"{name}-{place}" for name, place in pairs if place != PLACES[1] or name[:5] != "Async"]


GENERATORS = in_places("Yields", "Responds", "AsyncYields", "AsyncResponds")
RETURNING = in_places("Returns", "Batches", "AsyncReturns")
ARRAYS = in_places("Arrays")
MODELS = (*GENERATORS, *RETURNING, *ARRAYS, *in_places("ReturnsToo", "BatchesNothing"))


def model_of(name: str) -> dict[str, Any]:
    inferer, place = name.split("-")
    keys: dict[str, Any] = {"inferer_name": inferer, "isolation": place}
    if inferer.startswith("Batches"):
        keys["batching"] = BATCHING
    if inferer == "Arrays":
        keys["converter_type"] = "numpy"
    return user_model(name, **keys)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("answers")
    chain = ["Returns-thread-1.0.0", "Returns-process-1.0.0"]
    with serving(
        write_user_project(folder, [*map(model_of, MODELS)], dag=chain, code=CODE)
    ) as running:
        yield running


def ask(server: RunningServer, model: str, data: str, stream: bool = False) -> Any:
    query = f"?model={model}-1.0.0" + ("&streaming=true" if stream else "")
    return server.post({"str_data": data}, query)


def documents(body: bytes) -> list[dict[str, Any]]:
    found, text = [], body.decode()
    while text:
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def chunks_over_grpc(server: RunningServer, model: str, data: str) -> list[GrpsMessage]:
    with server.stub() as stub:
        sent = GrpsMessage(model=f"{model}-1.0.0", str_data=data)
        return list(stub.PredictStreaming(sent, timeout=GUARD_S))


@pytest.mark.parametrize("model", RETURNING)
def test_what_user_code_returns_is_the_only_chunk(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "x", stream=True)
    assert answer.status_code == 200
    (document,) = documents(answer.content)
    assert document["str_data"] == "whole x"
    assert document["status"]["status"] == "SUCCESS"
    (chunk,) = chunks_over_grpc(server, model, "x")
    assert (chunk.str_data, chunk.status.code) == ("whole x", 200)


@pytest.mark.parametrize("model", in_places("Returns"))
def test_an_empty_message_is_a_chunk_too(server: RunningServer, model: str) -> None:
    answer = ask(server, model, "empty", stream=True)
    assert [document["status"]["code"] for document in documents(answer.content)] == [200]


def test_only_the_last_model_of_a_graph_is_heard(server: RunningServer) -> None:
    answer = server.post({"str_data": "x"}, "?streaming=true")
    assert [each["str_data"] for each in documents(answer.content)] == ["whole whole x"]


@pytest.mark.parametrize("model", in_places("ReturnsToo"))
def test_what_is_returned_after_chunks_is_no_chunk(server: RunningServer, model: str) -> None:
    streamed = documents(ask(server, model, "texts", stream=True).content)
    assert [each["str_data"] for each in streamed] == ["a", "b", "c"]
    # Without a stream, the returned message is the answer.
    assert ask(server, model, "texts").json()["str_data"] == "returned"


@pytest.mark.parametrize("model", GENERATORS)
def test_pieces_without_a_stream_are_joined(server: RunningServer, model: str) -> None:
    assert ask(server, model, "texts").json()["str_data"] == "abc"
    assert ask(server, model, "bytes").content == b"ab"
    (tensor,) = ask(server, model, "one").json()["gtensors"]["tensors"]
    assert tensor["flat_float32"] == [1]
    streamed = documents(ask(server, model, "tensors", stream=True).content)
    assert len(streamed) == 2
    with server.stub() as stub:
        sent = GrpsMessage(model=f"{model}-1.0.0", str_data="texts")
        assert stub.Predict(sent, timeout=GUARD_S).str_data == "abc"


@pytest.mark.parametrize("kind", ["tensors", "mixed"])
@pytest.mark.parametrize("model", GENERATORS)
def test_what_cannot_be_joined_is_refused(server: RunningServer, model: str, kind: str) -> None:
    answer = ask(server, model, kind)
    assert answer.status_code == 400
    told = answer.json()["status"]["msg"]
    assert "several pieces" in told
    assert "streaming=true" in told


@pytest.mark.parametrize("model", ARRAYS)
def test_arrays_are_chunks_or_one_answer(server: RunningServer, model: str) -> None:
    query = f"?model={model}-1.0.0"
    one = server.post({"ndarray": [1]}, query).json()["gtensors"]["tensors"][0]
    assert one["flat_float32"] == [0, 0]
    refused = server.post({"ndarray": [3]}, query)
    assert (refused.status_code, "streaming=true" in refused.text) == (400, True)
    streamed = documents(server.post({"ndarray": [3]}, query + "&streaming=true").content)
    values = [each["gtensors"]["tensors"][0]["flat_float32"] for each in streamed]
    assert values == [[0, 0], [1, 1], [2, 2]]


SILENT = in_places("Yields", "Responds", "AsyncYields", "AsyncResponds", "Arrays", "BatchesNothing")


@pytest.mark.parametrize("model", SILENT)
def test_code_that_returns_nothing_is_told_so(server: RunningServer, model: str) -> None:
    query = f"?model={model}-1.0.0"
    body: dict[str, Any] = {"ndarray": [0]} if "Arrays" in model else {"str_data": "nothing"}
    answer = server.post(body, query)
    assert answer.status_code == 500
    told = answer.json()["status"]["msg"]
    assert "returned None and sent no chunk" in told
    assert "return statement" in told
    # A stream may end without a chunk.
    empty = server.post(body, f"{query}&streaming=true")
    assert (empty.status_code, empty.content) == (200, b"")


REFUSALS = [
    ("refuse", 400, "an age is needed"),
    ("refuse-422", 422, "the age is negative"),
    ("abort", 404, "no such voice"),
]


@pytest.mark.parametrize(("data", "status", "reason"), REFUSALS)
@pytest.mark.parametrize("model", [*RETURNING, *in_places("Yields")])
def test_user_code_refuses_a_request(
    server: RunningServer, model: str, data: str, status: int, reason: str
) -> None:
    for stream in (False, True):
        answer = ask(server, model, data, stream)
        assert answer.status_code == status
        assert answer.json()["status"] == {"code": status, "msg": reason, "status": "FAILURE"}
    with server.stub() as stub:
        sent = GrpsMessage(model=f"{model}-1.0.0", str_data=data)
        told = stub.Predict(sent, timeout=GUARD_S).status
    assert (told.code, told.msg, told.status) == (status, reason, Status.FAILURE)


@pytest.mark.parametrize("model", RETURNING)
def test_a_refusal_is_no_failure_of_the_model(server: RunningServer, model: str) -> None:
    written = server.whole_log().count("Traceback")
    for data, status, _ in REFUSALS:
        assert ask(server, model, data).status_code == status
    log = server.whole_log()
    user_log = (server.folder / "logs" / "grps_usr.log").read_text()
    assert log.count("Traceback") == written
    assert "InputError" not in user_log
    metrics = server.url("/metrics")
    lines = requests.get(metrics, timeout=GUARD_S).text.splitlines()
    failed = [
        line
        for line in lines
        if f'"{model}' in line and ('"500"' in line or "model_failed" in line)
    ]
    assert all(line.endswith(" 0") for line in failed), failed
