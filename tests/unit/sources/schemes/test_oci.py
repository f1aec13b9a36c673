"""Artifacts in a registry: plain files and ModelPack, with its tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from grps.errors import SourceError
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host

MODEL, CONFIG = b"model" * 3000, b"{}"
TITLE, FILE_PATH = "org.opencontainers.image.title", "org.cncf.model.filepath"
RAW = "application/vnd.cncf.model.weight.v1.raw"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(data: bytes, kind: str = "application/octet-stream", **notes: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data), "annotations": notes}


def push(host: Host, tag: str, layers: list[dict[str, Any]], *blobs: bytes) -> str:
    manifest = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
    for reference in (tag, digest_of(manifest)):
        host.answers[f"/v2/team/net/manifests/{reference}"] = manifest
    for blob in blobs:
        host.files[f"/v2/team/net/blobs/{digest_of(blob)}"] = blob
    return digest_of(manifest)


def push_model(host: Host, tag: str = "v1") -> str:
    return push(host, tag, [layer(MODEL, **{TITLE: "model.onnx"})], MODEL)


def ask_for_tokens(host: Host, credentials: str | None = None) -> None:
    """Let the registry want a token, which it gives to everybody or for credentials."""
    host.answers["/token"] = {"token": "t", "expires_in": 300}
    realm = f'Bearer realm="{host.url}/token",service="reg",scope="repository:team/net:pull"'

    def guard(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]] | None:
        given = headers.get("authorization")
        if path == "/token":
            return None if credentials is None or given == credentials else (401, {})
        return None if given == "Bearer t" else (401, {"WWW-Authenticate": realm})

    host.guard = guard


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def test_a_plain_artifact_of_one_file_is_that_file(host: Host, sources: Make) -> None:
    push_model(host)
    ask_for_tokens(host)
    fetched = sources().fetch(f"oci://{host.netloc}/team/net:v1")
    assert (fetched.path.name, fetched.path.read_bytes()) == ("model.onnx", MODEL)
    assert sources().fetch(f"oci://{host.netloc}/team/net:v1").fetched_bytes == 0
    assert host.body_bytes == len(MODEL)


def test_a_tag_that_moves_is_noticed_and_a_digest_is_not_asked_for_again(
    host: Host, sources: Make
) -> None:
    first = push_model(host)
    sources().fetch(f"oci://{host.netloc}/team/net:v1")
    pinned = f"oci://{host.netloc}/team/net@{first}"
    sources().fetch(pinned)
    push(host, "v1", [layer(b"other", **{TITLE: "model.onnx"})], b"other")
    assert sources().fetch(f"oci://{host.netloc}/team/net:v1").path.read_bytes() == b"other"
    asked = len(host.seen)
    assert sources().fetch(pinned).path.read_bytes() == MODEL
    assert len(host.seen) == asked


def test_a_model_pack_is_a_folder_without_its_archives_of_documents(
    host: Host, sources: Make
) -> None:
    layers = [
        layer(MODEL, RAW, **{FILE_PATH: "weights/model.safetensors"}),
        layer(CONFIG, "application/vnd.cncf.model.weight.config.v1.raw", **{FILE_PATH: "c.json"}),
        layer(b"tar", "application/vnd.cncf.model.doc.v1.tar", **{FILE_PATH: "README.md"}),
    ]
    push(host, "v1", layers, MODEL, CONFIG)
    path = sources().fetch(f"oci://{host.netloc}/team/net:v1").path
    assert path.name == "net"
    assert (path / "weights" / "model.safetensors").read_bytes() == MODEL
    assert sorted(one.name for one in path.iterdir()) == ["c.json", "weights"]


def test_an_index_of_one_artifact_is_that_artifact(host: Host, sources: Make) -> None:
    digest = push_model(host)
    index = {"schemaVersion": 2, "manifests": [{"digest": digest}]}
    host.answers["/v2/team/net/manifests/all"] = index
    assert sources().fetch(f"oci://{host.netloc}/team/net:all").path.read_bytes() == MODEL
    index["manifests"].append({"digest": digest_of(b"x")})  # type: ignore[attr-defined]
    with pytest.raises(SourceError, match="an index of 2 artifacts"):
        sources().fetch(f"oci://{host.netloc}/team/net:all")


def test_credentials_of_docker_get_a_token(host: Host, sources: Make, docker: Path) -> None:
    push_model(host)
    auth = base64.b64encode(b"me:secret-word").decode()
    ask_for_tokens(host, f"Basic {auth}")
    uri = f"oci://{host.netloc}/team/net:v1"
    with pytest.raises(SourceError, match="status 401: not permitted") as raised:
        sources().fetch(uri)
    docker.write_text(json.dumps({"auths": {host.netloc: {"auth": auth}}}))
    assert sources().fetch(uri).path.read_bytes() == MODEL
    blob = [seen for seen in host.seen if "/blobs/" in seen[1]]
    assert blob[0][2]["authorization"] == "Bearer t"
    assert auth not in str(raised.value)


def test_basic_authorization(host: Host, sources: Make, docker: Path) -> None:
    push_model(host)
    auth = base64.b64encode(b"me:secret-word").decode()
    wanted = (401, {"WWW-Authenticate": 'Basic realm="reg"'})
    host.guard = lambda path, headers: (
        None if headers.get("authorization") == f"Basic {auth}" else wanted
    )
    uri = f"oci://{host.netloc}/team/net:v1"
    with pytest.raises(SourceError, match="has no entry in"):
        sources().fetch(uri)
    docker.write_text(json.dumps({"auths": {f"https://{host.netloc}": {"auth": auth}}}))
    assert sources().fetch(uri).path.read_bytes() == MODEL


def test_a_place_of_tokens_in_a_private_network_is_not_asked(host: Host, sources: Make) -> None:
    push_model(host)
    challenge = 'Bearer realm="https://10.9.8.7/token",service="reg"'
    host.guard = lambda path, headers: (401, {"WWW-Authenticate": challenge})
    with pytest.raises(SourceError, match=r"leads to 10\.9\.8\.7"):
        sources().fetch(f"oci://{host.netloc}/team/net:v1")


def test_other_bytes_than_the_manifest_says_are_refused(host: Host, sources: Make) -> None:
    pinned = push_model(host)
    host.files[f"/v2/team/net/blobs/{digest_of(MODEL)}"] = bytes(len(MODEL))
    with pytest.raises(SourceError, match="it is damaged or another file"):
        sources().fetch(f"oci://{host.netloc}/team/net:v1")
    host.answers[f"/v2/team/net/manifests/{pinned}"] = {"layers": []}
    with pytest.raises(SourceError, match="has another digest"):
        sources().fetch(f"oci://{host.netloc}/team/net@{pinned}")


@pytest.mark.parametrize(
    ("layers", "cause"),
    [
        ([layer(b"x", "application/vnd.oci.image.layer.v1.tar+gzip")], "is not unpacked"),
        ([layer(b"x", "application/vnd.docker.image.rootfs.diff.tar.gzip")], "is not unpacked"),
        ([layer(b"x", "application/vnd.cncf.model.weight.v1.tar", **{TITLE: "m"})], "unpacked"),
        ([layer(b"x", **{TITLE: "m", "io.deis.oras.content.unpack": "true"})], "unpacked"),
        ([], "no file is there"),
        ([layer(b"x", **{TITLE: "a"}), layer(b"y", **{TITLE: "a"})], "two files with one path"),
        ([layer(b"x", **{TITLE: "a"}), layer(b"y", **{TITLE: "a/b"})], "also a file"),
        ([layer(b"x", **{TITLE: "../a"})], "which is not safe"),
        ([{"digest": "sha512:0", "size": 1}], "no SHA-256"),
    ],
)
def test_artifacts_that_are_refused(
    host: Host, sources: Make, layers: list[dict[str, Any]], cause: str
) -> None:
    push(host, "v1", layers)
    with pytest.raises(SourceError, match=cause):
        sources().fetch(f"oci://{host.netloc}/team/net:v1")
