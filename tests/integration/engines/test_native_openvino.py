"""Models on OpenVINO in native threads: the same answers as through Python, and their limits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openvino
import pytest
from onnx import TensorProto, helper

from grps.backends.libraries import native_library
from grps.backends.openvino.backend import shared_core
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_models import (
    NUMBERS,
    WAYS,
    ask,
    assert_answers_alike,
    configured,
    described,
    grpst,
    served_natively,
    tensor,
)
from tests.models import MAGIKA
from tests.onnx_models import ELEMENTS, save_graph, save_node
from tests.support import RunningServer, serving, write_project

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
KINDS = [name for name in ELEMENTS if name != "string"]


def save_types(path: Path) -> None:
    """Write a model that takes and returns one vector of every type of numbers."""
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in KINDS]
    inputs = [(f"in_{name}", ELEMENTS[name], ["n"]) for name in KINDS]
    outputs = [(f"out_{name}", ELEMENTS[name], ["n"]) for name in KINDS]
    save_graph(path, nodes, inputs, outputs)


def save_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Write models and return what ``inference.yml`` says of each."""
    pair = ["n", 2]
    save_types(folder / "types.onnx")
    add = [("a", FLOAT, pair), ("b", FLOAT, pair)], [("c", FLOAT, pair)]
    save_node(folder / "add.onnx", "Add", *add)
    (folder / "ir").mkdir()
    model = shared_core().read_model(folder / "add.onnx")
    openvino.save_model(model, folder / "ir" / "add.xml", compress_to_fp16=False)
    save_node(folder / "not.onnx", "Not", [("x", BOOL, ["n"])], [("y", BOOL, ["n"])])
    free = [("a", FLOAT, ["n", "m"]), ("b", FLOAT, ["m", "k"])], [("c", FLOAT, ["n", "k"])]
    save_node(folder / "product.onnx", "MatMul", *free)
    fixed = [("x", FLOAT, [2, 3])], [("y", FLOAT, [2, 3])]
    save_node(folder / "fixed.onnx", "Relu", *fixed)
    nodes = [
        helper.make_node("Mul", ["x", "by"], ["m"]),
        helper.make_node("ReduceSum", ["m"], ["y"], keepdims=0),
    ]
    inputs = [("x", FLOAT, ["n"]), ("by", FLOAT, [])]
    save_graph(folder / "scalar.onnx", nodes, inputs, [("y", FLOAT, [])])
    batching = {"type": "dynamic", "max_batch_size": 8}
    # With one thread, OpenVINO 2026.4 does not report shapes that do not fit.
    exact = {"inference_precision": "f32", "intra_op_threads": 2}
    return {
        "types": {"inferer_path": "types.onnx"},
        "add": {"inferer_path": "ir/add.xml", "batching": batching, "instances": 2},
        "folder": {"inferer_path": "ir", "inferer_args": {"properties": {"ENABLE_MMAP": True}}},
        "not": {"inferer_path": "not.onnx"},
        "product": {"inferer_path": "product.onnx", "inferer_args": exact},
        "fixed": {"inferer_path": "fixed.onnx"},
        "scalar": {"inferer_path": "scalar.onnx"},
        "magika": {"inferer_path": str(MAGIKA), "inferer_args": exact},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("native")
    models = [
        configured("openvino", way, name, keys)
        for name, keys in save_models(folder).items()
        for way in WAYS
    ]
    write_project(folder, models)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same models in the server without Python."""
    folder = tmp_path_factory.mktemp("alone")
    models = [
        configured("openvino", "native", name, keys) for name, keys in save_models(folder).items()
    ]
    write_project(folder, models)
    with serving(folder, PROGRAM, GRPS_OPENVINO=str(native_library("openvino"))) as running:
        yield running


ALL_TYPES = [
    *(tensor(f"in_{name}", datatype, [2], [1, 0]) for name, datatype in NUMBERS.items()),
    tensor("in_float16", "FP16", [2], [0.5, 2]),
]
PAIR = [tensor("a", "FP32", [1, 2], [1, 2]), tensor("b", "FP32", [1, 2], [3, 4.5])]


@pytest.mark.parametrize(
    ("model", "tensors", "status"),
    [
        ("types", ALL_TYPES, 200),
        ("add", PAIR, 200),
        ("add", PAIR[:1], 400),
        ("add", [PAIR[0], tensor("b", "FP64", [1, 2], [1, 2])], 400),
        ("add", [PAIR[0], tensor("b", "FP32", [1, 3], [1, 2, 3])], 400),
        ("folder", PAIR, 200),
        ("not", [tensor("x", "BOOL", [3], [True, False, True])], 200),
        (
            "product",
            [tensor("a", "FP32", [1, 2], [1, 2]), tensor("b", "FP32", [2, 3], [1, 2, 3, 4, 5, 6])],
            200,
        ),
        ("product", [tensor("a", "FP32", [0, 2], []), tensor("b", "FP32", [2, 1], [1, 2])], 200),
        (
            "product",
            [tensor("a", "FP32", [1, 2], [1, 2]), tensor("b", "FP32", [3, 1], [1, 2, 3])],
            400,
        ),
        ("fixed", [tensor("x", "FP32", [2, 3], [-1, 2, -3, 4, 5, 6])], 200),
        ("fixed", [tensor("x", "FP32", [3, 2], [-1, 2, -3, 4, 5, 6])], 400),
        (
            "scalar",
            [tensor("x", "FP32", [3], [1, 2, 3.5]), tensor("by", "FP32", [], [2])],
            200,
        ),
        ("magika", [tensor("bytes", "INT32", [1, 2048], list(range(256)) * 8)], 200),
    ],
)
def test_answers_are_those_of_python(
    server: RunningServer,
    alone: RunningServer,
    model: str,
    tensors: list[dict[str, Any]],
    status: int,
) -> None:
    assert_answers_alike(server, alone, model, tensors, status)


def test_a_bool_is_a_uint8_for_clients_of_grps(server: RunningServer) -> None:
    sent = {"name": "x", "dtype": "DT_UINT8", "shape": [2], "flat_uint8": [2, 0]}
    body = {"gtensors": {"tensors": [sent]}}
    answers = [server.post(body, "?model=" + f"{way}_not-1").json() for way in WAYS]
    assert answers[0]["gtensors"] == answers[1]["gtensors"]
    assert answers[1]["gtensors"]["tensors"][0]["flat_uint8"] == [0, 1]


def test_metadata_is_the_same(server: RunningServer, alone: RunningServer) -> None:
    for name in ("types", "add", "fixed", "scalar", "magika"):
        python, native = (described(server, f"{way}_{name}") for way in WAYS)
        assert native == python
        assert described(alone, f"native_{name}") == python


def test_requests_at_once_keep_their_rows(server: RunningServer) -> None:
    def total(number: int) -> Any:
        one = [tensor("a", "FP32", [1, 2], [number, 1]), tensor("b", "FP32", [1, 2], [number, 1])]
        return ask(server, "native_add", one)[1][0]["data"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(total, range(200))) == [[2.0 * n, 2.0] for n in range(200)]


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_worker_process_answers_the_same(tmp_path: Path, program: Path | None) -> None:
    pair = ["n", 2]
    add = [("a", FLOAT, pair), ("b", FLOAT, pair)], [("c", FLOAT, pair)]
    save_node(tmp_path / "add.onnx", "Add", *add)
    keys = {"inferer_path": "add.onnx", "isolation": "process"}
    write_project(tmp_path, [configured("openvino", "native", "add", keys)])
    with serving(tmp_path, program, GRPS_OPENVINO=str(native_library("openvino"))) as server:
        status, outputs = ask(server, "native_add", PAIR)
        assert (status, outputs[0]["data"]) == (200, [4.0, 6.5])


BATCHED = {"batching": {"type": "dynamic", "max_batch_size": 4}}


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        (
            {"inferer_args": {"streams": 2}},
            "inferer_args.streams above 1 is not possible in native",
        ),
        ({"inferer_args": {"stream": 1}}, "unknown field `stream`"),
        ({"inferer_args": {"properties": {"NO_SUCH": 1}}}, "NO_SUCH"),
        ({"inferer_args": {"customized_op_paths": "none.so"}}, "operators none.so: no such file"),
        ({"device": "gpu"}, "device gpu is not possible in native code"),
        ({"inferer_path": "mean.onnx", **BATCHED}, "output y of a row depends on the other rows"),
        ({"inferer_path": "text.onnx"}, "input x has the unsupported type string; supported: u8"),
        ({"inferer_path": "broken.xml"}, "broken.xml: "),
        ({"inferer_path": "missing.xml"}, "missing.xml: no such file or directory"),
    ],
)
@pytest.mark.parametrize("program", [None, PROGRAM])
def test_what_is_wrong_is_said(
    tmp_path: Path, keys: dict[str, Any], cause: str, program: Path | None
) -> None:
    save_node(tmp_path / "same.onnx", "Relu", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    text = TensorProto.STRING
    save_node(tmp_path / "text.onnx", "Identity", [("x", text, ["n"])], [("y", text, ["n"])])
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "m"], ["y"]),
    ]
    save_graph(tmp_path / "mean.onnx", nodes, [("x", FLOAT, ["n", 2])], [("y", FLOAT, ["n", 2])])
    (tmp_path / "broken.xml").write_text('<?xml version="1.0"?>\n<net name="m" version="11">')
    (tmp_path / "broken.bin").write_bytes(b"")
    keys = {"inferer_path": "same.onnx", **keys}
    write_project(tmp_path, [configured("openvino", "native", "m", keys)])
    variables = {} if program is None else {"GRPS_OPENVINO": str(native_library("openvino"))}
    with (
        pytest.raises(AssertionError, match=r"failed|ended") as caught,
        serving(tmp_path, program, **variables),
    ):
        pass
    assert cause in str(caught.value)


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    save_node(tmp_path / "same.onnx", "Relu", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    keys = {"inferer_path": "same.onnx"}
    write_project(tmp_path, [configured("openvino", "native", "m", keys)])
    with (
        pytest.raises(AssertionError) as caught,
        serving(tmp_path, PROGRAM, GRPS_OPENVINO="/nowhere/libopenvino_c.so"),
    ):
        pass
    said = (
        "install it by: pip install openvino, or set GRPS_OPENVINO to the path of libopenvino_c.so"
    )
    assert said in str(caught.value)


def test_the_verb_serves_a_file_without_python(tmp_path: Path) -> None:
    save_node(tmp_path / "same.onnx", "Relu", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    model = shared_core().read_model(tmp_path / "same.onnx")
    openvino.save_model(model, tmp_path / "same.xml", compress_to_fp16=False)
    words = ["openvino_serve", str(tmp_path / "same.xml"), "--native"]
    assert grpst(tmp_path, *words, "--streams", "2").returncode == 1
    assert served_natively(tmp_path, words, [-1, 2]) == [0, 2]
