"""The Open Inference Protocol over gRPC, by tritonclient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
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
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

MAX_REQUEST_BYTES = 4 << 20
CODE = '''
import time
from pathlib import Path

import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Same(Plain):
    def infer(self, inp, context):
        return inp


class Texts(Plain):
    def infer(self, inp, context):
        return GrpsMessage(str_data=inp.gtensors.tensors[0].flat_string[0].upper())


class Gated(Plain):
    """Responds once it is told to, or notes that its client has disconnected."""

    def infer(self, inp, context):
        Path("began").touch()
        while not Path("release").exists():
            if context.if_disconnected():
                Path("disconnected").touch()
                return inp
            time.sleep(0.002)
        return inp


for cls in (Same, Texts, Gated):
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
TYPED = {
    "bool_contents": ("BOOL", [True, False]),
    "int_contents": ("INT16", [-300, 300]),
    "int64_contents": ("INT64", [-(2**63), 5]),
    "uint_contents": ("UINT8", [0, 255]),
    "uint64_contents": ("UINT64", [0, 2**64 - 1]),
    "fp32_contents": ("FP32", [0.5, -1.5]),
    "fp64_contents": ("FP64", [0.1, -1e300]),
    "bytes_contents": ("BYTES", [b"a", b"bc"]),
}
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code and of an ONNX model, with a limit of sizes."""
    folder = tmp_path_factory.mktemp("oip")
    onnx = {
        "name": "onnx",
        "version": "2",
        "inferer_type": "onnxruntime",
        "inferer_path": str(save_identity(folder / "identity.onnx", "float32")),
    }
    numpy = [user_model(name, converter_type="numpy") for name in ("same", "gated")]
    identity = {"name": "identity", "version": "1", "inferer_type": "identity"}
    limits = {"limits": {"max_request_bytes": MAX_REQUEST_BYTES}}
    write_user_project(folder, [*numpy, user_model("texts"), onnx, identity], limits, code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
        yield client


@pytest.fixture
def call(server: RunningServer) -> Iterator[Call]:
    """Calls a method of the service with a message, or with any bytes."""
    with server.channel() as channel:

        def run(message: Any, method: str = "ModelInfer", **options: Any) -> Any:
            answer = getattr(pb, method + "Response").FromString
            path = f"/inference.GRPCInferenceService/{method}"
            sent = message if isinstance(message, bytes) else message.SerializeToString()
            unary: Any = channel.unary_unary(path, None, answer)
            return unary(sent, timeout=GUARD_S, **options)

        yield run


def tensor(name: str, values: np.ndarray) -> Any:
    """An input with raw contents."""
    made = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values)
    return made


def refused(code: grpc.StatusCode, run: Call, *args: Any, **options: Any) -> str:
    """Check that a call fails with a status, and return its message."""
    with pytest.raises((InferenceServerException, grpc.RpcError)) as failure:
        run(*args, **options)
    error: Any = failure.value
    if isinstance(error, InferenceServerException):
        assert error.status() == str(code), error
        return str(error.message())
    assert error.code() == code, error
    return str(error.details())


def equal(values: np.ndarray, expected: np.ndarray) -> bool:
    if expected.dtype == object and expected.size and isinstance(expected.flat[0], str):
        values = np.vectorize(bytes.decode, otypes=[object])(values)
    return values.shape == expected.shape and bool((values == expected).all())


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(("model", "version"), [("same", "1.0.0"), ("identity", "1")])
def test_every_type_goes_both_ways(client: Any, name: str, model: str, version: str) -> None:
    values = VALUES[name]
    for compression in (None, "gzip", "deflate"):
        outcome = client.infer(
            model, [tensor("x", values)], request_id="7", compression_algorithm=compression
        )
        response = outcome.get_response()
        told = (response.model_name, response.model_version, response.id)
        assert told == (model, version, "7")
        output = outcome.get_output("x")
        assert (output.datatype, list(output.shape)) == (name, list(values.shape))
        assert equal(outcome.as_numpy("x"), values)


@pytest.mark.parametrize("field", TYPED)
def test_typed_contents_are_read(call: Call, field: str) -> None:
    datatype, values = TYPED[field]
    request = pb.ModelInferRequest(model_name="same")
    made = request.inputs.add(name="x", datatype=datatype, shape=[2])
    getattr(made.contents, field).extend(values)
    response = call(request)
    dtype = triton.InferResult(response).as_numpy("x").dtype
    expected = np.array(values, object if datatype == "BYTES" else dtype)
    assert equal(triton.InferResult(response).as_numpy("x"), expected)
    made.shape[0] = 3
    text = refused(grpc.StatusCode.INVALID_ARGUMENT, call, request)
    assert text.startswith("inputs[0]: tensor 'x': shape [3] wants 3"), text


@pytest.mark.parametrize(("count", "compression"), [(900_000, None), (50_000, "gzip")])
def test_large_tensors_go_both_ways(client: Any, count: int, compression: str | None) -> None:
    values = np.random.default_rng(0).integers(0, 9, count).astype(np.float32)
    inputs = [tensor("x", values), tensor("y", values[:30_001].astype(np.uint8))]
    outcome = client.infer("same", inputs, compression_algorithm=compression)
    assert equal(outcome.as_numpy("x"), values)
    assert equal(outcome.as_numpy("y"), values[:30_001].astype(np.uint8))


def test_models_are_called_by_name_and_version(client: Any) -> None:
    values = VALUES["FP32"]
    for model, version in [("onnx", ""), ("onnx", "2"), ("onnx-2", "")]:
        outcome = client.infer(model, [tensor("x", values)], model_version=version)
        assert equal(outcome.as_numpy("y"), values)
        assert outcome.get_response().model_version == "2"
    for model, version in [("nope", ""), ("onnx", "3")]:
        text = refused(
            grpc.StatusCode.NOT_FOUND,
            *(client.infer, model, [tensor("x", values)], version),
        )
        assert "models: gated-1.0.0, identity-1, onnx-2" in text
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.infer, "", [tensor("x", values)])
    text = refused(
        grpc.StatusCode.INVALID_ARGUMENT, client.infer, "onnx", [tensor("x", VALUES["FP64"])]
    )
    assert "input 'x' is float32, got float64" in text


def test_outputs_are_selected_and_classified(client: Any) -> None:
    inputs = [
        tensor("x", np.array([[1, 3, 2], [6, 5, 4]], np.float32)),
        tensor("y", VALUES["INT8"]),
    ]
    wanted = [triton.InferRequestedOutput("y"), triton.InferRequestedOutput("x", class_count=2)]
    outcome = client.infer("same", inputs, outputs=wanted)
    assert [output.name for output in outcome.get_response().outputs] == ["y", "x"]
    assert outcome.as_numpy("x").tolist() == [[b"3:1", b"2:2"], [b"6:0", b"5:1"]]
    wanted = [triton.InferRequestedOutput("z")]
    text = refused(grpc.StatusCode.INVALID_ARGUMENT, client.infer, "same", inputs, outputs=wanted)
    assert text == "model same has no output 'z'; it returned: 'x', 'y'"


def test_user_code_that_works_on_messages(client: Any) -> None:
    outcome = client.infer("texts", [tensor("x", np.array(["abc"], object))])
    assert outcome.as_numpy("str_data").tolist() == [b"ABC"]


def test_parameters_that_mean_something_else_are_refused(client: Any, call: Call) -> None:
    inputs = [tensor("x", VALUES["FP32"])]
    client.infer("same", inputs, priority=1, timeout=10_000_000, parameters={"any": 0.5})
    text = refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        *(client.infer, "same", inputs),
        sequence_id=5,
        sequence_start=True,
    )
    assert text.startswith("sequences are not supported")
    request = pb.ModelInferRequest(model_name="same")
    request.parameters["triton_x"].bool_param = True
    assert "triton_x is not supported" in refused(grpc.StatusCode.INVALID_ARGUMENT, call, request)


def test_a_timeout_ends_the_request(client: Any, server: RunningServer) -> None:
    inputs = [tensor("x", VALUES["FP32"])]
    infer = client.infer
    refused(grpc.StatusCode.DEADLINE_EXCEEDED, infer, "gated", inputs, timeout=20_000)
    refused(grpc.StatusCode.DEADLINE_EXCEEDED, infer, "gated", inputs, client_timeout=0.02)
    wait_until((server.folder / "disconnected").exists, "the model saw that its client is gone")


def test_malformed_requests_are_refused(call: Call, server: RunningServer) -> None:
    request = pb.ModelInferRequest(model_name="same")
    request.inputs.add(name="x", datatype="FP32", shape=[2])
    request.raw_input_contents.append(bytes(8))
    assert triton.InferResult(call(request)).as_numpy("x").tolist() == [0, 0]
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for shape, reason in [
        ([-2], "shape has the size -2"),
        ([2**62], "shape is too large"),
        ([2**40], "takes 4398046511104 bytes, got 8"),
        ([1] * 33, "more than 32 dimensions"),
        ([0, 2**59], "takes 0 bytes, got 8"),
        ([0, 2**62], "shape is too large"),
    ]:
        del request.inputs[0].shape[:]
        request.inputs[0].shape.extend(shape)
        assert reason in refused(invalid, call, request)
    request.raw_input_contents.append(bytes(8))
    request.inputs[0].shape[:] = [2]
    assert "raw_input_contents has 2 entries" in refused(invalid, call, request)
    assert "model_name: not valid UTF-8" in refused(invalid, call, b"\x0a\x01\xff")
    assert "runs past the end" in refused(invalid, call, b"\x0a\x7f\xff")
    for method in ("ModelMetadata", "LogSettings", "RepositoryModelLoad"):
        assert "malformed" in refused(invalid, call, b"\x0a\x7f\xff", method)
    with server.channel() as channel:
        path = "/inference.GRPCInferenceService/ModelInfer"
        for messages in ([], [b"", b""]):
            many: Any = channel.stream_unary(path)
            text = refused(invalid, many, iter(messages), timeout=GUARD_S)
            assert text == "the request must have exactly one message"
        unknown: Any = channel.unary_unary("/inference.GRPCInferenceService/Nope")
        refused(grpc.StatusCode.UNIMPLEMENTED, unknown, b"", timeout=GUARD_S)


def test_the_limit_of_a_message_is_exact(call: Call) -> None:
    def message(length: int) -> bytes:
        request = pb.ModelInferRequest(model_name="same")
        request.inputs.add(name="x", datatype="UINT8", shape=[length])
        request.raw_input_contents.append(bytes(length))
        return bytes(request.SerializeToString())

    head = len(message(MAX_REQUEST_BYTES)) - MAX_REQUEST_BYTES
    largest = message(MAX_REQUEST_BYTES - head)
    assert len(largest) == MAX_REQUEST_BYTES
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    # The response is larger than a client takes by default.
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        text = refused(exhausted, call, largest, compression=compression)
        assert "limit" in text.lower() or "larger than max" in text.lower(), text
        text = refused(exhausted, call, largest + b"\x0a\x00", compression=compression)
        assert f"{MAX_REQUEST_BYTES}" in text
    large = bytes(1 << 20) + b"\x0a\x00"
    text = refused(exhausted, call, large, "ModelMetadata")
    assert text == "the message has 1048578 bytes, and at most 1048576 are allowed here"


def test_what_is_said_of_the_service(client: Any) -> None:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("onnx") and client.is_model_ready("onnx", "2")
    assert not client.is_model_ready("nope") and not client.is_model_ready("onnx", "3")
    metadata = client.get_server_metadata()
    assert metadata.name == "grps" and "statistics" in metadata.extensions
    model = client.get_model_metadata("onnx", as_json=True)
    assert (model["name"], model["versions"]) == ("onnx", ["2"])
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1"]}]
    config = client.get_model_config("onnx").config
    assert (config.name, config.input[0].name, config.input[0].data_type) == ("onnx", "x", 11)
    assert not config.model_transaction_policy.decoupled
    client.infer("onnx", [tensor("x", VALUES["FP32"])])
    (stats,) = client.get_inference_statistics("onnx").model_stats
    assert (stats.name, stats.version) == ("onnx", "2")
    assert stats.inference_count > 0 and stats.execution_count > 0 and stats.last_inference > 0
    assert stats.inference_stats.success.count > 0 and stats.inference_stats.success.ns > 0
    assert stats.inference_stats.HasField("cache_miss")
    sizes = stats.batch_stats
    assert [size.batch_size for size in sizes] == sorted({size.batch_size for size in sizes})
    assert all(size.compute_infer.count > 0 and size.compute_infer.ns > 0 for size in sizes)
    assert sum(size.compute_infer.count for size in sizes) <= stats.execution_count
    assert len(client.get_inference_statistics().model_stats) == 5


def test_the_repository(client: Any, call: Call) -> None:
    index = client.get_model_repository_index()
    assert {(model.name, model.version, model.state) for model in index.models} >= {
        ("onnx", "2", "READY"),
        ("same", "1.0.0", "READY"),
    }
    client.unload_model("texts")
    states = {model.name: model.state for model in client.get_model_repository_index().models}
    assert states["texts"] == "UNAVAILABLE"
    ready = call(pb.RepositoryIndexRequest(ready=True), "RepositoryIndex").models
    assert "texts" not in {model.name for model in ready}
    client.load_model("texts")
    assert client.is_model_ready("texts")
    refused(grpc.StatusCode.NOT_FOUND, client.load_model, "nope")
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.load_model, "texts", config="{}")
    refused(grpc.StatusCode.INVALID_ARGUMENT, client.unload_model, "texts", unload_dependents=True)
    other = pb.RepositoryIndexRequest(repository_name="other")
    refused(grpc.StatusCode.INVALID_ARGUMENT, call, other, "RepositoryIndex")


def test_settings_are_read_and_changed(client: Any) -> None:
    settings = client.get_log_settings(as_json=True)["settings"]
    assert settings["log_info"] == {"bool_param": True}
    assert settings["log_file"] == {"string_param": ""}
    changed = client.update_log_settings({"log_verbose_level": 1}, as_json=True)["settings"]
    assert changed["log_verbose_level"] == {"uint32_param": 1}
    client.update_log_settings({"log_verbose_level": 0, "log_info": True})
    refused(
        grpc.StatusCode.UNIMPLEMENTED, client.update_log_settings, {"log_file": "/tmp/elsewhere"}
    )
    traces = client.get_trace_settings(as_json=True)["settings"]
    assert traces["trace_level"] == {"value": ["OFF"]}
    client.update_trace_settings(settings={"trace_level": "OFF"})
    refused(
        grpc.StatusCode.UNIMPLEMENTED,
        client.update_trace_settings,
        settings={"trace_level": "TIMESTAMPS"},
    )
    refused(grpc.StatusCode.NOT_FOUND, client.get_trace_settings, "nope")


def test_changes_require_what_admin_calls_require(server: RunningServer) -> None:
    with server.channel() as channel:
        forwarded = [("x-forwarded-for", "192.0.2.1")]
        for method, sent in {
            "LogSettings": pb.LogSettingsRequest(settings={"log_info": {"bool_param": True}}),
            "TraceSetting": pb.TraceSettingRequest(settings={"trace_level": {"value": ["OFF"]}}),
            "RepositoryModelLoad": pb.RepositoryModelLoadRequest(model_name="texts"),
            "RepositoryModelUnload": pb.RepositoryModelUnloadRequest(model_name="texts"),
            "SystemSharedMemoryRegister": pb.SystemSharedMemoryRegisterRequest(name="x"),
        }.items():
            run: Any = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            message = sent.SerializeToString()
            refused(
                grpc.StatusCode.PERMISSION_DENIED,
                *(run, message),
                metadata=forwarded,
                timeout=GUARD_S,
            )
        for method in ("LogSettings", "TraceSetting", "SystemSharedMemoryUnregister"):
            run = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            run(b"", metadata=forwarded, timeout=GUARD_S)


def test_shared_memory_is_off_by_default(client: Any) -> None:
    assert not client.get_system_shared_memory_status().regions
    client.unregister_system_shared_memory()
    text = refused(
        grpc.StatusCode.UNIMPLEMENTED, client.register_system_shared_memory, "r", "/key", 8
    )
    assert "set oip.shared_memory: true" in text
    made = triton.InferInput("x", [2], "FP32")
    made.set_shared_memory("r", 8)
    refused(grpc.StatusCode.UNIMPLEMENTED, client.infer, "same", [made])
    assert not client.get_cuda_shared_memory_status().regions
    client.unregister_cuda_shared_memory()
    text = refused(
        grpc.StatusCode.UNIMPLEMENTED, client.register_cuda_shared_memory, "r", b"AA==", 0, 8
    )
    assert "CUDA is not supported" in text


def test_the_aio_client(server: RunningServer) -> None:
    async def run() -> None:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
            assert await client.is_server_live()
            inputs = [tensor("x", VALUES["BYTES"])]
            outcomes = await asyncio.gather(*(client.infer("same", inputs) for _ in range(20)))
            assert all(equal(outcome.as_numpy("x"), VALUES["BYTES"]) for outcome in outcomes)

    asyncio.run(run())
