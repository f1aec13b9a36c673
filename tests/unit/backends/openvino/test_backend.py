"""The OpenVINO backend."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper

from grps.backends.backend import TensorSpec
from grps.backends.common.device import parse_device
from grps.backends.loading import load_copy
from grps.backends.openvino.backend import _device_name, shared_core
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, InputError, ModelError
from tests.models import MAGIKA
from tests.unit.backends.models import NUMBERS, Load, SaveOnnx

Identity = Callable[[int], Path]
OV: Literal["openvino"] = "openvino"


def save_ir(source: Path, target: Path) -> Path:
    """Convert an ONNX model to OpenVINO's own format."""
    openvino.save_model(shared_core().read_model(source), target, compress_to_fp16=False)
    return target


def save_table(path: Path) -> Path:
    """Write a model that looks rows up in a table of threes, in a file of its own."""
    table = numpy_helper.from_array(np.full((4096, 64), 3, np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "index"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("index", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options: dict[str, Any] = {"save_as_external_data": True, "size_threshold": 0}
    onnx.save_model(model, str(path), location="weights.bin", **options)
    return path


@pytest.mark.parametrize(("element", "dtype"), NUMBERS)
def test_every_number_type_passes(load: Load, identity: Identity, element: int, dtype: str) -> None:
    backend = load(identity(element), OV)
    assert backend.signature.inputs == (TensorSpec("a", dtype, (None,)),)
    assert backend.signature.outputs == (TensorSpec("b", dtype, (None,)),)
    assert (backend.signature.strict_names, backend.signature.device) == (True, "cpu")
    array = np.array([0, 1, 2], dtype=dtype)
    array.setflags(write=False)
    [(name, value)] = backend.infer([array])
    assert (name, value.dtype.name) == ("b", dtype)
    np.testing.assert_array_equal(value, array)
    assert not np.shares_memory(value, array)
    backend.infer([array + 1])
    np.testing.assert_array_equal(value, array)


def test_bools_are_bools(load: Load, identity: Identity) -> None:
    backend = load(identity(TensorProto.BOOL), OV)
    assert backend.signature.inputs[0].dtype == "bool"
    value = backend.infer([np.array([0, 1, 2], dtype=np.uint8)])[0][1]
    assert value.dtype == np.bool_
    assert value.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("element", "name"), [(TensorProto.UINT32, "u32"), (TensorProto.STRING, "string")]
)
def test_refuses_types_it_can_not_carry(
    load: Load, identity: Identity, element: int, name: str
) -> None:
    with pytest.raises(ModelError, match=f"input a has the unsupported type {name}"):
        load(identity(element), OV)


def test_a_real_model_in_both_formats(load: Load, tmp_path: Path) -> None:
    found = save_ir(MAGIKA, tmp_path / "magika.xml")
    tokens = np.random.default_rng(5).integers(0, 257, (3, 2048)).astype(np.int32)
    core = shared_core()
    for path in (MAGIKA, found, tmp_path):
        backend = load(path, OV)
        assert backend.signature.inputs == (TensorSpec("bytes", "int32", (None, 2048)),)
        source = found if path == tmp_path else path
        compiled = core.compile_model(source, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
        np.testing.assert_array_equal(backend.infer([tokens])[0][1], compiled([tokens])[0])


def copies(path: Path, **arguments: Any) -> list[Any]:
    config = ModelConfig(
        name="m", version="1", inferer_type=OV, inferer_path=str(path), inferer_args=arguments
    )
    return load_copy(config)


def test_streams_are_requests_of_one_model_that_run_at_once() -> None:
    backends = copies(MAGIKA, streams=3)
    assert len({id(backend) for backend in backends}) == 3
    tokens = [np.full((1, 2048), value, np.int32) for value in range(3)]
    expected = [copies(MAGIKA)[0].infer([one])[0][1] for one in tokens]
    found: dict[int, list[np.ndarray]] = {0: [], 1: [], 2: []}

    def run(index: int) -> None:
        for _ in range(20):
            found[index].append(backends[index].infer([tokens[index]])[0][1])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, answers in found.items():
        assert len(answers) == 20
        for answer in answers:
            np.testing.assert_allclose(answer, expected[index], rtol=0.05, atol=1e-3)


def test_arguments_reach_the_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    compile_model = openvino.Core.compile_model

    def compile_and_note(core: Any, model: Any, device: str, properties: dict[str, Any]) -> Any:
        given.update(properties, device=device)
        return compile_model(core, model, device, properties)

    monkeypatch.setattr(openvino.Core, "compile_model", compile_and_note)
    cache = tmp_path / "cache"
    copies(
        MAGIKA,
        streams=2,
        intra_op_threads=1,
        inference_precision="f32",
        cache_dir=str(cache),
        properties={"ENABLE_CPU_PINNING": True},
    )
    assert given == {
        "device": "CPU",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "PERFORMANCE_HINT_NUM_REQUESTS": 2,
        "NUM_STREAMS": 2,
        "INFERENCE_NUM_THREADS": 2,
        "INFERENCE_PRECISION_HINT": "f32",
        "CACHE_DIR": str(cache),
        "ENABLE_CPU_PINNING": True,
    }
    assert os.listdir(cache)


def test_copies_with_a_part_of_the_processors_are_not_pinned() -> None:
    own = os.sched_getaffinity(0)
    if len(own) < 2:
        pytest.skip("needs two processors")
    tokens = np.ones((1, 2048), np.int32)
    (copy,) = copies(MAGIKA, intra_op_threads=1)
    running = threading.Thread(target=lambda: [copy.infer([tokens]) for _ in range(50)])
    running.start()
    assert running.native_id is not None
    # The engine pins the thread that calls it, for as long as a run takes.
    while running.is_alive():
        with suppress(ProcessLookupError):
            assert os.sched_getaffinity(running.native_id) == own


def test_precision_changes_the_answer_as_the_engine_says(load: Load) -> None:
    tokens = np.ones((1, 2048), np.int32)
    exact = load(MAGIKA, OV, inferer_args={"inference_precision": "f32"}).infer([tokens])[0][1]
    own = shared_core().compile_model(MAGIKA, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_array_equal(exact, own([tokens])[0])


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"streams": 0}, "inferer_args: streams"),
        ({"streams": 65}, "inferer_args: streams"),
        ({"stream": 1}, "unknown key 'stream'; did you mean streams?"),
        ({"inference_precision": "f8"}, "inferer_args: inference_precision"),
        ({"properties": {"FOO": 1}}, "Unsupported property FOO by CPU plugin"),
        ({"customized_op_paths": "/no/such.so"}, "/no/such.so: no such file"),
    ],
)
def test_refuses_bad_arguments(load: Load, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(ModelError, match=cause) as refused:
        load(MAGIKA, OV, inferer_args=arguments)
    assert "\n" not in str(refused.value)


def test_refuses_other_formats(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("tree\nversion=v4\n")
    with pytest.raises(ModelError, match=r"inferer_type: lightgbm \(lightgbm\), not openvino"):
        load(path, OV)


def test_a_damaged_model_is_one_line(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    path.write_text('<?xml version="1.0"?><net name="x" version="11"><layers>')
    path.with_suffix(".bin").touch()
    with pytest.raises(ModelError, match=r"model\.xml: ") as refused:
        load(path, OV)
    assert "\n" not in str(refused.value)
    assert "Exception from" not in str(refused.value)


def test_an_error_of_a_run_is_one_line(load: Load, save_onnx: SaveOnnx) -> None:
    shape = ["n", "m"]
    inputs = [("a", TensorProto.FLOAT, shape), ("b", TensorProto.FLOAT, shape)]
    backend = load(save_onnx("MatMul", inputs, [("c", TensorProto.FLOAT, shape)]), OV)
    with pytest.raises(InputError) as failed:
        backend.infer([np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)])
    assert "\n" not in str(failed.value)
    assert (
        backend.infer([np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)])[0][1][0, 0] == 3
    )


@pytest.mark.parametrize(
    ("text", "available", "name"),
    [
        (None, ["CPU"], "CPU"),
        ("cpu", ["CPU", "GPU"], "CPU"),
        ("original", ["CPU"], "CPU"),
        ("gpu", ["CPU", "GPU"], "GPU"),
        ("gpu", ["CPU", "GPU.0", "GPU.1"], "GPU.0"),
        ("gpu:1", ["CPU", "GPU.0", "GPU.1"], "GPU.1"),
        ("original gpu", ["CPU", "GPU"], "GPU"),
        ("npu", ["CPU", "NPU"], "NPU"),
    ],
)
def test_devices_in_openvinos_words(text: str | None, available: list[str], name: str) -> None:
    assert _device_name(parse_device(text), available) == name


@pytest.mark.parametrize(
    ("text", "available", "cause"),
    [
        ("cuda", ["CPU", "GPU"], "OpenVINO runs on CPUs, and on GPUs and NPUs of Intel"),
        ("gpu", ["CPU"], "device gpu:0: OpenVINO finds CPU on this machine"),
        ("gpu:1", ["CPU", "GPU"], "device gpu:1: OpenVINO finds CPU, GPU"),
        ("gpu:2", ["CPU", "GPU.0", "GPU.1"], "device gpu:2"),
        ("npu", ["CPU", "GPU"], "device npu:0"),
    ],
)
def test_refuses_devices_it_lacks(text: str, available: list[str], cause: str) -> None:
    with pytest.raises(DeviceError, match=cause):
        _device_name(parse_device(text), available)


def test_a_signal_after_a_model_has_gone_is_handled() -> None:
    # The engine's plugin must not take the stack of signals away with it.
    code = """
        import faulthandler, gc, signal, sys, threading
        faulthandler.enable()
        from grps.backends.loading import load_copy
        from grps.config.schema import ModelConfig
        config = ModelConfig(
            name="m", version="1", inferer_type="openvino", inferer_path=sys.argv[1]
        )
        models = load_copy(config)
        thread = threading.Thread(target=lambda: (models.clear(), gc.collect()))
        thread.start()
        thread.join()
        signal.signal(signal.SIGTERM, lambda *_: print("handled"))
        signal.raise_signal(signal.SIGTERM)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(MAGIKA)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "handled\n"), ran.stderr


@pytest.mark.parametrize("suffix", [".xml", ".onnx"])
def test_a_loaded_model_does_not_depend_on_its_files(
    load: Load, tmp_path: Path, suffix: str
) -> None:
    path = save_table(tmp_path / "model.onnx")
    if suffix == ".xml":
        path = save_ir(path, tmp_path / "model.xml")
    for arguments in ({}, {"properties": {"ENABLE_MMAP": False}}):
        backend = load(path, OV, inferer_args=arguments)
    weights = tmp_path / ("model.bin" if suffix == ".xml" else "weights.bin")
    with weights.open("r+b") as file:
        file.write(bytes(weights.stat().st_size))
    index = [np.array([7])]
    assert backend.infer(index)[0][1][0, 0] == 3
    weights.write_bytes(b"")
    assert backend.infer([np.array([4095])])[0][1][0, 0] == 3


def test_files_are_mapped_where_that_is_wanted(load: Load, tmp_path: Path) -> None:
    path = save_ir(save_table(tmp_path / "model.onnx"), tmp_path / "model.xml")
    mapped = load(path, OV, inferer_args={"properties": {"ENABLE_MMAP": True}})
    maps = Path("/proc/self/maps").read_text()
    assert mapped.infer([np.array([7])])[0][1][0, 0] == 3
    assert str(tmp_path / "model.bin") in maps
    del mapped
    load(path, OV)
