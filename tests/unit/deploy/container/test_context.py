"""Build contexts of images."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from onnx import TensorProto

from grps.cli.main import main
from grps.deploy.archive.pack import pack
from grps.deploy.container.context import Wishes, dockerfile, write_context
from grps.deploy.container.needs import CPU_TORCH, Needs, installed_versions
from grps.deploy.project.creation import create_project
from grps.errors import DeployError
from tests.onnx_models import save_node
from tests.support import REPOSITORY

STAGE = r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "grpst-0.1.0-py3-none-any.whl"
    path.write_bytes(b"wheel")
    return path


def model_of(folder: Path) -> Path:
    kind = (TensorProto.FLOAT, ["n", 2])
    return save_node(folder / "neg.onnx", "Neg", [("x", *kind)], [("y", *kind)])


def arguments_of(text: str) -> dict[str, str]:
    return dict(re.findall(r"^ARG (\w+)=(.*)$", text, re.MULTILINE))


def test_a_model_gets_its_engine_and_its_command(tmp_path: Path, wheel: Path) -> None:
    model = model_of(tmp_path)
    model.with_name("neg.onnx.data").write_bytes(b"weights")
    wishes = Wishes(image="neg:1", wheel=wheel, serve_flags=("--instances", "2"))
    context = write_context(model, tmp_path / "image", wishes)
    text = (context.folder / "Dockerfile").read_text()
    arguments = arguments_of(text)
    assert arguments["EXTRAS"] == "onnx"
    assert arguments["TITLE"] == "neg"
    last = text.splitlines()[-1].removeprefix("CMD ")
    assert json.loads(last) == ["serve", "/models/neg.onnx", "--instances", "2"]
    app = context.folder / "app" / "models"
    assert (app / "neg.onnx").read_bytes() == model.read_bytes()
    assert (app / "neg.onnx.data").read_bytes() == b"weights"
    assert (context.folder / "wheels" / wheel.name).read_bytes() == b"wheel"
    pinned = (context.folder / "wheels" / "constraints.txt").read_text().splitlines()
    assert any(line.startswith("onnxruntime==") for line in pinned)
    service = yaml.safe_load((context.folder / "compose.yml").read_text())["services"]["grps"]
    assert (service["image"], service["read_only"], service["tmpfs"]) == ("neg:1", True, ["/tmp"])


def test_a_project_keeps_its_tree(tmp_path: Path, wheel: Path) -> None:
    project = tmp_path / "project"
    create_project(project, "py")
    (project / "logs").mkdir()
    (project / "logs" / "old.log").write_text("left")
    (project / "requirements.txt").write_text("torch>=2\n")
    context = write_context(project, tmp_path / "image", Wishes(image="p:1", wheel=wheel))
    assert context.command == ("start", "/project")
    assert (context.folder / "app" / "project" / "conf" / "inference.yml").is_file()
    assert not (context.folder / "app" / "project" / "logs").exists()
    assert context.needs.index == CPU_TORCH


def test_an_archive_is_unpacked(tmp_path: Path, wheel: Path) -> None:
    project = tmp_path / "project"
    create_project(project, "py")
    archive = tmp_path / "server.mar"
    pack(project, archive, "0.1.0", lambda what, done, total: None)
    context = write_context(archive, tmp_path / "image", Wishes(image="p:1", wheel=wheel))
    assert context.command == ("start", "/project")
    assert (context.folder / "app" / "project" / "conf" / "inference.yml").is_file()


def test_an_earlier_context_is_replaced_and_other_files_are_not(
    tmp_path: Path, wheel: Path
) -> None:
    model, folder = model_of(tmp_path), tmp_path / "image"
    wishes = Wishes(image="m:1", wheel=wheel)
    write_context(model, folder, wishes)
    (folder / "app" / "left").write_text("earlier")
    write_context(model, folder, wishes)
    assert not (folder / "app" / "left").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("mine")
    with pytest.raises(DeployError, match="did not write"):
        write_context(model, other, wishes)
    assert [file.name for file in other.iterdir()] == ["mine"]


def test_a_wrong_source_leaves_nothing(tmp_path: Path, wheel: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no model")
    wishes = Wishes(image="m:1", wheel=wheel)
    with pytest.raises(Exception, match=r"notes\.txt"):
        write_context(text, tmp_path / "image", wishes)
    project = tmp_path / "project"
    create_project(project, "py")
    with pytest.raises(DeployError, match="is inside of"):
        write_context(project, project / "image", wishes)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(
        ["notes.txt", "project", wheel.name]
    )


def test_each_value_has_its_argument() -> None:
    needs = Needs(("audio", "lightgbm"), "https://index.example/", ("libgomp1",))
    wishes = Wishes(image="a/b:1", base="base@sha256:0", build_base="build")
    arguments = arguments_of(dockerfile(needs, ("serve", "/m"), wishes))
    assert arguments["EXTRAS"] == "audio,lightgbm"
    assert arguments["EXTRA_INDEX"] == "https://index.example/"
    assert arguments["APT_PACKAGES"] == '"libgomp1"'
    assert (arguments["BASE"], arguments["BUILD_BASE"]) == ("base@sha256:0", "build")
    assert (arguments["WHEELS"], arguments["FILES"]) == ("wheels", ".")


def test_versions_have_no_part_of_a_build() -> None:
    versions = dict(line.split("==") for line in installed_versions(["torch"]))
    assert "+" not in versions["torch"]
    assert "grpst" not in versions
    assert "click" in versions


def test_the_command_prints_how_to_build_and_run(tmp_path: Path, wheel: Path) -> None:
    model, folder = model_of(tmp_path), tmp_path / "image"
    words = ["dockerize", str(model), "-o", str(folder), "--wheel", str(wheel)]
    ran = CliRunner().invoke(main, [*words, "--image", "neg:1.0.0", "--", "--device", "cpu"])
    assert ran.exit_code == 0, ran.output
    assert "runs: serve /models/neg.onnx --device cpu" in ran.stdout
    assert f"--tag neg:1.0.0 {folder}" in ran.stdout
    assert "run --rm --read-only --tmpfs /tmp --publish 7080:7080 neg:1.0.0" in ran.stdout
    ran = CliRunner().invoke(main, [*words, "--image", "Not A Name"])
    assert ran.exit_code == 2
    assert "no name of an image" in ran.stderr


def test_without_docker_and_podman_nothing_is_built(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["dockerize", str(model_of(tmp_path)), "-o", str(tmp_path / "image"), "--build"]
    ran = CliRunner().invoke(main, [*words, "--wheel", str(wheel)])
    assert ran.exit_code == 1
    assert "--build needs one of: docker, podman" in ran.stderr


def test_the_rules_of_the_images() -> None:
    text = (REPOSITORY / "deploy" / "docker" / "Dockerfile").read_text()
    finals = ("engine", "native", "app")
    found = re.findall(STAGE, text, re.MULTILINE | re.DOTALL)
    stages = {name: (base, body) for base, name, body in found}
    for name in finals:
        base, body = stages[name]
        whole = body + (stages[base][1] if base in stages else "")
        for needed in ("USER 10001:0", "HEALTHCHECK", "ENTRYPOINT [", "GRPS_LOG_STDERR=json"):
            assert needed in whole, (name, needed)
        assert "org.opencontainers.image.title" in body
        assert not re.search(r"^(RUN|ADD)", body, re.MULTILINE), name


def test_files_beside_the_images() -> None:
    folder = REPOSITORY / "deploy" / "compose"
    services = yaml.safe_load((folder / "compose.yml").read_text())["services"]
    assert set(services) == {"grps", "prometheus", "grafana"}
    for service in services.values():
        for volume in service["volumes"]:
            if isinstance(volume, dict) and volume["source"].startswith("."):
                assert (folder / volume["source"]).is_dir(), volume
    provided = yaml.safe_load((folder / "grafana/dashboards/grps.yml").read_text())
    targets = [volume["target"] for volume in services["grafana"]["volumes"]]
    assert provided["providers"][0]["options"]["path"] in targets
    json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text())
