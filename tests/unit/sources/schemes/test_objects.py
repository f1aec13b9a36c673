"""Objects of S3, Google Cloud Storage and Azure, by hosts that speak what is needed of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grps.errors import SourceError
from grps.sources import download as downloads
from tests.unit.sources.conftest import Make
from tests.unit.sources.host import Host

MODEL = bytes(range(256)) * 8192
PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>models</Name>
<Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>
<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"""
ENTRY = """<Contents><Key>{key}</Key><LastModified>2026-11-02T10:00:00.000Z</LastModified>
<ETag>{etag}</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setattr(downloads, "FIRST_PAUSE_S", 0.0)


@pytest.fixture
def s3(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("AWS_ENDPOINT_URL", host.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "verysecretword1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return host


def listing(host: Host, bucket: str, prefix: str) -> None:
    """Answer the question which objects are below a prefix."""
    begin = f"/{bucket}/{prefix}"
    found = [path for path in host.files if path.startswith(begin)]
    entries = [
        ENTRY.format(key=path[len(bucket) + 2 :], etag=host.etag(path), size=len(host.files[path]))
        for path in found
    ]
    page = PAGE.format(prefix=prefix, count=len(found), entries="".join(entries))
    host.answers[f"/{bucket}"] = page


def test_an_object_is_fetched_once_and_signed(s3: Host, sources: Make) -> None:
    s3.files["/models/a/model.onnx"] = MODEL
    fetched = sources().fetch("s3://models/a/model.onnx")
    assert (fetched.path.name, fetched.path.read_bytes()) == ("model.onnx", MODEL)
    assert sources().fetch("s3://models/a/model.onnx").fetched_bytes == 0
    assert s3.body_bytes == len(MODEL)
    assert all("Credential=AKIDEXAMPLE" in seen[2]["authorization"] for seen in s3.seen)


def test_a_cut_connection_is_resumed(s3: Host, sources: Make) -> None:
    s3.files["/models/model.onnx"] = MODEL
    s3.cuts["/models/model.onnx"] = [1 << 20]
    assert sources().fetch("s3://models/model.onnx").path.read_bytes() == MODEL
    assert s3.body_bytes < len(MODEL) + (1 << 20)


def test_a_prefix_is_a_folder(s3: Host, sources: Make) -> None:
    s3.files["/models/net/saved_model.pb"] = b"graph"
    s3.files["/models/net/variables/variables.index"] = b"index"
    s3.files["/models/network"] = b"another"
    listing(s3, "models", "net/")
    for uri in ("s3://models/net", "s3://models/net/"):
        path = sources().fetch(uri).path
        found = sorted(str(one.relative_to(path)) for one in path.rglob("*") if one.is_file())
        assert (path.name, found) == ("net", ["saved_model.pb", "variables/variables.index"])
    assert s3.body_bytes == 2 * len(b"graphindex")


def test_what_is_not_there_or_not_permitted_is_said(s3: Host, sources: Make) -> None:
    listing(s3, "models", "none/")
    with pytest.raises(SourceError, match="there is no object, and none below it"):
        sources().fetch("s3://models/none")
    s3.guard = lambda path, headers: (403, {})
    with pytest.raises(SourceError, match=r"model-sources\.md for credentials") as raised:
        sources().fetch("s3://models/none")
    assert "verysecretword1" not in str(raised.value)


def test_buckets_are_allowed_by_name(s3: Host, sources: Make) -> None:
    s3.files["/models/m"] = b"x"
    allowed = ("s3://models",)
    assert sources(allowed_hosts=allowed).fetch("s3://models/m").fetched_bytes == 1
    with pytest.raises(SourceError, match=r"'s3://other' is not in sources\.allowed_hosts"):
        sources(allowed_hosts=allowed).fetch("s3://other/m")


def test_google_cloud_storage(
    host: Host, sources: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"gcs_base_url": host.url, "disable_oauth": True, "private_key": "",
               "private_key_id": "", "client_email": ""}  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    monkeypatch.setenv("GOOGLE_BASE_URL", host.url)
    host.files["/models/model.onnx"] = MODEL
    assert sources().fetch("gs://models/model.onnx").path.read_bytes() == MODEL
    assert sources().fetch("gs://models/model.onnx").fetched_bytes == 0


def test_azure(host: Host, sources: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "me")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", host.url)
    host.files["/models/model.onnx"] = MODEL
    assert sources().fetch("az://models/model.onnx").path.read_bytes() == MODEL
    assert sources().fetch("az://models/model.onnx").fetched_bytes == 0
    assert host.seen[0][2]["authorization"].startswith("SharedKey me:")
