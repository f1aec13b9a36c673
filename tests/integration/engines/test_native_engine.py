"""ONNX models in native threads: the same answers as through Python, and what they can't do."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from grps.backends.libraries import native_library
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
from tests.integration.engines.test_backends_http import SILERO_ONNX
from tests.onnx_models import save_graph, save_identities, save_node
from tests.support import RunningServer, serving, wait_until, write_project

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def save_models(folder: Path) -> dict[str, dict[str, Any]]:
    """Write models and return what ``inference.yml`` says of each."""
    pair = ["n", 2]
    save_identities(folder / "types.onnx")
    save_node(
        folder / "add.onnx", "Add", [("a", FLOAT, pair), ("b", FLOAT, pair)], [("c", FLOAT, pair)]
    )
    save_node(folder / "not.onnx", "Not", [("x", BOOL, ["n"])], [("y", BOOL, ["n"])])
    table = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "table")
    nodes = [
        helper.make_node("Constant", [], ["rows"], value=table),
        helper.make_node("Gather", ["rows", "i"], ["row"], name="look"),
    ]
    look = [("i", INT64, ["n"])], [("row", FLOAT, pair)]
    save_graph(folder / "look.onnx", nodes, *look)
    (folder / "apart").mkdir()
    save_apart(folder / "apart" / "model.onnx")
    batching = {"type": "dynamic", "max_batch_size": 8}
    return {
        "types": {"inferer_path": "types.onnx"},
        "add": {"inferer_path": "add.onnx", "batching": batching, "instances": 2},
        "not": {"inferer_path": "not.onnx"},
        "look": {"inferer_path": "look.onnx"},
        "apart": {"inferer_path": "apart"},
        "vad": {"inferer_path": str(SILERO_ONNX)},
    }


def save_apart(path: Path) -> None:
    """Write a model whose weights are in a file beside it."""
    weights = numpy_helper.from_array(np.full(64, 3, dtype=np.float32), "w")
    shape = ["n", 64]
    inputs, outputs = ([helper.make_tensor_value_info(name, FLOAT, shape)] for name in ("x", "y"))
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "graph", inputs, outputs, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path), save_as_external_data=True, location="w.bin", size_threshold=0)


def apart(way: str, keys: dict[str, Any], isolation: str) -> dict[str, Any]:
    """Return the keys of a model, with the place of its copies if native code runs it."""
    return {**keys, "isolation": isolation} if way == "native" else keys


@pytest.fixture(scope="module", params=["thread", "process"])
def isolation(request: pytest.FixtureRequest) -> str:
    """Where copies in native code run."""
    return str(request.param)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, isolation: str) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("native")
    models = [
        configured("onnxruntime", way, name, apart(way, keys, isolation))
        for name, keys in save_models(folder).items()
        for way in WAYS
    ]
    write_project(folder, models)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, isolation: str) -> Iterator[RunningServer]:
    """The same models in the server without Python."""
    folder = tmp_path_factory.mktemp("alone")
    models = [
        configured("onnxruntime", "native", name, apart("native", keys, isolation))
        for name, keys in save_models(folder).items()
    ]
    write_project(folder, models)
    with serving(folder, PROGRAM, GRPS_ONNXRUNTIME=str(native_library("onnxruntime"))) as running:
        yield running


ALL_TYPES = [
    *(tensor(f"in_{name}", datatype, [2], [1, 0]) for name, datatype in NUMBERS.items()),
    tensor("in_float16", "FP16", [2], [0.5, 2]),
    tensor("in_string", "BYTES", [2], ["é", ""]),
]
PAIR = [tensor("a", "FP32", [1, 2], [1, 2]), tensor("b", "FP32", [1, 2], [3, 4.5])]
VAD = [
    tensor("input", "FP32", [1, 512], [0.25] * 512),
    tensor("state", "FP32", [2, 1, 128], [0.0] * 256),
    tensor("sr", "INT64", [1], [16000]),
]


@pytest.mark.parametrize(
    ("model", "tensors", "status"),
    [
        ("types", ALL_TYPES, 200),
        ("add", PAIR, 200),
        ("add", PAIR[:1], 400),
        ("add", [PAIR[0], tensor("b", "FP64", [1, 2], [1, 2])], 400),
        ("add", [PAIR[0], tensor("b", "FP32", [1, 3], [1, 2, 3])], 400),
        ("not", [tensor("x", "BOOL", [3], [True, False, True])], 200),
        ("look", [tensor("i", "INT64", [2], [2, 0])], 200),
        ("look", [tensor("i", "INT64", [1], [9])], 400),
        ("look", [tensor("i", "INT64", [0], [])], 200),
        ("apart", [tensor("x", "FP32", [1, 64], [0.5] * 64)], 200),
        ("vad", VAD, 200),
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
    body = {
        "gtensors": {
            "tensors": [{"name": "x", "dtype": "DT_UINT8", "shape": [2], "flat_uint8": [2, 0]}]
        }
    }
    answers = [server.post(body, "?model=" + f"{way}_not-1").json() for way in WAYS]
    assert answers[0]["gtensors"] == answers[1]["gtensors"]
    assert answers[1]["gtensors"]["tensors"][0]["flat_uint8"] == [0, 1]


def test_text_must_be_text(server: RunningServer) -> None:
    bad = {**ALL_TYPES[-1], "data": []}
    for way in WAYS:
        head = {"inputs": [*ALL_TYPES[:-1], {**bad, "parameters": {"binary_data_size": 13}}]}
        head["inputs"][-1].pop("data")
        text = json.dumps(head).encode()
        data = text + b"\x01\0\0\0\xff\x04\0\0\0text"
        answer = requests.post(
            server.url(f"/v2/models/{way}_types/infer"),
            data=data,
            headers={"Inference-Header-Content-Length": str(len(text))},
            timeout=20,
        )
        assert answer.status_code == 400
        assert "input 'in_string' takes text, got bytes that are not UTF-8" in answer.text


def test_metadata_is_the_same(server: RunningServer, alone: RunningServer) -> None:
    for name in ("types", "add", "vad"):
        python, native = (described(server, f"{way}_{name}") for way in WAYS)
        assert native == python
        assert described(alone, f"native_{name}") == python


def test_requests_at_once_keep_their_rows(server: RunningServer) -> None:
    def total(number: int) -> Any:
        one = [tensor("a", "FP32", [1, 2], [number, 1]), tensor("b", "FP32", [1, 2], [number, 1])]
        return ask(server, "native_add", one)[1][0]["data"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(total, range(200))) == [[2.0 * n, 2.0] for n in range(200)]


def test_a_reload_serves_the_new_file(server: RunningServer) -> None:
    pair = ["n", 2]
    path = server.folder / "add.onnx"
    before = path.read_bytes()
    save_node(path, "Sub", [("a", FLOAT, pair), ("b", FLOAT, pair)], [("c", FLOAT, pair)])
    url = server.url("/grps/v1/admin/models/native_add/reload")
    try:
        assert requests.post(url, timeout=20).status_code == 200
        assert ask(server, "native_add", PAIR)[1][0]["data"] == [-2.0, -2.5]
    finally:
        path.write_bytes(before)
        assert requests.post(url, timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        (
            {"inferer_args": {"native": True, "providers": ["tensorrt"]}},
            "inferer_args.providers is not possible in native code",
        ),
        ({"inferer_args": {"native": True, "intra_threads": 1}}, "unknown field `intra_threads`"),
        ({"device": "cuda:0"}, "device cuda:0 is not possible in native code"),
        (
            {"inferer_path": "mean.onnx", "batching": {"type": "dynamic", "max_batch_size": 4}},
            "output y of a row depends on the other rows that run with it",
        ),
        ({"inferer_path": "broken.onnx"}, "broken.onnx: "),
        ({"inferer_path": "missing.onnx"}, "missing.onnx"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, keys: dict[str, Any], cause: str) -> None:
    save_node(tmp_path / "add.onnx", "Identity", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])])
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "m"], ["y"]),
    ]
    save_graph(tmp_path / "mean.onnx", nodes, [("x", FLOAT, ["n", 2])], [("y", FLOAT, ["n", 2])])
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07\x12\x01" + b"\xff" * 40)
    model = {
        "name": "m",
        "version": "1",
        "device": "cpu",
        "inferer_type": "onnxruntime",
        "inferer_path": "add.onnx",
        "inferer_args": {"native": True},
        **keys,
    }
    write_project(tmp_path, [model])
    with pytest.raises(AssertionError, match="failed") as caught, serving(tmp_path):
        pass
    assert cause in str(caught.value)


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_killed_instance_starts_again(tmp_path: Path, program: Path | None) -> None:
    models = save_models(tmp_path)
    write_project(
        tmp_path,
        [configured("onnxruntime", "native", "add", {**models["add"], "isolation": "process"})],
    )
    library = {"GRPS_ONNXRUNTIME": str(native_library("onnxruntime"))}
    with serving(tmp_path, program, **library) as server:
        expected = ask(server, "native_add", PAIR)
        assert expected[0] == 200
        first, second = psutil.Process(server.process.pid).children()
        first.send_signal(signal.SIGSEGV)
        wait_until(lambda: "native_add-1#0 runs again" in server.log(), "another process")
        crash = "grps crash: Segmentation fault (signal 11) in "
        assert server.log().partition(crash)[2].splitlines()[1].strip().startswith("0: ")
        assert ask(server, "native_add", PAIR) == expected
        assert second.is_running()


def test_the_verb_serves_a_file_without_python(tmp_path: Path) -> None:
    path = save_node(
        tmp_path / "same.onnx", "Identity", [("x", FLOAT, ["n"])], [("y", FLOAT, ["n"])]
    )
    converting = ["--converter", "text", "--converter_path", str(path)]
    words = ["onnx_serve", str(path), "--native"]
    assert grpst(tmp_path, *words, *converting).returncode == 1
    assert served_natively(tmp_path, words, [1, 2]) == [1, 2]
