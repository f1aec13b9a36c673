"""System shared memory of the Open Inference Protocol, by tritonclient."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as memory
from tritonclient.utils import (
    InferenceServerException,
    np_to_triton_dtype,
    serialize_byte_tensor,
)

from tests.support import RunningServer, serving, user_model, write_user_project

MAX_REQUEST_BYTES = 1 << 20
CODE = """
from grps import ModelInferer, inferer_register


class Same(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        return inp


inferer_register.register("same", Same())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that uses shared memory."""
    folder = tmp_path_factory.mktemp("shm")
    limits = {"max_request_bytes": MAX_REQUEST_BYTES}
    settings = {"oip": {"shared_memory": True}, "limits": limits}
    write_user_project(folder, [user_model("same", converter_type="numpy")], settings, code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
        yield client
        client.unregister_system_shared_memory()


@contextmanager
def region(client: Any, name: str, size: int) -> Iterator[Any]:
    """A region of its own file, registered."""
    key = f"grps-test-{uuid.uuid4().hex}"
    handle = memory.create_shared_memory_region(name, key, size)
    try:
        client.register_system_shared_memory(name, "/" + key, size)
        yield handle
    finally:
        memory.destroy_shared_memory_region(handle)


def shared_input(name: str, values: np.ndarray, region: str, offset: int = 0) -> Any:
    made = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_shared_memory(region, values.nbytes, offset)
    return made


def shared_output(name: str, region: str, size: int, offset: int = 0) -> Any:
    made = triton.InferRequestedOutput(name)
    made.set_shared_memory(region, size, offset)
    return made


def plain_input(name: str, values: np.ndarray) -> Any:
    made = triton.InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values)
    return made


def refused(client: Any, inputs: list[Any], outputs: list[Any] | None = None) -> str:
    """Check that the request is refused, and return why."""
    with pytest.raises(InferenceServerException) as failure:
        client.infer("same", inputs, outputs=outputs)
    code = grpc.StatusCode.INVALID_ARGUMENT
    assert failure.value.status() == str(code), failure.value
    return str(failure.value.message())


def test_tensors_go_both_ways_in_shared_memory(client: Any) -> None:
    floats, shorts = np.arange(1000, dtype=np.float32), np.arange(7, dtype=np.int16)
    with region(client, "in", 8192) as source, region(client, "out", 8192) as target:
        memory.set_shared_memory_region(source, [floats, shorts])
        inputs = [
            shared_input("x", floats, "in"),
            plain_input("p", np.array([5], np.uint8)),
            shared_input("y", shorts, "in", floats.nbytes),
        ]
        outputs = [
            shared_output("x", "out", 4000, 100),
            triton.InferRequestedOutput("p"),
            shared_output("y", "out", 20, 4100),
        ]
        outcome = client.infer("same", inputs, outputs=outputs)
        told = outcome.get_output("y").parameters
        assert told["shared_memory_region"].string_param == "out"
        assert told["shared_memory_byte_size"].int64_param == shorts.nbytes
        assert told["shared_memory_offset"].int64_param == 4100
        assert outcome.as_numpy("p").tolist() == [5]
        written = memory.get_contents_as_numpy(target, np.float32, [1000], 100)
        assert (written == floats).all()
        written = memory.get_contents_as_numpy(target, np.int16, [7], 4100)
        assert (written == shorts).all()
        del written


def test_strings_go_both_ways_in_shared_memory(client: Any) -> None:
    texts = np.array(["a", "", "caf\u00e9"], object)
    packed = serialize_byte_tensor(texts)
    size = len(packed.item())
    with region(client, "r", 64) as handle:
        memory.set_shared_memory_region(handle, [packed])
        made = triton.InferInput("x", [3], "BYTES")
        made.set_shared_memory("r", size)
        client.infer("same", [made], outputs=[shared_output("x", "r", 64 - 20, 20)])
        written = memory.get_contents_as_numpy(handle, np.object_, [3], 20)
        assert [str(text, "utf-8") for text in written] == list(texts)


def test_sizes_are_checked_at_every_use(client: Any) -> None:
    values = np.arange(4, dtype=np.float64)
    with region(client, "r", 64) as handle:
        memory.set_shared_memory_region(handle, [values])
        plain = [plain_input("x", values)]
        for offset in (33, 64, 2**62):
            text = refused(client, [shared_input("x", values, "r", offset)])
            assert "are not in the shared memory region 'r', which has 64 bytes" in text
            text = refused(client, plain, [shared_output("x", "r", 32, offset)])
            assert "are not in the shared memory region 'r', which has 64 bytes" in text
        assert "more than the 31" in refused(client, plain, [shared_output("x", "r", 31)])
        short = triton.InferInput("x", [4], "FP64")
        short.set_shared_memory("r", 31)
        assert "takes 32 bytes, got 31" in refused(client, [short])
        # The client makes its file shorter behind the service's back.
        os.truncate(f"/dev/shm/{handle._shm_key}", 40)
        assert "is shorter than when it was" in refused(
            client, [shared_input("x", values, "r", 16)]
        )
        text = refused(client, plain, [shared_output("x", "r", 32, 16)])
        assert "is shorter than when it was" in text
        assert os.stat(f"/dev/shm/{handle._shm_key}").st_size == 40
        assert client.infer("same", [shared_input("x", values, "r")]).as_numpy("x").size == 4
        os.truncate(f"/dev/shm/{handle._shm_key}", 64)


def test_outputs_that_overlap_are_refused(client: Any) -> None:
    values = np.arange(4, dtype=np.float32)
    inputs = [plain_input("x", values), plain_input("y", values)]
    with region(client, "r", 64) as handle:
        client.register_system_shared_memory("again", handle._shm_key, 32, 32)
        for second in (shared_output("y", "r", 16, 47), shared_output("y", "again", 16, 15)):
            text = refused(client, inputs, [shared_output("x", "r", 16, 32), second])
            assert text == "two outputs have the same bytes of shared memory"
        apart = [shared_output("x", "r", 16, 32), shared_output("y", "again", 16, 16)]
        client.infer("same", inputs, outputs=apart)
        written = memory.get_contents_as_numpy(handle, np.float32, [8], 32)
        assert written.tolist() == [0, 1, 2, 3] * 2
        del written
        # An output may replace an input, which has been copied.
        memory.set_shared_memory_region(handle, [values])
        replaced = [shared_output("x", "r", 16, 4)]
        client.infer("same", [shared_input("x", values, "r")], outputs=replaced)
        written = memory.get_contents_as_numpy(handle, np.float32, [4], 4)
        assert written.tolist() == values.tolist()
        del written


def test_regions_are_listed_and_removed(client: Any, server: RunningServer) -> None:
    with region(client, "a", 64) as handle, region(client, "b", 64):
        client.register_system_shared_memory("part", handle._shm_key, 10, 5)
        regions = client.get_system_shared_memory_status().regions
        assert sorted(regions) == ["a", "b", "part"]
        part = regions["part"]
        told = (part.name, part.key, part.offset, part.byte_size)
        assert told == ("part", handle._shm_key, 5, 10)
        assert list(client.get_system_shared_memory_status("part").regions) == ["part"]
        path = server.url("/v2/systemsharedmemory")
        entry = {"name": "part", "key": handle._shm_key, "offset": 5, "byte_size": 10}
        assert entry in httpx.get(f"{path}/status").json()
        assert httpx.get(f"{path}/region/part/status").json() == [entry]
        for run, code in [
            (lambda: client.get_system_shared_memory_status("none"), "NOT_FOUND"),
            (lambda: client.register_system_shared_memory("a", "x", 1), "NOT_FOUND"),
            (
                lambda: client.register_system_shared_memory("a", handle._shm_key, 1),
                "INVALID_ARGUMENT",
            ),
            (
                lambda: client.register_system_shared_memory("c", handle._shm_key, 65),
                "INVALID_ARGUMENT",
            ),
            (
                lambda: client.register_system_shared_memory("c", "../etc/passwd", 1),
                "INVALID_ARGUMENT",
            ),
        ]:
            with pytest.raises(InferenceServerException) as failure:
                run()
            assert failure.value.status() == f"StatusCode.{code}"
        client.unregister_system_shared_memory("a")
        client.unregister_system_shared_memory("a")
        assert sorted(client.get_system_shared_memory_status().regions) == ["b", "part"]
        client.unregister_system_shared_memory()
        assert not client.get_system_shared_memory_status().regions
        forwarded = {"x-forwarded-for": "192.0.2.1"}
        client.register_system_shared_memory("d", handle._shm_key, 1)
        with pytest.raises(InferenceServerException) as failure:
            client.unregister_system_shared_memory(headers=forwarded)
        assert failure.value.status() == "StatusCode.PERMISSION_DENIED"


def test_shared_memory_over_http(client: Any, server: RunningServer) -> None:
    values = np.arange(3, dtype=np.int32)
    path = server.url("/v2/systemsharedmemory/region/http")
    with region(client, "grpc", 64) as handle:
        memory.set_shared_memory_region(handle, [values])
        body = {"key": "/" + handle._shm_key, "offset": 0, "byte_size": 64}
        assert httpx.post(f"{path}/register", json=body).status_code == 200
        shared = {"shared_memory_region": "http", "shared_memory_byte_size": 12}
        entry = {"name": "x", "datatype": "INT32", "shape": [3], "parameters": shared}
        output = {"name": "x", "parameters": {**shared, "shared_memory_offset": 32}}
        infer = server.url("/v2/models/same/infer")
        answer = httpx.post(infer, json={"inputs": [entry], "outputs": [output]}).json()
        assert answer["outputs"][0]["parameters"]["shared_memory_byte_size"] == 12
        written = memory.get_contents_as_numpy(handle, np.int32, [3], 32)
        assert written.tolist() == values.tolist()
        del written
        assert httpx.post(f"{path}/register", json={"key": "x"}).status_code == 400
        assert httpx.post(f"{path}/unregister").status_code == 200
        answer = httpx.post(infer, json={"inputs": [entry]})
        assert (answer.status_code, "no shared memory region" in answer.text) == (404, True)


def test_inputs_in_shared_memory_count_as_part_of_the_request(client: Any) -> None:
    with region(client, "r", MAX_REQUEST_BYTES + 1):
        made = triton.InferInput("x", [MAX_REQUEST_BYTES - 1000], "UINT8")
        made.set_shared_memory("r", MAX_REQUEST_BYTES - 1000)
        out = [shared_output("x", "r", MAX_REQUEST_BYTES)]
        client.infer("same", [made], outputs=out)
        made = triton.InferInput("x", [MAX_REQUEST_BYTES], "UINT8")
        made.set_shared_memory("r", MAX_REQUEST_BYTES)
        with pytest.raises(InferenceServerException) as failure:
            client.infer("same", [made], outputs=out)
        assert failure.value.status() == str(grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert "with those in shared memory" in failure.value.message()
