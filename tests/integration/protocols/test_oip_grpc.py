"""The Open Inference Protocol over gRPC, by tritonclient."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.onnx_models import save_identity
from tests.support import GUARD_S, RunningServer, serving, user_model, write_project

MAX_REQUEST_BYTES = 4 << 20
CODE = '''
import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Counter(Plain):
    """Streams numbers, and fails after a negative one."""

    def infer(self, inp, context):
        count = inp.gtensors.tensors[0].flat_int32[0]
        for number in range(abs(count)):
            yield GrpsMessage(str_data=str(number))
        if count < 0:
            raise ValueError("boom")


class Texts(Plain):
    def infer(self, inp, context):
        return GrpsMessage(str_data=inp.gtensors.tensors[0].flat_string[0].upper())


class Same(Plain):
    def infer(self, inp, context):
        return inp


for cls in (Counter, Texts, Same):
    inferer_register.register(cls.__name__.lower(), cls())
'''
VALUES: dict[str, np.ndarray] = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([[0], [2**16 - 1]], np.uint16),
    "UINT32": np.array([2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-(2**15), 2**15 - 1], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP16": np.array([0.5, -np.inf], np.float16),
    "FP32": np.array([0.1, 3e38], np.float32),
    "FP64": np.array([0.1, -1e308]),
    "BF16": np.array([0.5, -2.0], ml_dtypes.bfloat16),
    "BYTES": np.array([["", "a"], ["\u00e9", "bc"]], object),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of an identity, of an ONNX model and of streaming user code."""
    folder = tmp_path_factory.mktemp("oip")
    onnx = {
        "name": "onnx",
        "version": "2",
        "inferer_type": "onnxruntime",
        "inferer_path": str(save_identity(folder / "identity.onnx", "float32")),
    }
    same = user_model("same", converter_type="numpy")
    limits = {"limits": {"max_request_bytes": MAX_REQUEST_BYTES}}
    write_project(folder, [same, onnx, user_model("counter"), user_model("texts")], limits)
    source = folder / "src"
    source.mkdir()
    (source / "__init__.py").touch()
    (source / "customized_inferer.py").write_text(CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
        yield client


@pytest.fixture
def call(server: RunningServer) -> Iterator[Any]:
    """Calls a method of the service with a message."""
    with server.channel() as channel:

        def run(message: Any, method: str = "ModelInfer") -> Any:
            answer = getattr(pb, method + "Response").FromString
            path = f"/inference.GRPCInferenceService/{method}"
            return channel.unary_unary(path, type(message).SerializeToString, answer)(
                message, timeout=GUARD_S
            )

        yield run


def tensor(name: str, values: np.ndarray) -> Any:
    datatype = np_to_triton_dtype(values.dtype)
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values)
    return made


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_every_type_goes_both_ways(client: Any, name: str, compression: str | None) -> None:
    values = VALUES[name]
    outcome = client.infer(
        "same",
        [tensor("x", values)],
        request_id="7",
        compression_algorithm=compression,
    )
    response = outcome.get_response()
    assert (response.model_name, response.model_version, response.id) == ("same", "1.0.0", "7")
    output = outcome.get_output("x")
    assert (output.datatype, list(output.shape)) == (name, list(values.shape))
    answered = outcome.as_numpy("x")
    if name == "BYTES":
        answered = np.vectorize(bytes.decode, otypes=[object])(answered)
    assert (answered == values).all()


def test_stream(client: Any) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    client.async_stream_infer("same", [tensor("x", VALUES["FP32"])], request_id="a")
    print(answers.get(timeout=10))
    client.async_stream_infer(
        "counter",
        [tensor("x", np.array([3], np.int32))],
        request_id="b",
        enable_empty_final_response=True,
    )
    for _ in range(4):
        print(answers.get(timeout=10)[0].get_response())
    client.async_stream_infer("counter", [tensor("x", np.array([-1], np.int32))], request_id="c")
    print(answers.get(timeout=10)[0].get_response())
    print(answers.get(timeout=10)[1])
    client.async_stream_infer("nope", [tensor("x", np.array([-1], np.int32))], request_id="c")
    print(answers.get(timeout=10)[1])
    client.stop_stream()
