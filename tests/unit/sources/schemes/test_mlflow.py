"""Models and artifacts of an MLflow tracking server, by its REST API."""

from __future__ import annotations

from typing import Any

import pytest

from grps.errors import SourceError
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def server(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", host.url)
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME"):
        monkeypatch.delenv(name, raising=False)
    version = {"artifact_uri": "mlflow-artifacts:/1/abc/artifacts/model"}
    host.answers[f"{API}/model-versions/get-download-uri?name=net&version=3"] = version
    host.answers[f"{API}/registered-models/alias?name=net&alias=champion"] = {
        "model_version": {"version": "3"}
    }
    run = {"run": {"info": {"artifact_uri": "mlflow-artifacts:/1/abc/artifacts"}}}
    host.answers[f"{API}/runs/get?run_id=abc"] = run
    put(host, "1/abc/artifacts/model", {"MLmodel": b"flavors:", "model.onnx": b"graph"})
    listed(host, "1/abc/artifacts", [folder("model")])
    return host


def folder(name: str) -> dict[str, Any]:
    return {"path": name, "is_dir": True}


def listed(host: Host, at: str, entries: list[dict[str, Any]]) -> None:
    host.answers[f"{PROXY}?path={at}"] = {"files": entries}


def put(host: Host, at: str, files: dict[str, bytes]) -> None:
    entries = [{"path": name, "is_dir": False, "file_size": len(files[name])} for name in files]
    listed(host, at, entries)
    for name, data in files.items():
        host.files[f"{PROXY}/{at}/{name}"] = data


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("mlflow:models:/net/3", "net"),
        ("mlflow:models:/net@champion", "net"),
        ("mlflow:runs:/abc/model", "model"),
    ],
)
def test_a_model_is_a_folder(server: Host, sources: Make, uri: str, name: str) -> None:
    fetched = sources().fetch(uri)
    assert (fetched.path.name, (fetched.path / "model.onnx").read_bytes()) == (name, b"graph")
    assert sources().fetch(uri).fetched_bytes == 0
    assert server.body_bytes == len(b"graphflavors:")


def test_a_file_of_a_run(server: Host, sources: Make) -> None:
    path = sources().fetch("mlflow:runs:/abc/model/model.onnx").path
    assert (path.name, path.read_bytes()) == ("model.onnx", b"graph")


def test_a_logged_model_of_version_3(server: Host, sources: Make) -> None:
    place = {"artifact_uri": "models:/m-0a1b"}
    server.answers[f"{API}/model-versions/get-download-uri?name=new&version=1"] = place
    info = {"model": {"info": {"artifact_uri": "mlflow-artifacts:/1/models/m-0a1b/artifacts"}}}
    server.answers[f"{API}/logged-models/m-0a1b"] = info
    listed(server, "1/models/m-0a1b", [folder("artifacts")])
    put(server, "1/models/m-0a1b/artifacts", {"model.onnx": b"graph"})
    assert (sources().fetch("mlflow:models:/new/1").path / "model.onnx").read_bytes() == b"graph"


def test_a_token_is_sent(server: Host, sources: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    server.guard = lambda path, headers: (
        None if headers.get("authorization") == "Bearer secret" else (403, {})
    )
    with pytest.raises(SourceError, match="status 403: not permitted"):
        sources().fetch("mlflow:models:/net/3")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    assert sources().fetch("mlflow:models:/net/3").path.is_dir()


def test_what_can_not_be_fetched_is_said(
    server: Host, sources: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"artifact_uri": "/srv/mlruns/1/abc"}
    server.answers[f"{API}/model-versions/get-download-uri?name=local&version=1"] = place
    with pytest.raises(SourceError, match="start the tracking server with --serve-artifacts"):
        sources().fetch("mlflow:models:/local/1")
    with pytest.raises(SourceError, match="write mlflow:models:/NAME/VERSION"):
        sources().fetch("mlflow:models:/net/latest")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SourceError, match="set MLFLOW_TRACKING_URI"):
        sources().fetch("mlflow:models:/net/3")
