"""Sources against servers that others have written: moto for S3, Go's registry for containers.

``python -m tools.model_stores`` runs this; without its environment, it is left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urljoin

import obstore
import pytest
import requests
from obstore.store import S3Store

from grps.errors import SourceError
from grps.sources import Settings, Sources
from tests.support import REPOSITORY, two_free_ports, wait_until

PYTHON = os.environ.get("GRPS_MOTO_PYTHON")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="python -m tools.model_stores runs it")
MODEL = os.urandom(6 << 20)
DIGEST = f"sha256:{hashlib.sha256(MODEL).hexdigest()}"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of S3 with a bucket ``models``, and credentials for it."""
    port = two_free_ports()[0]
    url = f"http://127.0.0.1:{port}"
    program = "import sys; from moto.server import main; main(sys.argv[1:])"
    command = [str(PYTHON), "-c", program, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with suppress(requests.ConnectionError):
            return requests.put(f"{url}/models", timeout=10).ok
        return False

    try:
        wait_until(answers, "moto answers")
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "word",
            "AWS_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(Settings(cache=tmp_path / "cache"))


def put(url: str, key: str, data: bytes) -> None:
    store = S3Store("models", endpoint=url, client_options={"allow_http": True})
    obstore.put(store, key, data)


def test_an_object_and_a_prefix(s3: str, sources: Sources) -> None:
    put(s3, "a/model.onnx", MODEL)
    put(s3, "net/saved_model.pb", b"graph")
    put(s3, "net/variables/variables.index", b"index")
    assert sources.fetch("s3://models/a/model.onnx").path.read_bytes() == MODEL
    assert sources.fetch("s3://models/a/model.onnx").fetched_bytes == 0
    folder = sources.fetch("s3://models/net").path
    assert (folder / "variables" / "variables.index").read_bytes() == b"index"
    put(s3, "a/model.onnx", b"another")
    assert sources.fetch("s3://models/a/model.onnx").path.read_bytes() == b"another"
    with pytest.raises(SourceError, match="there is no"):
        sources.fetch("s3://models/none")
    with pytest.raises(SourceError, match="there is no such bucket"):
        sources.fetch("s3://no-such-bucket/none")


def test_a_cut_connection_is_resumed(
    s3: str, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "model.onnx", MODEL)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        passed = cutting(listener, int(s3.rpartition(":")[2]), cut_after=3 << 20)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        fetched = sources.fetch("s3://models/model.onnx")
    assert fetched.path.read_bytes() == MODEL
    assert sum(passed) < len(MODEL) + (1 << 20)
    assert sum(count > 1 << 20 for count in passed) == 2


def cutting(listener: socket.socket, port: int, cut_after: int) -> list[int]:
    """Pass connections on, and cut the first one that brings so many bytes."""
    passed: list[int] = []
    cut = threading.Event()

    def pass_on(source: socket.socket, target: socket.socket, at: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                if at is not None:
                    passed[at] += len(data)
                    if passed[at] > cut_after and not cut.is_set():
                        cut.set()
                        break
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()  # the other thread closes the other one

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                passed.append(0)
                for arguments in ((client, server, None), (server, client, len(passed) - 1)):
                    threading.Thread(target=pass_on, args=arguments, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return passed


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """The address of a registry."""
    program = tmp_path / "registry"
    folder = REPOSITORY / "tests" / "registry"
    subprocess.run(["go", "build", "-o", str(program), "."], check=True, cwd=folder)
    with subprocess.Popen(
        [str(program)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def push(registry: str, name: str, tag: str, files: dict[str, bytes]) -> str:
    """Push files as an artifact; return the digest of its manifest."""
    layers = []
    for path, data in {**files, "": b"{}"}.items():
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        begin = f"http://{registry}/v2/{name}/blobs/uploads/"
        upload = requests.post(begin, timeout=30)
        place = urljoin(begin, upload.headers["Location"])
        requests.put(place, params={"digest": digest}, data=data, timeout=30).raise_for_status()
        kind = "application/octet-stream" if path else "application/vnd.oci.empty.v1+json"
        notes = {"org.opencontainers.image.title": path}
        layers.append(
            {"mediaType": kind, "digest": digest, "size": len(data), "annotations": notes}
        )
    *layers, config = layers
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    body = json.dumps(manifest).encode()
    url = f"http://{registry}/v2/{name}/manifests/{tag}"
    headers = {"Content-Type": MANIFEST}
    requests.put(url, data=body, headers=headers, timeout=30).raise_for_status()
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_artifacts_of_a_registry(registry: str, sources: Sources) -> None:
    digest = push(registry, "team/net", "v1", {"model.onnx": MODEL})
    for reference in (":v1", f"@{digest}"):
        uri = f"oci://{registry}/team/net{reference}"
        assert sources.fetch(uri).path.read_bytes() == MODEL
        assert sources.fetch(uri).fetched_bytes == 0
    push(registry, "team/net", "v1", {"model.xml": b"xml", "model.bin": b"bin"})
    folder = sources.fetch(f"oci://{registry}/team/net:v1").path
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == {
        "model.xml": b"xml",
        "model.bin": b"bin",
    }
    with pytest.raises(SourceError, match="status 404"):
        sources.fetch(f"oci://{registry}/team/none:v1")
