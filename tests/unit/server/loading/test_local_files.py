"""Models whose files are given by URIs, before they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grps.config.parts.sources import SourcesConfig
from grps.config.schema import ModelConfig
from grps.deploy.container.needs import needs_of_project
from grps.deploy.project.files import check_files, named_files
from grps.deploy.project.prefetching import prefetch
from grps.errors import DeployError, SourceError
from grps.server.loading.local_files import fetch_reporting, has_uris
from grps.server.project import Project
from tests.support import write_project
from tests.unit.sources.host import Host, hosting

MODEL = b"\x08\x08" * 500


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("GRPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    with hosting() as made:
        made.files["/net.onnx"] = MODEL
        made.files["/tokenizer.json"] = b"{}"
        yield made


def model_of(host: Host, **keys: Any) -> ModelConfig:
    known = {"inferer_path": f"{host.url}/net.onnx", "inferer_type": "onnxruntime", **keys}
    return ModelConfig(name="net", version="1", **known)


def test_paths_take_the_place_of_uris(host: Host) -> None:
    told: list[str] = []
    config = model_of(host, converter_path=f"{host.url}/tokenizer.json")
    local = fetch_reporting(config, SourcesConfig(), lambda phase, text: told.append(text))
    assert Path(local.config.inferer_path or "").read_bytes() == MODEL
    assert Path(local.config.converter_path or "").read_bytes() == b"{}"
    assert "model net-1: fetching net.onnx: 100 %" in told
    local.release()
    assert not has_uris(local.config)


def test_local_paths_stay_as_they_are(host: Host) -> None:
    config = model_of(host, inferer_path="models/net.onnx")
    assert fetch_reporting(config, SourcesConfig(), lambda phase, text: None).config is config
    assert host.seen == []


def test_a_failure_names_the_model_and_the_key(host: Host) -> None:
    config = model_of(host, inferer_path=f"{host.url}/none.onnx")
    with pytest.raises(SourceError, match=r"model net-1: inferer_path: http.*none\.onnx: status"):
        fetch_reporting(config, SourcesConfig(), lambda phase, text: None)
    with pytest.raises(SourceError, match=r"sources\.max_bytes \(9\)"):
        fetch_reporting(model_of(host), SourcesConfig(max_bytes=9), lambda phase, text: None)


def test_what_is_fetched_is_no_file_of_the_project(host: Host, tmp_path: Path) -> None:
    entry = {"name": "net", "version": "1", "inferer_type": "onnxruntime"}
    uri = f"{host.url}/net.onnx"
    project = Project.read(write_project(tmp_path / "p", [{**entry, "inferer_path": uri}]))
    assert list(named_files(project)) == []
    check_files(project)
    assert "sources" in needs_of_project(tmp_path / "p").extras
    prefetch(project, lambda what, done, total: None, print)
    assert host.body_bytes == len(MODEL)
    prefetch(project, lambda what, done, total: None, print)
    assert host.body_bytes == len(MODEL)


def test_files_of_a_repository_may_be_others_by_then(tmp_path: Path) -> None:
    root = tmp_path / "models"
    path = root / "net" / "1" / "model.onnx"
    entry = {"name": "net", "version": "1", "inferer_type": "onnxruntime"}
    folder = write_project(tmp_path / "p", [{**entry, "inferer_path": str(path)}])
    conf = folder / "conf" / "inference.yml"
    with pytest.raises(DeployError, match="no such file"):
        check_files(Project.read(folder))
    conf.write_text(conf.read_text() + f"repository: {{path: {root}}}\n")
    check_files(Project.read(folder))
