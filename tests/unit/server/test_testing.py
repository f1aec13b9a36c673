"""Running a project's models in its own tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flask
import numpy as np
import onnx
import pytest
from werkzeug.test import EnvironBuilder

from grps.deploy.project.creation import create_project
from grps.errors import ConfigError, InputError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage, Status
from grps.server.testing import Executor
from tests.support import no_user_code, user_model, write_project, write_user_project


@pytest.fixture
def user_code() -> Iterator[None]:
    """Forget the project's modules and registrations afterwards."""
    with no_user_code():
        yield


def executor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Executor:
    monkeypatch.chdir(folder)
    return Executor()


@pytest.mark.usefixtures("user_code")
def test_models_of_user_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [user_model(name) for name in ("echo", "raiser", "failing")]
    models.append(user_model("echo", version="2.0.0"))
    write_user_project(tmp_path, models, dag=["echo-1.0.0", "echo-2.0.0"])
    run = executor(tmp_path, monkeypatch)
    message, context = GrpsMessage(str_data="x"), GrpsContext()
    assert run.infer(message, context) == message
    assert run.infer(message, context, "echo") == message
    assert run.infer_with_model_name(message, context, "echo-1.0.0") == message
    with pytest.raises(ValueError, match="boom"):
        run.infer(message, context, "raiser-1.0.0")
    answer = run.infer(message, context, "failing")
    assert context.get_err_msg() == "user error msg"
    assert (answer.status.code, answer.status.msg) == (500, "user error msg")
    assert answer.status.status == Status.FAILURE
    with pytest.raises(ConfigError, match=r"no model 'x'; it has: echo-1\.0\.0, raiser-1\.0\.0"):
        run.infer(message, GrpsContext(), "x")


@pytest.mark.usefixtures("user_code")
def test_no_default_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_user_project(tmp_path, [user_model("echo"), user_model("raiser")])
    run = executor(tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match="several models and no dag"):
        run.infer(GrpsMessage(), GrpsContext())


@pytest.mark.usefixtures("user_code")
def test_answer_must_be_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_user_project(tmp_path, [user_model("echo")])
    run = executor(tmp_path, monkeypatch)
    kind = type(inferer_register.get_model_inferer("echo"))
    monkeypatch.setattr(kind, "infer", lambda self, inp, context: None)
    with pytest.raises(ModelError, match=r"echo-1\.0\.0: Output type must be GrpsMessage"):
        run.infer(GrpsMessage(), GrpsContext())


CUSTOMIZED = """
from flask import jsonify
from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None): pass
    def load(self): return True


class Page(Plain):
    def infer(self, inp, context):
        context.set_http_response(jsonify(name=context.get_http_request().args["name"]))


class Yields(Plain):
    def infer(self, inp, context):
        yield GrpsMessage(str_data="a")
        yield GrpsMessage(str_data="b")


inferer_register.register("page", Page())
inferer_register.register("yields", Yields())
"""


@pytest.mark.usefixtures("user_code")
def test_streams_and_customized_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [user_model("page"), user_model("yields")]
    write_user_project(tmp_path, models, code=CUSTOMIZED)
    run = executor(tmp_path, monkeypatch)
    assert run.infer(GrpsMessage(), GrpsContext(), "yields").str_data == "ab"
    environ = EnvironBuilder(path="/own", query_string={"name": "Ada"}).get_environ()
    context = GrpsContext(http_request=flask.Request(environ))
    run.infer(GrpsMessage(), context, "page")
    response = context.get_http_response()
    assert response is not None
    assert response.get_json() == {"name": "Ada"}


def test_causes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"inference\.yml: no such file; is .* a GRPS project"):
        executor(tmp_path, monkeypatch)
    write_project(tmp_path, [user_model("echo")])
    with pytest.raises(ModelError, match=r"customized_inferer\.py is missing"):
        executor(tmp_path, monkeypatch)


def write_onnx(path: Path) -> None:
    floats = onnx.TensorProto.FLOAT
    values = [onnx.helper.make_tensor_value_info(name, floats, [None]) for name in "abc"]
    node = onnx.helper.make_node("Sub", ["a", "b"], ["c"])
    graph = onnx.helper.make_graph([node], "sub", values[:2], values[2:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)


def request(**tensors: list[float]) -> GrpsMessage:
    message = GrpsMessage()
    for name, values in tensors.items():
        message.gtensors.tensors.add(
            name=name, dtype=DataType.DT_FLOAT32, shape=[len(values)], flat_float32=values
        )
    return message


def test_built_in_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_onnx(tmp_path / "sub.onnx")
    model = {"name": "sub", "version": "1", "inferer_type": "onnxruntime"}
    write_project(tmp_path, [{**model, "inferer_path": "sub.onnx", "converter_type": "numpy"}])
    run = executor(tmp_path, monkeypatch)
    answer = run.infer(request(b=[1], a=[3]), GrpsContext())
    expected = GenericTensor(
        name="c", dtype=DataType.DT_FLOAT32, shape=[1], flat_float32=[np.float32(2)]
    )
    assert list(answer.gtensors.tensors) == [expected]
    assert run.infer(answer_of(run), GrpsContext()).gtensors.tensors[0].flat_float32 == [2]
    wrong = request(a=[1], b=[1])
    wrong.gtensors.tensors[0].shape[0] = 2
    integers = request(a=[], b=[1])
    integers.gtensors.tensors[0].dtype = DataType.DT_INT64
    untyped = request(a=[1], b=[1])
    untyped.gtensors.tensors[0].dtype = DataType.DT_INVALID
    for message, cause in (
        (GrpsMessage(str_data="x"), "send gtensors"),
        (request(a=[1], x=[1]), "no input 'x'; it has: a, b"),
        (request(a=[1]), "takes 2 input tensors, got 1"),
        (wrong, r"shape \[2\] does not fit 1 values"),
        (integers, "input 'a' is float32, got int64"),
        (untyped, "'a' has no known dtype"),
    ):
        with pytest.raises(InputError, match=cause):
            run.infer(message, GrpsContext())


def answer_of(run: Executor) -> GrpsMessage:
    """Two unnamed tensors, which are taken by position."""
    message = request(a=[3], b=[1])
    for tensor in message.gtensors.tensors:
        tensor.name = ""
    return message


def test_template_passes_its_test(tmp_path: Path) -> None:
    create_project(tmp_path / "p")
    answer = subprocess.run(
        [sys.executable, "test.py"], cwd=tmp_path / "p", capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "Ran 4 tests" in answer.stderr
    assert answer.stderr.count("loaded: y = 2 x") == 1
