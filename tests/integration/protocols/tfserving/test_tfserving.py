"""The protocols of TensorFlow Serving, by its own client package and by plain HTTP."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest
import requests
import tensorflow as tf
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
    session_service_pb2,
)

from tests.onnx_models import save_identity
from tests.support import GUARD_S, RunningServer, serving, user_model, write_project
from tests.tensorflow_models import save_examples, save_scores

CODE = """
import numpy as np

from grps import GrpsMessage, InputError, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Same(Plain):
    def infer(self, inp, context):
        return inp


class Shout(Plain):
    def infer(self, inp, context):
        text = inp.gtensors.tensors[0].flat_string[0]
        if not text:
            raise InputError("nothing to shout")
        return GrpsMessage(str_data=text.upper())


class Broken(Plain):
    def infer(self, inp, context):
        raise ValueError("boom")


for cls in (Same, Shout, Broken):
    inferer_register.register(cls.__name__.lower(), cls())
"""
VALUES: dict[str, np.ndarray] = {
    "bool": np.array([[True, False]]),
    "uint8": np.array([0, 255], np.uint8),
    "uint16": np.array([[0], [2**16 - 1]], np.uint16),
    "uint32": np.array([2**32 - 1, 0], np.uint32),
    "uint64": np.array([0, 2**64 - 1], np.uint64),
    "int8": np.array([-128, 127], np.int8),
    "int16": np.array([-(2**15), 2**15 - 1], np.int16),
    "int32": np.array([-(2**31), 2**31 - 1], np.int32),
    "int64": np.array([-(2**63), 2**63 - 1], np.int64),
    "half": np.array([0.5, -np.inf], np.float16),
    "bfloat16": np.array([0.5, -2.0], ml_dtypes.bfloat16),
    "float": np.array([0.1, 3e38], np.float32),
    "double": np.array([0.1, -1e308]),
    "string": np.array([[b"", b"a"], ["\u00e9".encode(), b"\xff"]], object),
    "large": np.arange(300_000, dtype=np.float32).reshape(300, 1000),
}


def _model(name: str, engine: str, path: Path, version: str = "1.0.0", **keys: Any) -> Any:
    return {
        "name": name,
        "version": version,
        "inferer_type": engine,
        "inferer_path": str(path),
        "converter_type": engine,
        "device": "cpu",
        **keys,
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of SavedModels, of two versions of an ONNX model and of user code."""
    folder = tmp_path_factory.mktemp("tfserving")
    scores, examples = save_scores(folder / "scores"), save_examples(folder / "examples")
    identity = save_identity(folder / "identity.onnx", "float32")
    models = [
        _model("scores", "tensorflow", scores, "3"),
        _model("upper", "tensorflow", scores, "1.2", inferer_args={"signature": "upper"}),
        _model("classify", "tensorflow", examples, inferer_args={"signature": "classify"}),
        _model("regress", "tensorflow", examples, inferer_args={"signature": "regress"}),
        _model("onnx", "onnxruntime", identity, "1.5.0", converter_type="none"),
        _model("onnx", "onnxruntime", identity, "2-canary", converter_type="none"),
        user_model("same", converter_type="numpy"),
        user_model("shout"),
        user_model("broken"),
    ]
    write_project(folder, models, {"tfserving": {"enabled": True}})
    source = folder / "src"
    source.mkdir()
    (source / "__init__.py").touch()
    (source / "customized_inferer.py").write_text(CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: RunningServer) -> Iterator[grpc.Channel]:
    with server.channel() as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel: grpc.Channel) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(channel)


def _request(model: str, inputs: dict[str, Any], **spec: Any) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = spec.get("signature", "")
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return request


def _code(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=GUARD_S)
    return caught.value.code(), str(caught.value.details())


def _post(server: RunningServer, path: str, body: Any, status: int = 200) -> Any:
    text = body if isinstance(body, (bytes, str)) else json.dumps(body)
    answer = requests.post(server.url("/v1/models/" + path), data=text, timeout=GUARD_S)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def _get(server: RunningServer, path: str, status: int = 200) -> Any:
    answer = requests.get(server.url("/v1/models/" + path), timeout=GUARD_S)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("name", VALUES)
def test_every_type_goes_both_ways(prediction: Any, name: str) -> None:
    values = VALUES[name]
    response = prediction.Predict(_request("same", {"x": values}), timeout=GUARD_S)
    answered = tf.make_ndarray(response.outputs["x"])
    assert answered.dtype == values.dtype
    assert answered.shape == values.shape
    assert (answered == values).all()


def test_elements_in_typed_fields(prediction: Any) -> None:
    request = _request("onnx", {})
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].tensor_shape.dim.add(size=3)
    request.inputs["x"].float_val.extend([1.5, 2.5])
    outputs = prediction.Predict(request, timeout=GUARD_S).outputs
    assert list(outputs["y"].float_val) == [1.5, 2.5, 2.5]
    request.inputs["x"].double_val.append(1.0)
    del request.inputs["x"].float_val[:]
    code, text = _code(prediction.Predict, request)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "float_val or tensor_content, got double_val" in text


def test_predict_of_a_saved_model(prediction: Any) -> None:
    x = np.ones((2, 3), np.float32)
    inputs = {"x": x, "bias": np.zeros((2, 2), np.float32)}
    response = prediction.Predict(_request("scores", inputs), timeout=GUARD_S)
    assert list(response.outputs["logits"].float_val) == [9, 12, 9, 12]
    assert list(response.outputs["best"].int64_val) == [1, 1]
    spec = response.model_spec
    assert (spec.name, spec.version.value) == ("scores", 3)
    assert spec.signature_name == "serving_default"
    only = _request("scores", inputs, version=3)
    only.output_filter.append("best")
    assert list(prediction.Predict(only, timeout=GUARD_S).outputs) == ["best"]
    for request in (
        _request("scores", {"x": x}),
        _request("scores", {**inputs, "z": x}),
        _request("scores", inputs, signature="upper"),
        _request("scores", {"x": x, "bias": np.zeros((2, 2))}),
    ):
        assert _code(prediction.Predict, request)[0] is grpc.StatusCode.INVALID_ARGUMENT
    only.output_filter.append("other")
    assert "no output 'other'" in _code(prediction.Predict, only)[1]


def test_versions_and_labels(prediction: Any) -> None:
    def version(**spec: Any) -> int:
        request = _request("onnx", {"x": np.ones(1, np.float32)}, **spec)
        answered = prediction.Predict(request, timeout=GUARD_S).model_spec.version.value
        return int(answered)

    assert version() == 2
    assert (version(version=1), version(version=2)) == (1, 2)
    assert (version(label="1.5.0"), version(label="2-canary")) == (1, 2)
    for spec in ({"version": 9}, {"label": "stable"}):
        request = _request("onnx", {"x": np.ones(1, np.float32)}, **spec)
        assert _code(prediction.Predict, request)[0] is grpc.StatusCode.NOT_FOUND
    missing = _request("missing", {})
    assert _code(prediction.Predict, missing)[0] is grpc.StatusCode.NOT_FOUND


def test_user_code(prediction: Any, server: RunningServer) -> None:
    text = np.array([b"hello"], object)
    response = prediction.Predict(_request("shout", {"text": text}), timeout=GUARD_S)
    assert tf.make_ndarray(response.outputs["str_data"]).tolist() == [b"HELLO"]
    empty = _request("shout", {"text": np.array([b""], object)})
    assert _code(prediction.Predict, empty) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "nothing to shout",
    )
    assert _code(prediction.Predict, _request("broken", {"x": text}))[0] is (
        grpc.StatusCode.INTERNAL
    )
    assert _post(server, "shout:predict", {"instances": ["hello"]}) == {"predictions": ["HELLO"]}
    assert _post(server, "shout:predict", {"instances": [""]}, 400) == {"error": "nothing to shout"}
    assert "boom" in _post(server, "broken:predict", {"instances": [1]}, 500)["error"]


def test_metadata_and_status(prediction: Any, models: Any, server: RunningServer) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "upper"
    response = prediction.GetModelMetadata(request, timeout=GUARD_S)
    assert (response.model_spec.name, response.model_spec.version.value) == ("upper", 1)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    upper = signatures.signature_def["upper"]
    assert upper.inputs["texts"].dtype == tf.string.as_datatype_enum
    assert [dim.size for dim in upper.inputs["texts"].tensor_shape.dim] == [-1]
    assert set(upper.outputs) == {"upper", "length"}
    assert upper.method_name == "tensorflow/serving/predict"
    described = get_model_metadata_pb2.GetModelMetadataResponse()
    metadata = _get(server, "upper/metadata")
    signature = metadata["metadata"]["signature_def"]
    Parse(json.dumps({"model_spec": metadata["model_spec"]}), described)
    by_http = Parse(json.dumps(signature), get_model_metadata_pb2.SignatureDefMap())
    assert by_http == signatures
    assert described.model_spec.version.value == 1
    del request.metadata_field[:]
    assert _code(prediction.GetModelMetadata, request)[0] is grpc.StatusCode.INVALID_ARGUMENT

    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "onnx"
    by_grpc = models.GetModelStatus(status, timeout=GUARD_S)
    states = [(entry.version, entry.state) for entry in by_grpc.model_version_status]
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert states == [(2, available), (1, available)]
    by_http = Parse(json.dumps(_get(server, "onnx")), get_model_status_pb2.GetModelStatusResponse())
    assert by_http == by_grpc
    assert len(_get(server, "onnx/versions/1")["model_version_status"]) == 1
    assert _get(server, "onnx/labels/2-canary") == _get(server, "onnx/versions/2")
    for path in ("missing", "onnx/versions/9", "onnx/labels/stable", "missing/metadata"):
        assert "error" in _get(server, path, 404)
    status.model_spec.name = "missing"
    assert _code(models.GetModelStatus, status)[0] is grpc.StatusCode.NOT_FOUND


def test_what_is_not_served_is_refused(prediction: Any, models: Any) -> None:
    request = model_management_pb2.ReloadConfigRequest()
    code, text = _code(models.HandleReloadConfigRequest, request)
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "inference.yml" in text
    code, text = _code(prediction.MultiInference, inference_pb2.MultiInferenceRequest())
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "MultiInference is not supported" in text
    unsupported = _request("same", {"x": np.array([1 + 2j], np.complex64)})
    code, text = _code(prediction.Predict, unsupported)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "DT_COMPLEX64 is not supported" in text


def test_predict_by_rows_and_columns(server: RunningServer) -> None:
    rows = [{"x": [1, 1, 1], "bias": [0, 0]}, {"x": [0.5, 0, 0], "bias": [1, 0]}]
    expected = [{"logits": [9.0, 12.0], "best": 1}, {"logits": [-0.5, 1.0], "best": 1}]
    body = {"signature_name": "serving_default", "instances": rows}
    for path in ("scores", "scores/versions/3", "scores/labels/3"):
        assert _post(server, path + ":predict", body) == {"predictions": expected}
    columns = {"inputs": {"x": [[1, 1, 1]], "bias": [[0, 0]]}}
    outputs = {"outputs": {"logits": [[9.0, 12.0]], "best": [1]}}
    assert _post(server, "scores:predict", columns) == outputs
    assert _post(server, "onnx:predict", {"instances": [1.0, 2.5]}) == {"predictions": [1.0, 2.5]}
    assert _post(server, "onnx:predict", {"inputs": [1.0]}) == {"outputs": [1.0]}
    assert _post(server, "onnx:predict", {"inputs": {"x": [1.0]}}) == {"outputs": [1.0]}
    special = _post(server, "onnx:predict", '{"instances": [NaN, Infinity]}')["predictions"]
    assert np.isnan(special[0])
    assert special[1] == np.inf
    encoded = base64.b64encode(b"caf\xc3\xa9").decode()
    texts = {"instances": [{"b64": encoded}, "abc"]}
    assert _post(server, "upper:predict", texts)["predictions"][1] == {"upper": "ABC", "length": 3}


def test_bytes_and_codings(server: RunningServer) -> None:
    raw = base64.b64encode(b"\xff\x00").decode()
    body = {"inputs": {"x_bytes": ["a"], "y": [{"b64": raw}]}}
    outputs = _post(server, "same:predict", body)["outputs"]
    assert outputs == {"x_bytes": [{"b64": "YQ=="}], "y": [{"b64": raw}]}
    packed = gzip.compress(json.dumps({"instances": [1.0] * 1000}).encode())
    answer = requests.post(
        server.url("/v1/models/onnx:predict"),
        data=packed,
        headers={"Content-Encoding": "gzip", "Accept-Encoding": "gzip"},
        timeout=GUARD_S,
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == {"predictions": [1.0] * 1000}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("onnx:predict", "{", 400),
        ("onnx:predict", {}, 400),
        ("onnx:predict", {"instances": []}, 400),
        ("onnx:predict", {"instances": [[1], [1, 2]]}, 400),
        ("onnx:predict", {"instances": ["a"]}, 400),
        ("onnx:predict", {"instances": [1], "signature_name": "other"}, 400),
        ("scores:predict", {"instances": [[1, 1, 1]]}, 400),
        ("scores:predict", {"instances": [{"x": [1, 1, 1]}]}, 400),
        ("missing:predict", {"instances": [1]}, 404),
        ("onnx/versions/9:predict", {"instances": [1]}, 404),
        ("onnx/labels/stable:predict", {"instances": [1]}, 404),
        ("onnx:explain", {"instances": [1]}, 405),
        ("onnx:classify", {"examples": [{"x": 1}]}, 400),
        ("shout:regress", {"examples": [{"x": 1}]}, 400),
    ],
)
def test_errors_are_objects(server: RunningServer, path: str, body: Any, status: int) -> None:
    answer = _post(server, path, body, status)
    assert list(answer) == ["error"]
    assert answer["error"]


def _examples(request: Any, model: str, values: list[float], name: bytes = b"") -> Any:
    request.model_spec.CopyFrom(model_pb2.ModelSpec(name=model))
    filled = request.input.example_list
    if name:
        filled = request.input.example_list_with_context
        filled.context.features.feature["name"].bytes_list.value.append(name)
    for value in values:
        filled.examples.add().features.feature["x"].float_list.value.append(value)
    return request


def test_classify(prediction: Any, server: RunningServer) -> None:
    request = _examples(classification_pb2.ClassificationRequest(), "classify", [0.25, 1], b"n")
    response = prediction.Classify(request, timeout=GUARD_S)
    rows = [
        [(found.label, found.score) for found in entry.classes]
        for entry in response.result.classifications
    ]
    assert rows == [[("n", 0.25), ("other", 0.75)], [("n", 1.0), ("other", 0.0)]]
    assert response.model_spec.version.value == 1
    body = {"context": {"name": "n"}, "examples": [{"x": 0.25}, {"x": [1.0], "name": "own"}]}
    assert _post(server, "classify:classify", body) == {
        "results": [[["n", 0.25], ["other", 0.75]], [["own", 1.0], ["other", 0.0]]]
    }
    wrong = _examples(classification_pb2.ClassificationRequest(), "scores", [1])
    code, text = _code(prediction.Classify, wrong)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "does not take serialized tf.Example messages" in text
    none = _examples(classification_pb2.ClassificationRequest(), "classify", [])
    assert "send at least one" in _code(prediction.Classify, none)[1]


def test_regress(prediction: Any, server: RunningServer) -> None:
    request = _examples(regression_pb2.RegressionRequest(), "regress", [1, 2.5])
    response = prediction.Regress(request, timeout=GUARD_S)
    assert [entry.value for entry in response.result.regressions] == [3, 6]
    body = {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": 2.5}]}
    assert _post(server, "regress:regress", body) == {"results": [3.0, 6.0]}
    wrong = {"examples": [{"x": 1.0}]}
    assert "regress needs" in _post(server, "classify:regress", wrong, 400)["error"]
    mixed = {"examples": [{"x": [1.0, 2]}]}
    assert "several kinds" in _post(server, "regress:regress", mixed, 400)["error"]


def test_it_is_off_by_default(tmp_path: Path) -> None:
    write_project(tmp_path, [user_model("same", converter_type="numpy")])
    source = tmp_path / "src"
    source.mkdir()
    (source / "__init__.py").touch()
    (source / "customized_inferer.py").write_text(CODE)
    with serving(tmp_path) as running:
        answer = requests.get(running.url("/v1/models/same"), timeout=GUARD_S)
        assert answer.status_code == 404
        with running.channel() as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            with pytest.raises(grpc.RpcError):
                stub.Predict(_request("same", {"x": np.ones(1)}), timeout=GUARD_S)


def test_a_client_without_protos_can_call(channel: grpc.Channel) -> None:
    """Reflection describes the messages as the package of the clients does."""
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    compared = compare(pool.FindMessageTypeByName("tensorflow.serving.SignatureDefMap"))
    for service in ("PredictionService", "ModelService", "SessionService"):
        for method in pool.FindServiceByName(f"tensorflow.serving.{service}").methods:
            compared += compare(method.input_type) + compare(method.output_type)
    assert compared > 100
    method = pool.FindMethodByName("tensorflow.serving.PredictionService.Predict")
    tensor = {"dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": 2}]}, "floatVal": [1, 2]}
    sent = {"modelSpec": {"name": "onnx"}, "inputs": {"x": tensor}}
    request = Parse(json.dumps(sent), GetMessageClass(method.input_type)())
    call: Any = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    reply = call(request.SerializeToString())
    outputs = MessageToDict(reply)["outputs"]
    assert [output["floatVal"] for output in outputs.values()] == [[1, 2]]


def compare(own: Descriptor, seen: set[str] | None = None) -> int:
    """Compare a message and what it consists of with the package's; return the number of fields."""
    seen = set() if seen is None else seen
    if own.full_name in seen:
        return 0
    seen.add(own.full_name)
    theirs = session_service_pb2.DESCRIPTOR.pool.FindMessageTypeByName(own.full_name)
    for field in own.fields:
        other = theirs.fields_by_number[field.number]
        assert (field.name, field.type) == (other.name, other.type), field.full_name
        assert field.is_repeated == other.is_repeated, field.full_name
        if field.enum_type is not None:
            numbers = {value.name: value.number for value in other.enum_type.values}
            assert {value.name: value.number for value in field.enum_type.values}.items() <= (
                numbers.items()
            )
    parts = [field.message_type for field in own.fields if field.message_type is not None]
    return len(own.fields) + sum(compare(part, seen) for part in parts)
