"""ONNX and TorchScript models over HTTP and gRPC; answers equal the engine's own."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from tests.onnx_models import save_graph, save_identity, save_node
from tests.support import (
    RunningServer,
    serving,
    user_model,
    write_project,
    write_user_project,
)
from tests.tensors import arrays_of, arrays_of_message, gtensors, to_message

FLOAT = TensorProto.FLOAT
OK = {"code": 200, "msg": "OK", "status": "SUCCESS"}


class Scores(torch.nn.Module):
    """Takes two inputs and returns two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.layer(x) - bias
        return logits, logits.softmax(-1)


def packaged(package: str, name: str) -> Path:
    """A file of an installed package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name


SILERO_ONNX = packaged("silero_vad", "data/silero_vad.onnx")
SILERO_SCRIPT = packaged("silero_vad", "data/silero_vad.jit")


def model(name: str, path: Path, version: str = "1.0.0", **keys: Any) -> dict[str, Any]:
    """The configuration of a model file."""
    inferer_type = "onnxruntime" if path.suffix == ".onnx" else "torch"
    keys = {"device": "cpu", "inferer_type": inferer_type, "inferer_path": str(path), **keys}
    return {"name": name, "version": version, **keys}


def save_scale(path: Path, factor: float) -> Path:
    """Write ``y = factor * x``."""
    constant = helper.make_tensor("value", FLOAT, [1], [factor])
    nodes = [
        helper.make_node("Constant", [], ["factor"], value=constant),
        helper.make_node("Mul", ["x", "factor"], ["y"]),
    ]
    return save_graph(path, nodes, [("x", FLOAT, ["n", 2])], [("y", FLOAT, ["n", 2])])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models."""
    folder = tmp_path_factory.mktemp("models")
    save_scale(folder / "double.onnx", 2)
    save_scale(folder / "triple.onnx", 3)
    save_identity(folder / "ids.onnx", "int64")
    save_identity(folder / "texts.onnx", "string")
    vector = (FLOAT, ["n"])
    save_node(folder / "less.onnx", "Sub", [("a", *vector), ("b", *vector)], [("c", *vector)])
    parts = [("low", FLOAT, [1, 2]), ("high", FLOAT, [1, 2])]
    save_node(folder / "parts.onnx", "Split", [("whole", FLOAT, [1, 4])], parts, axis=1)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(Scores().eval()), str(folder / "scores.pt"))
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of all models; double and triple in a row answer by default."""
    models = [
        model("double", files / "double.onnx"),
        model("triple", files / "triple.onnx", instances=2),
        model("scale", files / "double.onnx", "9.0.0"),
        model("scale", files / "triple.onnx", "10.0.0"),
        model("ids", files / "ids.onnx"),
        model("texts", files / "texts.onnx"),
        model("less", files / "less.onnx"),
        model("parts", files / "parts.onnx"),
        model("scores", files / "scores.pt"),
        model("vad-onnx", SILERO_ONNX),
        model("vad-torch", SILERO_SCRIPT),
    ]
    folder = tmp_path_factory.mktemp("backends")
    write_project(folder, models, dag=["double-1.0.0", "triple-1.0.0"])
    with serving(folder) as running:
        yield running


def by_http(server: RunningServer, name: str, inputs: Any) -> dict[str, np.ndarray]:
    """Send tensors in JSON."""
    response = server.post({"model": name, "gtensors": gtensors(inputs)})
    assert response.json()["status"] == OK
    return arrays_of(response.json()["gtensors"])


def by_grpc(server: RunningServer, name: str, inputs: Any) -> dict[str, np.ndarray]:
    """Send tensors in protobuf."""
    with server.stub() as stub:
        answer = stub.Predict(to_message(inputs, name))
    assert answer.status.code == 200, answer.status
    return arrays_of_message(answer)


CLIENTS = pytest.mark.parametrize("ask", [by_http, by_grpc])


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7)


def rows(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_ndarrays_go_in_and_come_out(server: RunningServer) -> None:
    body = {"ndarray": [[1, 2.5], [-0.1, 1e30]], "model": "double"}
    answer = server.post(body).json()
    found = arrays_of(answer["gtensors"])
    assert_equal(found, {"y": np.array([[2, 5], [-0.2, 2e30]], np.float32)})
    answer = server.post(body, "?return-ndarray=true").json()
    assert answer["status"] == OK
    np.testing.assert_allclose(answer["ndarray"], found["y"], rtol=1e-6)


@CLIENTS
def test_several_outputs(server: RunningServer, ask: Any) -> None:
    found = ask(server, "parts", {"whole": rows(1, 2, 3, 4)})
    assert_equal(found, {"low": rows(1, 2), "high": rows(3, 4)})


@CLIENTS
def test_torchscript_answers_as_torch_does(server: RunningServer, files: Path, ask: Any) -> None:
    inputs = {"x": rows(0.1, -2, 3), "bias": rows(0.5, 0.25)}
    with torch.inference_mode():
        script = torch.jit.load(str(files / "scores.pt"))
        values = script(*(torch.from_numpy(value) for value in inputs.values()))
    expected = {f"output_{index}": value.numpy() for index, value in enumerate(values)}
    assert_equal(ask(server, "scores", inputs), expected)


@CLIENTS
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_inputs_go_by_name(server: RunningServer, ask: Any, order: tuple[str, str]) -> None:
    inputs = {"a": np.array([5, 7], np.float32), "b": np.array([1, 2], np.float32)}
    found = ask(server, "less", {name: inputs[name] for name in order})
    assert_equal(found, {"c": np.array([4, 5], np.float32)})


@CLIENTS
def test_inputs_without_names_go_by_position(server: RunningServer, ask: Any) -> None:
    found = ask(server, "less", [np.array([5], np.float32), np.array([1], np.float32)])
    assert_equal(found, {"c": np.array([4], np.float32)})


def test_large_integers_are_exact(server: RunningServer) -> None:
    ids = [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
    for query in ("", "?model=ids"):
        body = {"ndarray": ids} if query else {"ndarray": ids, "model": "ids"}
        found = arrays_of(server.post(body, query).json()["gtensors"])
        assert found["y"].tolist() == ids
    for ask in (by_http, by_grpc):
        assert ask(server, "ids", {"x": np.array(ids)})["y"].tolist() == ids


@CLIENTS
def test_texts(server: RunningServer, ask: Any) -> None:
    texts = ["", "é", "\U0001f600", '"\\\n\0']
    assert ask(server, "texts", {"x": np.array(texts, object)})["y"].tolist() == texts


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("double", {"x": floats(1, 3)}, "input 'x' has shape [?,2], got [1, 3]"),
        ("double", {"x": floats(2)}, "input 'x' has shape [?,2], got [2]"),
        ("double", {"x": np.zeros((1, 2), np.int64)}, "input 'x' is float32, got int64"),
        ("double", {"z": floats(1, 2)}, "it has no input 'z'"),
        ("double", [floats(1, 2)] * 2, "it takes 1 input tensors, got 2"),
        ("double", [], "it takes 1 input tensors, got 0"),
        ("less", {"a": floats(1)}, "input 'b' is missing"),
        ("less", {"a": floats(1), "": floats(1)}, "name all tensors or none"),
        ("texts", {"x": floats(1)}, "input 'x' is string, got float32"),
        ("scores", {"x": floats(1, 3)}, "input 'bias' is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_400(
    server: RunningServer, name: str, inputs: Any, message: str
) -> None:
    response = server.post({"model": name, "gtensors": gtensors(inputs)})
    status = response.json()["status"]
    assert response.status_code == 400
    assert status["msg"].startswith(f"model '{name}-1.0.0': {message}; inputs: ")
    with server.stub() as stub:
        told = stub.Predict(to_message(inputs, name)).status
    assert (told.code, told.msg) == (400, status["msg"])


def test_an_ndarray_of_a_wrong_type_is_400(server: RunningServer) -> None:
    for value in ([1.5], ["a"], [2**63]):
        assert server.post({"ndarray": value}, "?model=ids").status_code == 400
    assert server.post({"ndarray": [["a", "b"]]}, "?model=double").status_code == 400


def test_an_error_of_the_engine_is_one_line(server: RunningServer) -> None:
    inputs = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.float32)}
    response = server.post({"model": "less", "gtensors": gtensors(inputs)})
    message = response.json()["status"]["msg"]
    assert response.status_code == 400
    assert "broadcast" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "factor"),
    [("scale", 3), ("scale-9.0.0", 2), ("scale-10.0.0", 3), ("double", 2), ("", 6)],
)
def test_names_choose_models(server: RunningServer, name: str, factor: int) -> None:
    for ask in (by_http, by_grpc):
        assert_equal(ask(server, name, {"x": rows(1, 10)}), {"y": rows(factor, factor * 10)})


def test_instances_share_the_requests(server: RunningServer) -> None:
    def triple(number: int) -> float:
        return float(by_http(server, "triple", {"x": rows(number, 0)})["y"][0, 0])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(triple, range(100))) == [3.0 * number for number in range(100)]


@pytest.fixture
def mixed(files: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose graph goes through user code, a model and user code again."""
    models = [user_model("echo"), model("double", files / "double.onnx"), user_model("failing")]
    nodes = ["echo-1.0.0", "double-1.0.0", "echo-1.0.0"]
    with serving(write_user_project(tmp_path, models, dag=nodes)) as running:
        yield running


def test_messages_and_tensors_mix_in_a_graph(mixed: RunningServer) -> None:
    for ask in (by_http, by_grpc):
        assert_equal(ask(mixed, "", {"x": rows(1, 2)}), {"y": rows(2, 4)})
    answer = mixed.post({"ndarray": [[1, 2]]}, "?return-ndarray=true").json()
    assert answer["ndarray"] == [[2, 4]]
    response = mixed.post({"str_data": "x"})
    assert response.status_code == 400
    assert response.json()["status"]["msg"].startswith("the model takes tensors: ")


@CLIENTS
def test_silero_vad_on_onnxruntime(server: RunningServer, ask: Any) -> None:
    sound = np.random.default_rng(0).standard_normal((1, 512), dtype=np.float32)
    inputs = {"input": sound, "state": floats(2, 1, 128), "sr": np.array(16000)}
    session = onnxruntime.InferenceSession(str(SILERO_ONNX))
    values = session.run(None, inputs)
    names = [node.name for node in session.get_outputs()]
    expected = {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
    assert_equal(ask(server, "vad-onnx", inputs), expected)


def test_silero_vad_on_torch(server: RunningServer) -> None:
    # The module keeps its state from call to call, so calls are compared in order.
    script = torch.jit.load(str(SILERO_SCRIPT))
    chance = np.random.default_rng(0)
    for ask in (by_http, by_grpc, by_http):
        sound = chance.standard_normal((1, 512), dtype=np.float32)
        with torch.inference_mode():
            expected = script(torch.from_numpy(sound), 16000).numpy()
        found = ask(server, "vad-torch", {"x": sound, "sr": np.array(16000)})
        assert_equal(found, {"output": expected})
