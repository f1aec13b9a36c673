"""The Open Inference Protocol over HTTP, with Triton's client and as raw requests."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from onnx import TensorProto
from tritonclient.utils import InferenceServerException

from tests.onnx_models import save_node
from tests.support import RunningServer, serving, user_model, write_user_project

CODE = """
import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return {name.replace("in", "out"): array for name, array in inp.items()}


class Binary(Plain):
    def infer(self, inp, context):
        return {"out": np.array([b"a", b"\\xff"], object)}


class Messages(Plain):
    def infer(self, inp, context):
        if inp.gtensors.tensors:
            return inp
        if inp.str_data == "fail":
            raise ValueError("failure of user code")
        return GrpsMessage(str_data=f"told {inp.str_data}{sorted(inp.gmap.s_s)}")


class Pieces(Plain):
    def infer(self, inp, context):
        if inp.str_data == "early":
            raise ValueError("early failure")
        for text in ("a\\n", "b"):
            context.stream_respond(GrpsMessage(str_data=text))
        if inp.str_data == "late":
            raise ValueError("late failure")


class Generator(Plain):
    def infer(self, inp, context):
        yield {"text": np.array(["a"], object)}
        yield {"text": np.array(["b"], object)}


for cls in (Echo, Binary, Messages, Pieces, Generator):
    inferer_register.register(cls.__name__.lower(), cls())
"""

TYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BF16": ml_dtypes.bfloat16,
    "BYTES": np.object_,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("oip")
    tensor = (TensorProto.FLOAT, ["n", 2])
    save_node(folder / "m.onnx", "Add", [("x", *tensor), ("z", *tensor)], [("y", *tensor)])
    save_node(folder / "i.onnx", "Identity", [("x", *tensor)], [("y", *tensor)])
    engine = {"version": "1.0.0", "inferer_type": "onnxruntime"}
    batching = {"type": "dynamic", "max_batch_size": 8, "batch_timeout_us": 0}
    models: list[dict[str, Any]] = [
        user_model("echo", converter_type="numpy"),
        user_model("binary", converter_type="numpy"),
        user_model("messages"),
        user_model("twice", inferer_name="echo", converter_type="numpy"),
        user_model("twice", inferer_name="echo", converter_type="numpy", version="2.0.0"),
        user_model("pieces"),
        user_model("generator", converter_type="numpy"),
        {**engine, "name": "add", "inferer_path": str(Path(folder) / "m.onnx")},
        {
            **engine,
            "name": "rows",
            "inferer_path": str(Path(folder) / "i.onnx"),
            "batching": batching,
        },
    ]
    limits = {"limits": {"max_request_bytes": 8 << 20}}
    with serving(write_user_project(folder, models, limits, code=CODE)) as running:
        yield running
        connection().close()


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[0]}") as opened:
        yield opened


def values_of(name: str) -> np.ndarray[Any, Any]:
    if name == "BYTES":
        return np.array([["a", "é"], ["", "x" * 70_000]], np.object_)
    return np.array([[0, 1], [1, 0]]).astype(TYPES[name])


def same(sent: np.ndarray[Any, Any], got: Any) -> bool:
    if sent.dtype == np.object_:
        return [item.encode() for item in sent.ravel()] == list(got.ravel())
    return bool(np.array_equal(np.asarray(got).astype(sent.dtype), sent))


@cache
def connection() -> httpx.Client:
    return httpx.Client(timeout=30)


def url(server: RunningServer, path: str) -> str:
    return f"http://127.0.0.1:{server.ports[0]}/v2{path}"


def post(server: RunningServer, path: str, body: Any = None, **options: Any) -> httpx.Response:
    if body is not None:
        options["json"] = body
    return connection().post(url(server, path), **options)


def get(server: RunningServer, path: str) -> httpx.Response:
    return connection().get(url(server, path))


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_every_type_goes_both_ways(client: Any, binary_in: bool, binary_out: bool) -> None:
    inputs, sent = [], {}
    for name in TYPES:
        # The client itself sends these in binary only.
        if not binary_in and name in ("FP16", "BF16"):
            continue
        array = values_of(name)
        inputs.append(triton.InferInput(f"in_{name}", array.shape, name))
        inputs[-1].set_data_from_numpy(array, binary_data=binary_in)
        sent[name] = array
    # And it reads these from binary only.
    wanted = [name for name in sent if binary_out or name not in ("FP16", "BF16")]
    outputs = [triton.InferRequestedOutput(f"out_{name}", binary_out) for name in wanted]
    result = client.infer("echo", inputs, outputs=outputs, request_id="7")
    assert result.get_response()["id"] == "7"
    for name in wanted:
        output = result.get_output(f"out_{name}")
        assert output["datatype"] == name
        got = result.as_numpy(f"out_{name}")
        if name == "BYTES" and not binary_out:
            got = np.array([str(item).encode() for item in got.ravel()], np.object_)
        assert same(sent[name], got), name


def test_half_precision_in_json(server: RunningServer) -> None:
    tensors = [
        {"name": f"in_{name}", "shape": [2], "datatype": name, "data": [0.5, -2]}
        for name in ("FP16", "BF16")
    ]
    reply = post(server, "/models/echo/infer", {"inputs": tensors})
    assert [output["data"] for output in reply.json()["outputs"]] == [[0.5, -2.0]] * 2


def test_json_is_flat_or_nested_and_needs_no_content_type(server: RunningServer) -> None:
    for data in ([[1, 2], [3, 4]], [1, 2, 3, 4]):
        tensor = {"name": "in", "data": data, "shape": [2, 2], "datatype": "INT32"}
        body = json.dumps({"id": "", "inputs": [tensor]})
        reply = post(server, "/models/echo/versions/1.0.0/infer", content=body)
        assert reply.json() == {
            "model_name": "echo",
            "model_version": "1.0.0",
            "outputs": [
                {"name": "out", "datatype": "INT32", "shape": [2, 2], "data": [1, 2, 3, 4]}
            ],
        }


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_bodies_are_compressed_both_ways(client: Any, algorithm: str) -> None:
    array = np.arange(4000, dtype=np.int64)
    tensor = triton.InferInput("in", array.shape, "INT64")
    tensor.set_data_from_numpy(array)
    result = client.infer(
        "echo",
        [tensor],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert np.array_equal(result.as_numpy("out"), array)


def test_the_coding_is_the_clients_choice(server: RunningServer) -> None:
    tensor = {"name": "in", "shape": [4000], "datatype": "UINT8", "data": [7] * 4000}
    body = json.dumps({"inputs": [tensor]}).encode()
    plain = post(server, "/models/echo/infer", content=body, headers={"Accept-Encoding": "br"})
    assert "Content-Encoding" not in plain.headers
    for coding, encode in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        headers = {"Accept-Encoding": coding, "Content-Encoding": coding}
        reply = post(server, "/models/echo/infer", content=encode(body), headers=headers)
        assert reply.headers["Content-Encoding"] == coding
        assert reply.json() == plain.json()


def test_a_large_tensor_in_binary(client: Any) -> None:
    array = np.random.default_rng(0).random((3, 500, 500), np.float32)
    tensor = triton.InferInput("in", array.shape, "FP32")
    tensor.set_data_from_numpy(array)
    assert np.array_equal(client.infer("echo", [tensor]).as_numpy("out"), array)


def test_a_raw_body_is_the_only_input(server: RunningServer) -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    headers = {"Inference-Header-Content-Length": "0"}
    reply = post(server, "/models/rows/infer", content=array.tobytes(), headers=headers)
    length = int(reply.headers["Inference-Header-Content-Length"])
    assert json.loads(reply.content[:length])["outputs"][0]["shape"] == [3, 2]
    assert reply.content[length:] == array.tobytes()
    wrong = post(server, "/models/rows/infer", content=b"abc", headers=headers)
    assert (wrong.status_code, "got 3" in wrong.json()["error"]) == (400, True)
    two = post(server, "/models/add/infer", content=b"", headers=headers)
    assert "one declared input" in two.json()["error"]


def test_outputs_are_chosen_and_classified(client: Any) -> None:
    arrays = {"x": [[1, 5], [7, 2]], "z": [[0, 0], [0, 0]]}
    inputs = []
    for name, values in arrays.items():
        inputs.append(triton.InferInput(name, [2, 2], "FP32"))
        inputs[-1].set_data_from_numpy(np.array(values, np.float32))
    outputs = [triton.InferRequestedOutput("y", class_count=1)]
    result = client.infer("add", inputs, outputs=outputs, priority=1, timeout=10_000_000)
    assert result.as_numpy("y").tolist() == [[b"5:1"], [b"7:0"]]
    with pytest.raises(InferenceServerException, match="no output 'other'; it returned: 'y'"):
        client.infer("add", inputs, outputs=[triton.InferRequestedOutput("other")])
    with pytest.raises(InferenceServerException, match="sequences are not supported"):
        client.infer("add", inputs, sequence_id=5, sequence_start=True)


def test_the_asynchronous_client(server: RunningServer) -> None:
    async def ask() -> Any:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.ports[0]}") as client:
            assert await client.is_server_live() and await client.is_model_ready("echo")
            tensor = triton_aio.InferInput("in", [2], "UINT16")
            tensor.set_data_from_numpy(np.array([1, 65535], np.uint16))
            result = await client.infer("echo", [tensor])
            return result.as_numpy("out").tolist()

    assert asyncio.run(ask()) == [1, 65535]


def test_health_and_metadata(client: Any, server: RunningServer) -> None:
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("add")
    assert not client.is_model_ready("none") and not client.is_model_ready("add", "2")
    assert get(server, "/health/live").json() == {"live": True}
    assert get(server, "/health/ready").json() == {"live": True, "ready": True}
    assert get(server, "/models/add/ready").json() == {"name": "add", "ready": True}
    metadata = client.get_server_metadata()
    assert metadata["name"] == "grps" and "binary_tensor_data" in metadata["extensions"]
    x = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
    assert client.get_model_metadata("add", "1.0.0") == {
        "name": "add",
        "versions": ["1.0.0"],
        "platform": "onnxruntime",
        "inputs": [x, {**x, "name": "z"}],
        "outputs": [{**x, "name": "y"}],
    }


def test_the_configuration(client: Any) -> None:
    config = client.get_model_config("rows")
    assert config["max_batch_size"] == 8
    assert config["input"][0] == {
        "name": "x",
        "data_type": "TYPE_FP32",
        "dims": [2],
        "optional": False,
    }
    assert config["model_transaction_policy"] == {"decoupled": False}
    assert client.get_model_config("generator")["model_transaction_policy"] == {"decoupled": True}
    assert client.get_model_config("add")["max_batch_size"] == 0
    assert client.get_model_config("add")["output"][0]["dims"] == [-1, 2]


def test_the_statistics(client: Any, server: RunningServer) -> None:
    def statistics() -> Any:
        return client.get_inference_statistics("messages")["model_stats"][0]

    before = statistics()
    assert post(server, "/models/messages/generate", {"text_input": "x"}).status_code == 200
    assert post(server, "/models/messages/generate", {"text_input": "fail"}).status_code == 500
    after = statistics()
    assert (after["name"], after["version"]) == ("messages", "1.0.0")
    assert after["last_inference"] > max(before["last_inference"], 1_700_000_000_000)
    for name in ("success", "fail"):
        old, new = before["inference_stats"][name], after["inference_stats"][name]
        assert new["count"] == old["count"] + 1 and new["ns"] > old["ns"]
    assert after["execution_count"] >= before["execution_count"] + 2
    assert set(after["inference_stats"]) == {
        *("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"),
        *("cache_hit", "cache_miss"),
    }
    stages = ("queue", "compute_input", "compute_infer", "compute_output")
    assert len({after["inference_stats"][name]["count"] for name in stages}) == 1
    names = [model["name"] for model in get(server, "/models/stats").json()["model_stats"]]
    assert names == sorted(names) and len(names) == 9


def test_user_code_on_messages_gets_tensors_and_text(client: Any, server: RunningServer) -> None:
    tensor = triton.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 2]], np.float32))
    assert client.infer("messages", [tensor]).as_numpy("x").tolist() == [[1.0, 2.0]]
    small = triton.InferInput("x", [1], "UINT16")
    small.set_data_from_numpy(np.array([1], np.uint16))
    with pytest.raises(InferenceServerException, match="no GRPS data type"):
        client.infer("messages", [small])
    body = {"id": "5", "text_input": "hi"}
    assert post(server, "/models/messages/versions/1.0.0/generate", body).json() == {
        "model_name": "messages",
        "model_version": "1.0.0",
        "id": "5",
        "text_output": "told hi[]",
    }
    several = {"text_input": "hi", "parameters": {"k": 3, "s": "x"}}
    reply = post(server, "/models/messages/generate", several).json()
    assert reply["text_output"] == "told ['s', 'text_input']"


def test_generate_makes_tensors_of_fields(server: RunningServer) -> None:
    reply = post(server, "/models/add/generate", {"x": [[1, 2]], "z": [3, 4]})
    assert reply.json()["y"] == [4.0, 6.0]
    wrong = post(server, "/models/add/generate", {"x": "a", "z": [3, 4]})
    assert wrong.status_code == 400


def test_generate_stream_sends_events(server: RunningServer) -> None:
    def events(text: str) -> tuple[str, list[Any]]:
        reply = post(server, "/models/pieces/generate_stream", {"text_input": text})
        data = re.findall(r"data: (.*)\n\n", reply.text)
        return reply.headers["Content-Type"], [json.loads(event) for event in data]

    content_type, pieces = events("x")
    assert content_type == "text/event-stream; charset=utf-8"
    assert [piece["text_output"] for piece in pieces] == ["a\n", "b"]
    reply = post(server, "/models/generator/generate_stream", {"prompt": "x"})
    assert [json.loads(line[6:])["text"] for line in reply.text.split("\n\n")[:2]] == ["a", "b"]
    _, pieces = events("late")
    assert pieces[:2] and "late failure" in pieces[-1]["error"]
    reply = post(server, "/models/pieces/generate_stream", {"text_input": "early"})
    assert reply.status_code == 500 and "early failure" in reply.json()["error"]


def test_the_repository(client: Any) -> None:
    ready = {"name": "binary", "version": "1.0.0", "state": "READY", "reason": ""}
    assert ready in client.get_model_repository_index()
    client.unload_model("binary")
    assert not client.is_model_ready("binary")
    state = next(m for m in client.get_model_repository_index() if m["name"] == "binary")
    assert (state["state"], state["reason"]) == ("UNAVAILABLE", "unloaded")
    client.load_model("binary")
    client.load_model("binary")
    assert client.is_model_ready("binary")
    with pytest.raises(InferenceServerException, match="of loading is not supported"):
        client.load_model("binary", config="{}")
    with pytest.raises(InferenceServerException, match="has no model 'none'"):
        client.load_model("none")


def test_a_name_means_all_its_versions(client: Any) -> None:
    def states() -> dict[str, str]:
        index = client.get_model_repository_index()
        return {one["version"]: one["state"] for one in index if one["name"] == "twice"}

    ready, unloaded = "READY", "UNAVAILABLE"
    assert states() == {"1.0.0": ready, "2.0.0": ready}
    client.load_model("twice")
    client.unload_model("twice")
    assert states() == {"1.0.0": unloaded, "2.0.0": unloaded}
    client.load_model("twice-2.0.0")
    assert states() == {"1.0.0": unloaded, "2.0.0": ready}
    client.unload_model("twice")
    client.load_model("twice")
    assert states() == {"1.0.0": ready, "2.0.0": ready}
    client.unload_model("twice-1.0.0")
    assert states() == {"1.0.0": unloaded, "2.0.0": ready}


def test_settings_of_logs_and_traces(client: Any) -> None:
    assert client.get_log_settings()["log_verbose_level"] == 0
    assert client.update_log_settings({"log_verbose_level": 1})["log_verbose_level"] == 1
    assert client.update_log_settings({"log_verbose_level": 0})["log_info"]
    with pytest.raises(InferenceServerException, match="log_file can't be changed"):
        client.update_log_settings({"log_file": "/tmp/x"})
    settings = client.get_trace_settings("add")
    assert settings["trace_level"] == ["OFF"]
    assert client.update_trace_settings(settings={"trace_level": None}) == settings
    with pytest.raises(InferenceServerException, match="trace_rate can't be changed"):
        client.update_trace_settings(settings={"trace_rate": "7"})


def test_shared_memory_is_refused_unless_it_is_switched_on(client: Any) -> None:
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    assert client.get_system_shared_memory_status() == []
    assert client.get_cuda_shared_memory_status() == []
    with pytest.raises(InferenceServerException, match="shared memory is not supported"):
        client.register_system_shared_memory("r", "/r", 16)


def test_errors_have_the_form_of_the_protocol(server: RunningServer) -> None:
    for path, status in (
        ("", 405),
        ("/nothing", 404),
        ("/models/none/infer", 404),
        ("/models/add/versions/7/infer", 404),
        ("/models/add/infer", 400),
        ("/systemsharedmemory/region/r/register", 501),
    ):
        reply = post(server, path, {"inputs": [], "x": 1})
        assert (reply.status_code, list(reply.json())) == (status, ["error"]), path
        # KServe's client reads errors of exactly this type.
        assert reply.headers["Content-Type"] == "application/json"
    binary = post(server, "/models/binary/infer", {"inputs": []})
    assert "request it as binary data" in binary.json()["error"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"parameters": {"binary_data_size": 2**63}}, "binary_data_size"),
        ({"parameters": {"binary_data_size": -1}}, "whole number"),
        ({"shape": [-4], "data": [1]}, "sizes are whole numbers"),
        ({"shape": [2**62, 4], "data": [1]}, "too many"),
        ({"parameters": {"shared_memory_region": "r"}}, "shared_memory_byte_size is missing"),
        ({"data": json.loads("[" * 200 + "]" * 200)}, "nested deeper"),
    ],
)
def test_hostile_inputs_are_refused(
    server: RunningServer, fields: dict[str, Any], fault: str
) -> None:
    tensor = {"name": "in", "datatype": "FP32", "shape": [1], **fields}
    reply = post(server, "/models/echo/infer", {"inputs": [tensor]})
    assert reply.status_code == 400 and fault in reply.json()["error"], reply.text


def test_a_bomb_is_not_inflated(server: RunningServer) -> None:
    bomb = gzip.compress(bytes(32 << 20), 1)
    reply = post(server, "/models/echo/infer", content=bomb, headers={"Content-Encoding": "gzip"})
    assert reply.status_code == 413 and "max_request_bytes" in reply.json()["error"]
