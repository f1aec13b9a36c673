"""The TensorRT backend on stand-ins for its libraries, from the file to the answer."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grps.backends.common.warm_up import warm_up
from grps.backends.loading import load_backend, load_copy
from grps.backends.tensorrt.converter import TrtTensorConverter
from grps.backends.tensorrt.inferer import TrtModelInferer, create_inferer
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, InputError, MissingExtraError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.registry import converter_register
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.loaders import copy_loaders
from grps.server.loading.local_entry import LocalBatch, LocalEntry
from tests.unit.backends.tensorrt.modules import FakeRuntime, FakeTensorrt, plan

X = {
    "input": True,
    "kind": "FLOAT",
    "shape": [-1, 2],
    "ranges": [[[1, 2], [2, 2], [4, 2]], [[4, 2], [32, 2], [64, 2]]],
}
Y = {"input": False, "kind": "FLOAT", "shape": [-1, 2], "of": "x"}
PLAN = plan(x=X, y=Y)


def forget_adapter() -> None:
    for name in [name for name in sys.modules if name.startswith("grps.backends.tensorrt.")]:
        if name.rpartition(".")[2] in {"engine", "backend"}:
            del sys.modules[name]


@pytest.fixture
def trt(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorrt]:
    cuda = FakeRuntime()
    module = FakeTensorrt(cuda)
    bindings = types.ModuleType("cuda.bindings")
    bindings.runtime = cuda  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cuda)
    forget_adapter()
    yield module
    forget_adapter()


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "model.engine"
    path.write_bytes(PLAN)
    return path


def config(path: Path, **keys: Any) -> ModelConfig:
    return ModelConfig(
        name="m", version="1", inferer_type="tensorrt", inferer_path=str(path), **keys
    )


def ones(rows: int) -> np.ndarray:
    return np.ones((rows, 2), np.float32)


def test_an_engine_answers(trt: FakeTensorrt, engine: Path) -> None:
    backend = load_backend(config(engine))
    spec = backend.signature.inputs[0]
    assert (spec.name, spec.dtype, spec.shape, spec.example) == ("x", "float32", (None, 2), (2, 2))
    assert backend.signature.outputs[0].name == "y"
    assert backend.signature.strict_names
    assert warm_up(backend)[1].skipped is None
    for rows in (1, 4, 64):
        [(name, value)] = backend.infer([ones(rows)])
        assert (name, value.tolist()) == ("y", [[2, 2]] * rows)
    assert trt.plugins == 1
    backend.close()  # type: ignore[attr-defined]
    assert not trt.cuda.memory
    assert not trt.cuda.streams


def test_streams_share_one_engine_and_are_all_warmed(trt: FakeTensorrt, engine: Path) -> None:
    copies = load_copy(config(engine, inferer_args={"streams": 3, "intra_op_threads": 1}))
    assert (len(copies), len(trt.engines), len(trt.cuda.streams)) == (3, 1, 3)
    assert not trt.cuda.memory
    for count, backend in enumerate(copies, 1):
        warm_up(backend)
        assert len(trt.cuda.memory) == 4 * count


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"streams": 0}, "streams"),
        ({"streams": 65}, "streams"),
        ({"streams": "2"}, "streams"),
        ({"stream": 2}, "unknown key 'stream'; did you mean streams"),
        ({"customized_op_paths": ["/no/such.so"]}, "/no/such.so: no such file"),
    ],
)
def test_arguments_are_checked(
    trt: FakeTensorrt, engine: Path, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(ModelError, match=text):
        load_backend(config(engine, inferer_args=arguments))


@pytest.mark.parametrize("streams", [1, 64])
def test_as_many_streams_as_the_limits_say(trt: FakeTensorrt, engine: Path, streams: int) -> None:
    assert len(load_copy(config(engine, inferer_args={"streams": streams}))) == streams


@pytest.mark.parametrize(
    ("device", "index"),
    [(None, 0), ("cuda", 0), ("gpu:1", 1), ("original", 0), ("original cuda:1", 1)],
)
def test_devices(trt: FakeTensorrt, engine: Path, device: str | None, index: int) -> None:
    load_backend(config(engine, device=device)).infer([ones(1)])
    assert set(trt.cuda.selected) == {index}


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ("cpu", "device cpu: TensorRT runs on NVIDIA GPUs only; use device: cuda"),
        ("original cpu", "TensorRT runs on NVIDIA GPUs only"),
        ("cuda:2", "device cuda:2: this machine has 2 CUDA devices"),
        ("tpu", "'tpu' is not a device"),
    ],
)
def test_devices_that_are_none(trt: FakeTensorrt, engine: Path, device: str, text: str) -> None:
    with pytest.raises(DeviceError, match=text):
        load_backend(config(engine, device=device))


def test_no_gpu(trt: FakeTensorrt, engine: Path) -> None:
    trt.cuda.devices = 0
    with pytest.raises(DeviceError, match=r"needs an NVIDIA GPU: words for 100 .*nvidia-smi"):
        load_backend(config(engine))


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (
            "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file "
            "is generated on an incompatible device, expecting compute 8.9 got compute 8.6, "
            "please rebuild.)",
            "incompatible device, expecting compute 8.9 got compute 8.6, please rebuild; build "
            "the engine on the GPU that runs it, with TensorRT 10.9.0.34",
        ),
        (
            "6: The engine plan file is not compatible with this version of TensorRT, expecting "
            "library version 8.0.0 got 8.0.1, please rebuild.\n"
            "4: [runtime.cpp::deserializeCudaEngine::74] Error Code 4: Internal Error (Engine "
            "deserialization failed.)",
            "model.engine: The engine plan file is not compatible with this version .*; build the "
            r"engine again with the TensorRT that runs it \(10.9.0.34\)",
        ),
        (
            "1: [stdArchiveReader.cpp::StdArchiveReader::40] Error Code 1: Serialization "
            "(Serialization assertion stdVersionRead == serializationVersion failed.Version tag "
            "does not match. Note: Current Version: 213, Serialized Engine Version: 205)",
            "Version tag does not match.*; build the engine again",
        ),
        (
            "IPluginRegistry::getCreator: Error Code 4: API Usage Error (Cannot find plugin: "
            "Roi, version: 1, namespace:.)",
            "Cannot find plugin: Roi",
        ),
        ("", "did not say why it can't load the engine; check that the file is an engine for"),
    ],
)
def test_engines_that_are_refused(trt: FakeTensorrt, tmp_path: Path, log: str, text: str) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(b"something else")
    trt.error = log
    with pytest.raises(ModelError, match=text) as caught:
        load_backend(config(path))
    assert str(caught.value).startswith(f"model m-1: {path}: ")
    assert "\n" not in str(caught.value)
    assert not trt.cuda.memory


def test_an_old_tensorrt_is_refused(trt: FakeTensorrt, engine: Path) -> None:
    trt.__version__ = "8.6.1"
    with pytest.raises(ModelError, match=r"TensorRT 8\.6\.1 is too old; install 10 or newer"):
        load_backend(config(engine))


def test_a_library_that_is_none(trt: FakeTensorrt, engine: Path, tmp_path: Path) -> None:
    library = tmp_path / "plugin.so"
    library.write_text("no library")
    with pytest.raises(ModelError, match=r"library of custom operators: .*plugin\.so"):
        load_backend(config(engine, inferer_args={"customized_op_paths": str(library)}))


def test_metadata_before_the_engine_is_skipped(trt: FakeTensorrt, engine: Path) -> None:
    metadata = json.dumps({"names": {"0": "person"}}).encode()
    engine.write_bytes(len(metadata).to_bytes(4, "little") + metadata + PLAN)
    assert load_backend(config(engine)).infer([ones(1)])[0][1].tolist() == [[2, 2]]
    trt.error = "magic tag does not match"
    engine.write_bytes(len(metadata).to_bytes(4, "little") + b"{" * len(metadata) + PLAN)
    with pytest.raises(ModelError, match="magic tag"):
        load_backend(config(engine))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "FP8"}, "input x has the unsupported type FP8"),
        ({"format": "CHW4"}, "tensor x has the memory format CHW4; build the engine with LINEAR"),
    ],
)
def test_tensors_that_are_refused(
    trt: FakeTensorrt, engine: Path, change: dict[str, str], text: str
) -> None:
    engine.write_bytes(plan(x={**X, **change}, y=Y))
    with pytest.raises(ModelError, match=text):
        load_backend(config(engine))


def test_too_little_memory_for_all_streams(trt: FakeTensorrt, engine: Path) -> None:
    trt.contexts_left = 2
    with pytest.raises(ModelError, match="m-1: out of memory"):
        load_copy(config(engine, inferer_args={"streams": 3}))
    assert not trt.cuda.streams


def test_too_little_memory_for_a_request(trt: FakeTensorrt, engine: Path) -> None:
    backend = load_backend(config(engine))
    trt.cuda.memory_limit = 16
    with pytest.raises(
        ModelError, match=r"out of memory: 32 pinned bytes .*Allocation in cudaMallocHost"
    ):
        backend.infer([ones(4)])
    assert backend.infer([ones(2)])[0][1].tolist() == [[2, 2]] * 2


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("set_input_shape", "Parameter check failed in set_input_shape."),
        ("set_tensor_address", "Parameter check failed in set_tensor_address."),
        ("infer_shapes", "Parameter check failed in infer_shapes."),
        ("missing", "misses the shapes or values of: x"),
        ("size", "has no limit for the size of output y"),
        ("execute_async_v3", "Parameter check failed in execute_async_v3."),
        ("profile", "Parameter check failed in profile."),
    ],
)
def test_failures_of_a_run(trt: FakeTensorrt, engine: Path, call: str, text: str) -> None:
    backend = load_backend(config(engine))
    trt.failing = call
    with pytest.raises(ModelError, match=f"^.*{text}$"):
        backend.infer([ones(64)])
    trt.failing = ""
    assert backend.infer([ones(64)])[0][1].shape == (64, 2)


def test_a_shape_known_only_after_the_run(trt: FakeTensorrt, engine: Path) -> None:
    engine.write_bytes(plan(x=X, y={**Y, "shape": [-1], "cut": True}))
    backend = load_backend(config(engine))
    for rows in (1, 4):
        assert backend.infer([ones(rows)])[0][1].tolist() == [2, 2]
    trt.failing = "notify"
    with pytest.raises(ModelError, match="did not report the shape of output y"):
        backend.infer([ones(1)])


def test_an_inferer_of_ones_own(trt: FakeTensorrt, engine: Path) -> None:
    inferer = create_inferer()
    context = GrpsContext()
    with pytest.raises(ModelError, match="not called"):
        inferer.infer(ones(1), context)
    inferer.init(str(engine), "gpu", {"streams": 2})
    assert inferer.load()
    for given in (ones(1), [ones(1)], (ones(1),), {"x": ones(1)}):
        assert inferer.infer(given, context)["y"].tolist() == [[2, 2]]
    answer = inferer.infer(to_message([("x", ones(1))]), context)
    assert isinstance(answer, GrpsMessage)
    requests = [to_message([("", ones(1))]), to_message([("", ones(2))])]
    answers = inferer.batch_infer(requests, [GrpsContext(), GrpsContext()])
    assert [to_arrays(answer)[0][1].shape for answer in answers] == [(1, 2), (2, 2)]
    for given, text in (
        ({"z": ones(1)}, r"inputs are \['x'\], got \['z'\]"),
        ([ones(1), ones(1)], "takes 1 inputs, got 2"),
        (np.ones((1, 2)), "input x is float32, got float64"),
        (ones(65), r"shape \[65, 2\]; the engine allows \[1\.\.4, 2\] or \[4\.\.64, 2\]"),
    ):
        with pytest.raises(InputError, match=text):
            inferer.infer(given, context)


def test_deriving_needs_no_tensorrt(monkeypatch: pytest.MonkeyPatch, engine: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    forget_adapter()

    class Mine(TrtModelInferer):
        def __init__(self) -> None:
            self.own = 1  # and no constructor of the base, as in projects of GRPS 1.x

    inferer = Mine()
    inferer.init(str(engine), "cuda")
    with pytest.raises(MissingExtraError) as caught:
        inferer.load()
    assert str(caught.value) == (
        "tensorrt is not installed; run: pip install 'grpst[tensorrt]' (it needs an NVIDIA GPU "
        "with its driver, and the TensorRT version that built the engine)"
    )


def test_every_stream_of_every_instance_becomes_a_runner(trt: FakeTensorrt, engine: Path) -> None:
    said: list[str] = []
    loaders = copy_loaders(
        config(engine, instances=2, inferer_args={"streams": 3}),
        lambda phase, line: said.append(f"{phase}: {line}"),
    )
    runners = [runner for load in loaders for runner in load().runners]
    assert len(loaders) == 2
    assert len(set(map(id, runners))) == 6
    assert len(trt.engines) == 2
    assert [made.contexts for made in trt.engines] == [3, 3]
    assert len(trt.cuda.memory) == 6 * 4, "a stream was not warmed up"
    assert said[-1] == "warming: warming up model m-1 (copy 2 of 2)"


def test_between_the_halves_of_a_users_converter(trt: FakeTensorrt, engine: Path) -> None:
    converter_register.register("engine_test", TrtTensorConverter())
    (load,) = copy_loaders(
        config(engine, converter_type="customized", converter_name="engine_test"),
        lambda phase, line: None,
    )
    entry = LocalEntry(to_message([("x", ones(2))]), GrpsContext(), None)
    load().runners[0].run(LocalBatch(entry))
    assert entry.failure is None
    [(name, array)] = to_arrays(entry.answer)
    assert (name, array.tolist()) == ("y", [[2, 2], [2, 2]])
