"""Element types that the GRPS wire lacks: they pass between models, and never end on the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import yaml

from grps.backends.base import Signature, TensorSpec
from grps.protocol.pb.grps_pb2 import Status
from grps.server.native import Batch, Channel, Model, NativeBatching, NativeModel, Server
from tests.support import RunningServer, serving, user_model, write_user_project
from tests.tensors import arrays_of, gtensors, to_message
from tests.unit.server.test_instances import SETTINGS as SMALL

SETTINGS = replace(SMALL, max_concurrency=8, max_queue=8, max_inflight_bytes=1 << 24)

CODE = '''
import ml_dtypes
import numpy as np

from grps import ModelInferer, inferer_register

TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
         "float32", "float64", "bfloat16")


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Make(Plain):
    """Answers its input as every type, in memory that it uses again for each request."""

    def load(self):
        self._arrays = {}
        return True

    def infer(self, inp, context):
        x = inp["x"]
        for name in TYPES:
            dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
            array = self._arrays.setdefault((name, x.shape), np.empty(x.shape, dtype))
            array[...] = x
        texts = {"text": np.array(["a", "\\u00e9"], object), "fixed": np.array([b"xy", b"z"])}
        binary = np.array([b"a", b"\\xff\\x00"], object)
        return {name: self._arrays[name, x.shape] for name in TYPES} | texts | {"binary": binary}


class Tell(Plain):
    """Says what it is given."""

    def infer(self, inp, context):
        told = []
        for name, array in inp.items():
            if array.dtype == object:
                values = [(type(item).__name__, str(item)) for item in array.ravel()]
            else:
                assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
                # Whoever else has the tensor must not see this.
                total, array[...] = array.astype(np.float64).sum(), 0
                values = [array.dtype.name, str(array.shape), str(float(total))]
            told.append(f"{name}: {values}")
        return {"told": np.array(told, object)}


class Only(Plain):
    def infer(self, inp, context):
        return {"y": inp["x"].astype(np.uint32)}


for cls in (Make, Tell, Only):
    inferer_register.register(cls.__name__.lower(), cls())
'''
NUMBERS = (
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "bfloat16"),
)
NAMES = (*NUMBERS, "text", "fixed", "binary")
REFUSAL = "output 'y' has type uint32, which has no GRPS data type"


@pytest.fixture(scope="module", params=["thread", "process"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("types")
    names = ("make", "tell", "only")
    models = [user_model(name, converter_type="numpy", isolation=request.param) for name in names]
    takes = {name: f"make.{name}" for name in NAMES}
    nodes: list[dict[str, Any]] = [
        {"name": "make", "model": "make", "inputs": {"x": "request.x"}},
        {"name": "one", "model": "tell", "inputs": takes},
        {"name": "two", "model": "tell", "inputs": takes},
    ]
    outputs = {"one": "one.told", "two": "two.told"}
    write_user_project(folder, models, code=CODE)
    graph = {"name": "all", "type": "graph", "nodes": nodes, "outputs": outputs}
    file = folder / "conf" / "inference.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "graphs": [graph]}))
    with serving(folder) as running:
        yield running


def url(server: RunningServer, query: str) -> str:
    return f"http://127.0.0.1:{server.ports[0]}/grps/v1/infer/predict?{query}"


@pytest.mark.parametrize("count", [0, 3, 100_000])
def test_every_type_passes_between_models(server: RunningServer, count: int) -> None:
    x = (np.arange(count) % 3).astype(np.float32).reshape(1, count)
    for _ in range(2):
        body = {"gtensors": gtensors({"x": x})}
        answer = httpx.post(url(server, "model=all"), json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        told = arrays_of(answer.json()["gtensors"])
        wanted = [
            *(f"{name}: {[name, str((1, count)), str(float(x.sum()))]}" for name in NUMBERS),
            "text: [('str', 'a'), ('str', 'é')]",
            "fixed: [('str', 'xy'), ('str', 'z')]",
            r"""binary: [('bytes', "b'a'"), ('bytes', "b'\\xff\\x00'")]""",
        ]
        # Each of the two has memory of its own, though both write into it.
        assert told["one"].tolist() == wanted
        assert told["two"].tolist() == wanted


def test_json_and_raw_bytes_refuse_what_the_wire_lacks(server: RunningServer) -> None:
    body = {"gtensors": gtensors({"x": np.ones(2, np.float32)})}
    answer = httpx.post(url(server, "model=only"), json=body)
    assert (answer.status_code, answer.json()["status"]["msg"]) == (500, REFUSAL)
    raw = "application/octet-stream"
    headers = {"Content-Type": raw, "Accept": raw}
    data = np.ones(2, np.float32).tobytes()
    answer = httpx.post(url(server, "model=only&shape=2"), content=data, headers=headers)
    assert answer.status_code == 500
    assert REFUSAL in answer.json()["status"]["msg"]
    answer = httpx.post(url(server, "model=only&streaming=true"), json=body)
    status = json.loads(answer.content)["status"]
    assert (status["code"], status["status"], status["msg"]) == (500, "FAILURE", REFUSAL)


def test_grpc_refuses_what_the_wire_lacks(server: RunningServer) -> None:
    request = to_message({"x": np.ones(2, np.float32)}, "only-1.0.0")
    with server.stub() as stub:
        answers = [stub.Predict(request), *stub.PredictStreaming(request)]
    statuses = [answer.status for answer in answers]
    assert [(s.code, s.status, s.msg) for s in statuses] == [(500, Status.FAILURE, REFUSAL)] * 2


@contextmanager
def chain(batching: NativeBatching) -> Iterator[tuple[str, Channel, Channel]]:
    """Two models in a row whose instances are the test; the first takes float32."""
    server = Server(SETTINGS)
    (port,) = server.start([("127.0.0.1", 0)])
    takes = Signature((TensorSpec("x", "float32", (None, None)),), (), strict_names=True)
    channels = []
    models = []
    for name, signature in (("a", takes), ("b", None)):
        models.append(Model(NativeModel(name, "1", True, signature, "", batching, None)))
        server.put_model(models[-1])
        channels.append(models[-1].attach(f"{name}-1#0"))
    server.set_default(["a-1", "b-1"])
    server.set_loaded()
    try:
        yield f"http://127.0.0.1:{port}/grps/v1/infer/predict", channels[0], channels[1]
    finally:
        server.stop()
        server.wait()


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("size", [5, 20_000])
def test_arrays_of_every_type_go_both_ways(rows: int, size: int) -> None:
    dtypes = [np.dtype(name) for name in ("bool", *NUMBERS[:-1])] + [np.dtype(ml_dtypes.bfloat16)]
    x = np.arange(rows * size, dtype=np.float32).reshape(rows, size) % 2
    body = {"gtensors": gtensors({"x": x})}
    batching = NativeBatching(max_rows=8)
    with chain(batching) as (url, first, second), ThreadPoolExecutor(1) as client:
        for dtype in dtypes:
            answer = client.submit(httpx.post, url, json=body, timeout=60)
            batch = take(first)
            ((_, array),) = batch.tensors()
            made = array.astype(dtype)
            batch.reply_tensors([("y", made), ("scalar", np.array([1] * rows, dtype))])
            # The core has a copy: the memory may be used again at once.
            made[...] = 0
            batch = take(second)
            (_, array), (_, ones) = batch.tensors()
            assert (array.dtype, array.shape, ones.dtype) == (dtype, x.shape, dtype)
            assert array.flags.writeable and ones.tolist() == [1] * rows
            batch.reply_tensors([("x", array.astype(np.float32))])
            told = arrays_of(answer.result().json()["gtensors"])
            assert np.array_equal(told["x"], x), dtype


def test_rows_of_an_output_are_separate_inputs_of_the_next_model() -> None:
    with chain(NativeBatching(max_rows=8)) as (url, first, second):
        with ThreadPoolExecutor(3) as clients:
            bodies = [
                {"gtensors": gtensors({"x": np.full((2, 3), n, np.float32)})} for n in range(3)
            ]
            answers = []
            running = clients.submit(httpx.post, url, json=bodies[0], timeout=60)
            batch = take(first)
            answers = [
                clients.submit(httpx.post, url, json=body, timeout=60) for body in bodies[1:]
            ]
            batch.reply_tensors([("y", batch.tensors()[0][1])])
            seen = 2
            while seen < 6:
                batch = take(first)
                array = batch.tensors()[0][1]
                seen += len(array)
                batch.reply_tensors([("y", array * 2)])
            seen = 0
            while seen < 6:
                batch = take(second)
                array = batch.tensors()[0][1]
                seen += len(array)
                array += 1
                batch.reply_tensors([("z", array)])
            values = [a.result().json()["gtensors"]["tensors"][0] for a in (running, *answers)]
        assert [v["flat_float32"] for v in values] == [[1.0] * 6, [3.0] * 6, [5.0] * 6]


def test_other_arrays_are_refused() -> None:
    with chain(NativeBatching()) as (url, first, _), ThreadPoolExecutor(1) as client:
        body = {"gtensors": gtensors({"x": np.ones((1, 2), np.float32)})}
        answer = client.submit(httpx.post, url, json=body, timeout=60)
        entry = take(first).entries()[0]
        for array, error, text in (
            (np.ones(2, np.complex64), TypeError, "output 'y' has type complex64, which has no"),
            (np.array(["2020-01-01"], "M8[D]"), TypeError, "which has no GRPS data type"),
            (np.ones((2, 3), np.float32).T, ValueError, "output 'y' is not C-contiguous"),
            (np.array(["a", 1], object), TypeError, "every element must be a str or bytes"),
            ([1.0], TypeError, "output 'y' is <class 'list'>, not a numpy array"),
        ):
            with pytest.raises(error, match=re.escape(text)):
                entry.reply_tensors([("y", array)])  # type: ignore[list-item]
        entry.fail("no more")
        assert answer.result().status_code == 500


def take(channel: Channel) -> Batch:
    batch = channel.next()
    assert batch is not None
    return batch
