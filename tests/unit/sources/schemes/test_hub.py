"""Repositories of Hugging Face's hub, as its API describes them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from grps.errors import SourceError
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host, hosting

COMMIT, LATER = "a" * 40, "b" * 40
WEIGHTS = b"weights" * 5000
FILES = {
    "config.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same once more",
    "onnx/model.onnx": b"graph",
    ".gitattributes": b"*",
}


def blob_of(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def entry(name: str, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob_of(data)}
    if len(data) > 1000:
        found["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return found


def put(host: Host, revision: str, commit: str, files: dict[str, bytes]) -> None:
    answer = {"sha": commit, "siblings": [entry(name, data) for name, data in files.items()]}
    host.answers[f"/api/models/org/net/revision/{revision}?blobs=true"] = answer
    for name, data in files.items():
        host.files[f"/org/net/resolve/{commit}/{name}"] = data


@pytest.fixture
def hub(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    put(host, "main", COMMIT, FILES)
    put(host, COMMIT, COMMIT, FILES)
    return host


def test_a_file_of_the_main_revision(hub: Host, sources: Make) -> None:
    fetched = sources().fetch("hf://org/net/onnx/model.onnx")
    assert (fetched.path.name, fetched.path.read_bytes()) == ("model.onnx", b"graph")
    assert sources().fetch("hf://org/net/onnx/model.onnx").fetched_bytes == 0


def test_a_repository_has_its_weights_once(hub: Host, sources: Make) -> None:
    path = sources().fetch("hf://org/net").path
    found = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())
    assert (path.name, found) == ("net", ["config.json", "model.safetensors", "onnx/model.onnx"])


def test_a_folder_of_a_repository(hub: Host, sources: Make) -> None:
    path = sources().fetch("hf://org/net/onnx").path
    assert [(path.name, one.name) for one in path.iterdir()] == [("onnx", "model.onnx")]


def test_a_later_revision_fetches_what_has_changed(hub: Host, sources: Make) -> None:
    before = sources().fetch("hf://org/net").path
    put(hub, "main", LATER, {**FILES, "config.json": b'{"a": 1}'})
    after = sources().fetch("hf://org/net")
    assert after.fetched_bytes == len(b'{"a": 1}')
    assert (after.path / "model.safetensors").read_bytes() == WEIGHTS
    assert (before / "config.json").read_bytes() == b"{}"


def test_a_commit_is_asked_for_once(hub: Host, sources: Make) -> None:
    uri = f"hf://org/net@{COMMIT}/config.json"
    sources().fetch(uri)
    asked = len(hub.seen)
    sources().fetch(uri)
    assert len(hub.seen) == asked


def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(
    hub: Host, sources: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.guard = lambda path, headers: (
        None if headers.get("authorization") == "Bearer hf_secret" else (401, {})
    )
    with hosting() as store:
        store.files["/blob"] = WEIGHTS
        store.cuts["/blob"] = [100]
        hub.redirects[f"/org/net/resolve/{COMMIT}/model.safetensors"] = f"{store.url}/blob"
        fetched = sources(allowed_hosts=("127.0.0.1",)).fetch("hf://org/net/model.safetensors")
        assert fetched.path.read_bytes() == WEIGHTS
        assert [seen[2].get("authorization") for seen in store.seen] == [None, None]
        assert store.seen[1][2]["range"] == "bytes=100-"


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_bytes_than_the_hub_describes_are_refused(
    hub: Host, sources: Make, name: str
) -> None:
    path = f"/org/net/resolve/{COMMIT}/{name}"
    hub.files[path] = bytes(len(hub.files[path]))
    with pytest.raises(SourceError, match="it is damaged or another file"):
        sources().fetch(f"hf://org/net/{name}")


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("hf://org/net/no.onnx", r"has no file or folder 'no\.onnx'"),
        ("hf://org", "write hf://ORG/REPO/FILE"),
        ("hf://org/other", "status 404"),
    ],
)
def test_what_is_not_there_is_said(hub: Host, sources: Make, uri: str, cause: str) -> None:
    with pytest.raises(SourceError, match=cause):
        sources().fetch(uri)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a//b", "a/../../b", "a\\b", "a\nb"])
def test_paths_that_lead_elsewhere_are_refused(hub: Host, sources: Make, name: str) -> None:
    put(hub, "main", COMMIT, {**FILES, name: b"evil"})
    with pytest.raises(SourceError, match="which is not safe"):
        sources().fetch("hf://org/net")
