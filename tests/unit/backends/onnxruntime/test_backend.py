"""The ONNX Runtime backend."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from grps.backends.backend import TensorSpec
from grps.backends.common.device import parse_device
from grps.backends.onnxruntime.arena import Arena
from grps.backends.onnxruntime.providers import check_started, choose_providers
from grps.errors import DeviceError, InputError, ModelError
from tests.unit.backends.models import NUMBERS, Load, SaveOnnx

Identity = Callable[[int], Path]
ORT = "onnxruntime"


@pytest.mark.parametrize(("element", "dtype"), NUMBERS)
def test_every_number_type_passes(load: Load, identity: Identity, element: int, dtype: str) -> None:
    backend = load(identity(element), ORT)
    assert backend.signature.inputs == (TensorSpec("a", dtype, (None,)),)
    assert backend.signature.outputs == (TensorSpec("b", dtype, (None,)),)
    assert backend.signature.strict_names
    array = np.array([0, 1, 2], dtype=dtype)
    [(name, value)] = backend.infer([array])
    assert (name, value.dtype.name) == ("b", dtype)
    np.testing.assert_array_equal(value, array)
    assert not np.shares_memory(value, array)


def test_strings_pass(load: Load, identity: Identity) -> None:
    backend = load(identity(TensorProto.STRING), ORT)
    assert backend.signature.inputs[0].dtype == "string"
    value = backend.infer([np.array(["a", "é", ""], dtype=object)])[0][1]
    assert value.tolist() == ["a", "é", ""]


def test_bools_are_bools(load: Load, identity: Identity) -> None:
    backend = load(identity(TensorProto.BOOL), ORT)
    assert backend.signature.inputs[0].dtype == "bool"
    value = backend.infer([np.array([0, 1, 2], dtype=np.uint8)])[0][1]
    assert value.dtype == np.bool_
    assert value.tolist() == [False, True, True]


@pytest.mark.parametrize("element", [TensorProto.BFLOAT16, TensorProto.UINT32])
def test_refuses_types_the_wire_lacks(load: Load, identity: Identity, element: int) -> None:
    with pytest.raises(ModelError, match=r"input a has the unsupported type tensor\(\w+\)"):
        load(identity(element), ORT)


def test_refuses_sequences(load: Load, tmp_path: Path) -> None:
    given = helper.make_tensor_value_info("a", TensorProto.FLOAT, [2])
    made = helper.make_tensor_sequence_value_info("c", TensorProto.FLOAT, [2])
    node = helper.make_node("SequenceConstruct", ["a"], ["c"])
    graph = helper.make_graph([node], "graph", [given], [made])
    path = tmp_path / "sequence.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    with pytest.raises(ModelError, match=r"output c has the unsupported type seq\(tensor"):
        load(path, ORT)


def test_errors_of_a_run_are_one_line(
    load: Load, save_onnx: SaveOnnx, capfd: pytest.CaptureFixture[str]
) -> None:
    kinds = [("a", TensorProto.FLOAT, ["n"]), ("b", TensorProto.FLOAT, ["m"])]
    backend = load(save_onnx("Add", kinds, [("c", TensorProto.FLOAT, ["k"])]), ORT)
    with pytest.raises(
        InputError, match=r"^Add node: Attempting to broadcast an axis [^\n]* 2 by 3$"
    ) as raised:
        backend.infer([np.zeros(2, np.float32), np.zeros(3, np.float32)])
    assert "ONNXRuntimeError" in str(raised.value.__cause__)
    assert capfd.readouterr() == ("", "")


def test_wrong_dimensions_are_told(load: Load, relu: Path) -> None:
    with pytest.raises(
        InputError, match=r"^Got invalid dimensions for input: a .*Got: 4 Expected: 3[^\n]*$"
    ):
        load(relu, ORT).infer([np.zeros((2, 4), np.float32)])


def test_a_directory_of_one_model(load: Load, relu: Path) -> None:
    assert load(relu.parent, ORT).infer([np.ones((2, 3), np.float32)])[0][0] == "b"


def test_refuses_damaged_files(load: Load, relu: Path) -> None:
    relu.write_bytes(relu.read_bytes()[:30])
    with pytest.raises(ModelError, match=r"model\.onnx: Load model from [^\n]*parsing failed"):
        load(relu, ORT)


def test_refuses_unknown_operators(load: Load, save_onnx: SaveOnnx) -> None:
    path = save_onnx("Foo", [("a", TensorProto.FLOAT, [1])], [("b", TensorProto.FLOAT, [1])])
    with pytest.raises(ModelError, match="No Op registered for Foo"):
        load(path, ORT)


def test_takes_its_arguments(load: Load, relu: Path) -> None:
    arguments = {
        "intra_op_threads": 1,
        "inter_op_threads": 2,
        "graph_optimization_level": "basic",
        "allow_spinning": True,
    }
    backend = load(relu, ORT, inferer_args=arguments)
    assert backend.infer([-np.ones((2, 3), np.float32)])[0][1].sum() == 0


def test_refuses_wrong_arguments(load: Load, relu: Path, tmp_path: Path) -> None:
    library = tmp_path / "ops.so"
    library.write_bytes(b"no library")
    for arguments, cause in (
        ({"allow_spining": True}, r"'allow_spining'; did you mean allow_spinning\?"),
        ({"graph_optimization_level": "most"}, "graph_optimization_level: Invalid enum value"),
        ({"intra_op_threads": 0}, "intra_op_threads: Expected `int` >= 1"),
        ({"custom_op_paths": "/absent.so"}, r"/absent\.so: no such file"),
        ({"customized_op_paths": [str(library)]}, r"library of custom operators: .*ops\.so"),
    ):
        with pytest.raises(ModelError, match=cause):
            load(relu, ORT, inferer_args=arguments)


def test_refuses_cuda_that_is_not_in_the_build(load: Load, relu: Path) -> None:
    with pytest.raises(DeviceError, match="device cuda:0: this build of onnxruntime has no CUDA"):
        load(relu, ORT, device="cuda")


def test_other_devices_run_on_the_cpu(load: Load, relu: Path) -> None:
    for device in (None, "original", "original cpu"):
        assert load(relu, ORT, device=device).infer([np.ones((2, 3), np.float32)])


def test_silero_vad_answers_as_onnxruntime_does(load: Load) -> None:
    path = _data("silero_vad", "data/silero_vad.onnx")
    sound = np.random.default_rng(0).standard_normal((1, 512), dtype=np.float32)
    state, rate = np.zeros((2, 1, 128), np.float32), np.array(16000)
    backend = load(path, ORT)
    assert backend.signature.inputs[2] == TensorSpec("sr", "int64", None)
    feed = {"input": sound, "state": state, "sr": rate}
    _expect(path, feed, backend.infer([sound, state, rate]))


def test_magika_answers_as_onnxruntime_does(load: Load) -> None:
    path = _data("magika", "models/standard_v3_3/model.onnx")
    content = np.random.default_rng(0).integers(0, 257, (2, 2048), dtype=np.int32)
    backend = load(path, ORT)
    assert backend.signature.inputs == (TensorSpec("bytes", "int32", (None, 2048)),)
    _expect(path, {"bytes": content}, backend.infer([content]))


def _expect(path: Path, feed: dict[str, np.ndarray], found: list[tuple[str, np.ndarray]]) -> None:
    direct = onnxruntime.InferenceSession(str(path)).run(None, feed)
    assert len(direct) == len(found)
    for expected, (_, value) in zip(direct, found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)


def _data(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name


def test_providers_are_named_in_short_or_in_full(load: Load, identity: Identity) -> None:
    path = identity(TensorProto.FLOAT)
    for named in ("cpu", "CPUExecutionProvider", ["CPU"]):
        arguments = {"providers": named, "provider_options": {"cpu": {"use_arena": False}}}
        backend = load(path, ORT, inferer_args=arguments)
        assert backend.signature.device == "cpu"
        assert backend.infer([np.ones(2, np.float32)])[0][1].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"providers": "cuda"}, "no cuda; install onnxruntime-gpu in its place"),
        ({"providers": "TensorrtExecutionProvider"}, "no tensorrt; install onnxruntime-gpu"),
        ({"providers": "openvino"}, "no openvino; install onnxruntime-openvino"),
        ({"providers": "cpuu"}, r"'cpuu' is not in this build .*did you mean 'cpu'"),
        ({"provider_options": {"cuda": {}}}, "cuda is not one of the providers of this model: cpu"),
        ({"provider_options": {"cpu": {"a": [1]}}}, "provider_options"),
        ({"gpu_mem_limit_mib": 0}, "gpu_mem_limit_mib"),
    ],
)
def test_refuses_providers_it_lacks(
    load: Load, identity: Identity, arguments: dict[str, object], cause: str
) -> None:
    with pytest.raises(ModelError, match=cause):
        load(identity(TensorProto.FLOAT), ORT, inferer_args=arguments)


GPU_BUILD = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_providers_get_their_device_and_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: GPU_BUILD)
    device, chosen = choose_providers(parse_device("cuda:1"), [], {}, 512)
    assert str(device) == "cuda:1"
    assert chosen == [
        (
            "CUDAExecutionProvider",
            {
                "device_id": "1",
                "gpu_mem_limit": str(512 << 20),
                "arena_extend_strategy": "kSameAsRequested",
            },
        ),
        ("CPUExecutionProvider", {}),
    ]
    options = {"tensorrt": {"trt_fp16_enable": True, "device_id": 0}}
    _, chosen = choose_providers(parse_device("gpu:2"), ["TensorRT", "cuda"], options)
    assert chosen == [
        ("TensorrtExecutionProvider", {"device_id": "0", "trt_fp16_enable": "1"}),
        ("CUDAExecutionProvider", {"device_id": "2"}),
        ("CPUExecutionProvider", {}),
    ]
    assert str(choose_providers(parse_device(None), [], {})[0]) == "cuda:0"
    assert choose_providers(parse_device("cpu"), [], {})[1] == [("CPUExecutionProvider", {})]
    with pytest.raises(DeviceError, match="only OpenVINO runs on NPUs"):
        choose_providers(parse_device("npu"), [], {})


def test_a_provider_that_did_not_start_is_refused() -> None:
    wanted = [("CUDAExecutionProvider", {"device_id": "0"}), ("CPUExecutionProvider", {})]
    check_started(wanted, ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="can't start CUDAExecutionProvider"):
        check_started(wanted, ["CPUExecutionProvider"])


def test_bound_runs_answer_like_others(load: Load, save_onnx: SaveOnnx) -> None:
    kind = (TensorProto.FLOAT, ["n", 2])
    path = save_onnx("Add", [("a", *kind), ("b", *kind)], [("c", *kind)])
    backend = load(path, ORT, inferer_args={"io_binding": True})
    given = [np.random.default_rng(1).random((3, 2), np.float32) for _ in range(2)]
    [(name, value)] = backend.infer(given)
    assert name == "c"
    np.testing.assert_array_equal(value, given[0] + given[1])
    backend.infer([given[1], given[1]])
    np.testing.assert_array_equal(value, given[0] + given[1])
    with pytest.raises(InputError) as failed:
        backend.infer([given[0], given[1][:2]])
    assert "\n" not in str(failed.value)


def test_strings_are_never_bound(load: Load, identity: Identity) -> None:
    backend = load(identity(TensorProto.STRING), ORT, inferer_args={"io_binding": True})
    assert backend.infer([np.array(["a"], dtype=object)])[0][1].tolist() == ["a"]


def test_a_run_gives_memory_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    key = "memory.enable_memory_arena_shrinkage"

    def shrinks(arena: Arena) -> bool:
        try:
            return arena.run_options().get_run_config_entry(key) == "cpu:0"
        except RuntimeError:
            return False

    never, often = Arena("cpu:0", None), Arena("cpu:0", 5)
    found = []
    for now[0] in (104.9, 105.0, 105.1, 110.0, 1000.0, 1001.0):
        found.append(shrinks(often))
        assert not shrinks(never)
    assert found == [False, True, False, True, True, False]


def test_the_engine_takes_the_option_that_gives_memory_back(
    load: Load, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = load(identity(TensorProto.FLOAT), ORT, inferer_args={"arena_gc_interval_s": 1})
    began = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: began + 100)
    assert backend.infer([np.ones(2, np.float32)])[0][1].tolist() == [1, 1]
