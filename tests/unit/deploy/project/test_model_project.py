"""The service folder that is written for a model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from grps.deploy.paths import ServiceFolder
from grps.deploy.project.model_project import GpuChoice, ModelProject, write_project
from grps.errors import ConfigError, DeployError
from grps.server.configuration import load_inference, load_server


@pytest.fixture
def project(tmp_path: Path) -> ModelProject:
    model = tmp_path / "a model: #1 'é'.pt"
    model.touch()
    return ModelProject(
        model_path=model, model_name="m", inferer_type="torch", converter_type="torch"
    )


def test_defaults(folder: ServiceFolder, project: ModelProject) -> None:
    write_project(folder, project)
    inference = load_inference(folder.inference_conf)
    model = inference.models[0]
    assert model.key == "m-1.0.0"
    assert model.inferer_path == str(project.model_path)
    assert model.inp_device is None
    assert model.inferer_args is None
    assert inference.dag is not None
    assert [node.model for node in inference.dag.nodes] == ["m-1.0.0"]
    server = load_server(folder.server_conf)
    assert server.interface.ports == (7080, 7081)
    assert server.interface.customized_predict_http is None
    assert server.gpu is None


def test_everything(folder: ServiceFolder, project: ModelProject) -> None:
    full = replace(
        project,
        model_version="1.0",
        device="original",
        inp_device="cuda:1",
        inferer_args={"intra_op_threads": 2, "customized_op_paths": ["/a b.so", "/c:d, e.so"]},
        instances=3,
        batching_type="dynamic",
        interface_framework="http",
        host="::",
        ports=(0,),
        customized_predict_http_path="/v1/x",
        gpu=GpuChoice(devices=(0, 1), mem_manager_type="torch", mem_gc_enable=True),
        log_dir="~/logs of mine",
    )
    write_project(folder, full)
    model = load_inference(folder.inference_conf).models[0]
    assert model.version == "1.0"
    assert model.inferer_args == full.inferer_args
    assert model.instances == 3
    assert model.batching is not None
    assert model.batching.type == "dynamic"
    server = load_server(folder.server_conf)
    assert server.interface.host == "::"
    assert server.interface.ports == (0,)
    assert [route.path for route in server.interface.customized_routes] == ["/v1/x"]
    assert server.gpu is not None
    assert server.gpu.devices == (0, 1)
    assert server.gpu.mem_gc_enable is True
    assert server.log.log_dir == "~/logs of mine"


def test_links_stay(
    folder: ServiceFolder, project: ModelProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, tokenizer = tmp_path / "latest.pt", tmp_path / "tokenizer.json"
    link.symlink_to(project.model_path)
    tokenizer.symlink_to("absent.json")
    monkeypatch.chdir(tmp_path)
    for written in (link, Path(link.name)):
        linked = replace(project, model_path=written, converter_path=Path(tokenizer.name))
        write_project(folder, linked)
        model = load_inference(folder.inference_conf).models[0]
        assert model.inferer_path == str(link)
        assert model.converter_path == str(tokenizer)


@pytest.mark.parametrize("name", ["a\nb.pt", "a\u2028b.pt", "a\udcffb.pt"])
def test_paths_yaml_cannot_hold(folder: ServiceFolder, project: ModelProject, name: str) -> None:
    with pytest.raises(DeployError, match="rename it"):
        write_project(folder, replace(project, model_path=project.model_path.with_name(name)))


def test_a_bad_value_leaves_the_old_files(folder: ServiceFolder, project: ModelProject) -> None:
    write_project(folder, project)
    before = folder.server_conf.read_text()
    with pytest.raises(ConfigError, match=r"server\.yml:\d+: max_connections: expected"):
        write_project(folder, replace(project, max_connections=0))
    assert folder.server_conf.read_text() == before
