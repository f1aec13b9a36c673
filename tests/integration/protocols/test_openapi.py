"""The description of a service in OpenAPI 3.1, by its validator and by JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator
from onnx import TensorProto
from openapi_spec_validator import validate

from grps.config.routes import OWN_PATHS, PREDICT_PATH
from tests.onnx_models import save_node
from tests.support import RunningServer, serving, user_model, write_user_project

JSON = "application/json"
LEFT_OUT = {
    "/GrpsBrpcService/{method}",
    "/grps.protos.v1.GrpsBrpcService/{method}",
    "/grps/v1/infer/predict/ws",
    "/v2/cudasharedmemory/region/{region}/register",
}
"""Routes that refuse all requests, and the WebSocket, which OpenAPI has no words for."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("openapi")
    free, fixed = (TensorProto.FLOAT, ["n", 2]), (TensorProto.INT64, [2, 3])
    save_node(folder / "add.onnx", "Add", [("x", *free), ("z", *free)], [("y", *free)])
    save_node(folder / "fixed.onnx", "Identity", [("x", *fixed)], [("y", *fixed)])
    engine = {"version": "1.0.0", "inferer_type": "onnxruntime"}
    models: list[dict[str, Any]] = [user_model("echo")]
    for name in ("add", "fixed"):
        models.append({**engine, "name": name, "inferer_path": str(folder / f"{name}.onnx")})
    with serving(write_user_project(folder, models)) as running:
        yield running


@pytest.fixture(scope="module")
def document(server: RunningServer) -> dict[str, Any]:
    response = requests.get(server.url("/openapi.json"), timeout=10)
    assert response.headers["Content-Type"].startswith(JSON)
    described: dict[str, Any] = response.json()
    return described


def is_valid(document: dict[str, Any], schema: Any, value: Any) -> bool:
    whole = {**schema, "components": document["components"]}
    return bool(Draft202012Validator(whole).is_valid(value))


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert all(one["summary"] and one["tags"] for one in operations)
    ids = [one["operationId"] for one in operations]
    assert len(set(ids)) == len(ids) > 90
    assert all({"200", "400", "default"} <= set(one["responses"]) for one in operations)
    undescribed = {path for path in (*OWN_PATHS, PREDICT_PATH) if path not in document["paths"]}
    assert undescribed == LEFT_OUT


def test_the_examples_of_all_models_run(server: RunningServer, document: dict[str, Any]) -> None:
    ran = set()
    for path, item in document["paths"].items():
        post = item.get("post", {})
        bodies = post.get("requestBody", {}).get("content", {}).get(JSON, {})
        for name, example in bodies.get("examples", {}).items():
            assert is_valid(document, bodies["schema"], example["value"]), path
            response = requests.post(server.url(path), json=example["value"], timeout=10)
            assert response.status_code == 200, (path, response.text)
            if response.headers["Content-Type"].startswith(JSON):
                schema = post["responses"]["200"]["content"][JSON]["schema"]
                assert is_valid(document, schema, response.json()), (path, response.text)
            ran.add((path, name))
    assert ("/grps/v1/infer/predict", "add-1.0.0") in ran
    assert ("/v2/models/add/infer", "add-1.0.0") in ran
    assert ("/v2/models/fixed/versions/1.0.0/infer", "fixed-1.0.0") in ran


def test_bodies_have_the_types_of_the_model(document: dict[str, Any]) -> None:
    body = document["paths"]["/v2/models/fixed/infer"]["post"]["requestBody"]
    tensor = {"name": "x", "datatype": "INT64", "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}
    nested = {**tensor, "data": [[1, 2, 3], [4, 5, 6]]}
    schema = body["content"][JSON]["schema"]
    for good in (tensor, nested):
        assert is_valid(document, schema, {"inputs": [good]})
    for wrong in ({"datatype": "FP32"}, {"shape": [3, 2]}, {"data": [1]}, {"data": [0.5] * 6}):
        assert not is_valid(document, schema, {"inputs": [{**tensor, **wrong}]}), wrong


def test_the_document_is_sent_once(server: RunningServer) -> None:
    url = server.url("/openapi.json")
    first = requests.get(url, timeout=10)
    tag = first.headers["ETag"]
    again = requests.get(url, headers={"If-None-Match": tag}, timeout=10)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    other = requests.get(url, headers={"If-None-Match": '"x"'}, timeout=10)
    assert other.content == first.content


def test_models_come_and_go(server: RunningServer) -> None:
    url, path = server.url("/openapi.json"), "/v2/models/fixed/infer"
    before = requests.get(url, timeout=10)
    assert path in before.json()["paths"]
    for action, is_there in (("unload", False), ("load", True)):
        done = requests.post(server.url(f"/grps/v1/admin/models/fixed/{action}"), timeout=30)
        assert done.status_code == 200, done.text
        assert (path in requests.get(url, timeout=10).json()["paths"]) is is_there
    assert requests.get(url, timeout=10).headers["ETag"] == before.headers["ETag"]
