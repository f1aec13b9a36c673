"""From an archive or a folder to a service folder."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from grps.deploy.archive.pack import pack
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.checking import check_project, run_test
from grps.deploy.project.creation import create_project
from grps.deploy.project.deployment import (
    Deployment,
    Overrides,
    Reports,
    deploy_archive,
    deploy_folder,
    deployed,
)
from grps.errors import ArchiveError, ConfigError, DeployError
from tests.unit.deploy.archive.archives import write_tree

REPORTS = Reports(lambda what, done, total: None, lambda line: None)
SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"


@pytest.fixture
def service(grps_home: Path) -> ServiceFolder:
    return ServiceFolder.of("demo")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    create_project(tmp_path / "project")
    return write_tree(tmp_path / "project", {"conf/server.yml": SERVER})


def archived(project: Path) -> Path:
    output = project.with_suffix(".mar")
    pack(project, output, "1", REPORTS.on_bytes)
    return output


def deploy(service: ServiceFolder, project: Path, **overrides: Path) -> Deployment:
    given = Overrides(overrides.get("inference"), overrides.get("server"))
    return deploy_archive(service, archived(project), given, REPORTS)


def shape(folder: ServiceFolder) -> list[str]:
    return sorted(path.name for path in folder.root.iterdir())


def test_archive(service: ServiceFolder, project: Path) -> None:
    deployment = deploy(service, project)
    assert shape(service) == ["conf", "project", "run"]
    assert (service.project / "src" / "customized_inferer.py").is_file()
    assert service.server_conf.read_text() == SERVER
    command = [sys.executable, "-m", "grps.server", "--project", str(service.project)]
    command += ["--service", str(service.root), "--state_file", str(service.state)]
    assert deployment.command == command
    assert deployment.project.folder == service.project


def test_overrides(service: ServiceFolder, project: Path, tmp_path: Path) -> None:
    other = write_tree(tmp_path, {"o.yml": SERVER + "max_concurrency: 3\n"}) / "o.yml"
    deployment = deploy(service, project, server=other)
    assert deployment.project.server.max_concurrency == 3
    assert service.server_conf.read_text() == other.read_text()
    assert (service.project / "conf" / "server.yml").read_text() == other.read_text()
    inference = write_tree(tmp_path, {"i.yml": "models: 1\n"}) / "i.yml"
    with pytest.raises(ConfigError, match=r"i\.yml:1: models: expected a list"):
        deploy(service, project, inference=inference)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_host_and_port_stand_in_for_those_of_the_project(
    service: ServiceFolder, project: Path, kind: str
) -> None:
    text = "# mine\ninterface:\n  framework: http # one port\n  port: 7080\n"
    write_tree(project, {"conf/server.yml": text})
    overrides = Overrides(host="127.0.0.1", port="0")
    if kind == "archive":
        deployment = deploy_archive(service, archived(project), overrides, REPORTS)
    else:
        deployment = deploy_folder(service, project, overrides, REPORTS)
    interface = deployment.project.server.interface
    assert (interface.host, interface.ports) == ("127.0.0.1", (0,))
    edited = service.server_conf.read_text()
    assert "# mine\n" in edited
    assert "framework: http # one port" in edited
    assert (project / "conf" / "server.yml").read_text() == text
    assert deployed(service) == deployment


def test_an_edited_configuration_is_kept(service: ServiceFolder, project: Path) -> None:
    lines: list[str] = []
    reports = Reports(REPORTS.on_bytes, lines.append)
    deploy_folder(service, project, Overrides(), reports)
    deploy_folder(service, project, Overrides(), reports)
    write_tree(project, {"conf/server.yml": f"{SERVER}max_concurrency: 3\n"})
    deploy_folder(service, project, Overrides(), reports)
    assert lines == [], "nothing was edited in the service folder"
    service.server_conf.write_text(f"{SERVER}# mine\n")
    deploy_folder(service, project, Overrides(), reports)
    assert lines == [
        f"note: {service.server_conf} was edited; it is replaced, and the edited file is kept as "
        "server.yml.edited-1 (to serve an edited configuration: grpst restart demo)"
    ]
    kept = service.server_conf.with_name("server.yml.edited-1")
    assert kept.read_text() == f"{SERVER}# mine\n"
    service.server_conf.write_text("- broken")
    deploy(service, project)
    assert kept.with_name("server.yml.edited-2").read_text() == "- broken"
    assert kept.read_text() == f"{SERVER}# mine\n"


def test_keys_are_not_dropped(service: ServiceFolder, project: Path) -> None:
    deploy(service, project)
    guarded = f"{SERVER}auth: {{keys: [{{name: me, sha256: {'ab' * 32}, scopes: [infer]}}]}}\n"
    service.server_conf.write_text(guarded)
    with pytest.raises(DeployError, match="has `auth`; the new configuration has none") as refused:
        deploy(service, project)
    assert "grpst restart demo" in str(refused.value)
    assert service.server_conf.read_text() == guarded
    write_tree(project, {"conf/server.yml": f"{guarded}# of the project\n"})
    deploy(service, project)
    service.server_conf.write_text(SERVER)
    write_tree(project, {"conf/server.yml": f"{SERVER}# without\n"})
    deploy(service, project)


def test_what_was_deployed(service: ServiceFolder, project: Path) -> None:
    service.inference_conf.parent.mkdir(parents=True)
    with pytest.raises(DeployError, match="is missing, so it is not known what 'demo' serves"):
        deployed(service)
    assert deploy(service, project) == deployed(service)
    deployment = deploy_folder(service, project, Overrides(), REPORTS)
    assert deployment == deployed(service)
    service.server_conf.write_text(f"{SERVER}max_concurrency: 3\n")
    assert deployed(service).project.server.max_concurrency == 3
    project.rename(project.with_name("moved"))
    with pytest.raises(DeployError, match=r"project is missing, which 'demo' was deployed with"):
        deployed(service)


def test_replaces_all_of_the_old(service: ServiceFolder, project: Path) -> None:
    deploy(service, write_tree(project, {"old.txt": "", "x.txt": "old"}))
    (project / "old.txt").unlink()
    write_tree(service.root, {"logs/grps_server.log": "kept"})
    deploy(service, write_tree(project, {"x.txt": "new"}))
    assert (service.project / "x.txt").read_text() == "new"
    assert not (service.project / "old.txt").exists()
    assert shape(service) == ["conf", "logs", "project", "run"]


def test_failure_leaves_the_old(service: ServiceFolder, project: Path) -> None:
    deploy(service, write_tree(project, {"x.txt": "old"}))
    write_tree(project, {"x.txt": "new", "requirements.txt": "-e .\n"})
    with pytest.raises(DeployError, match="the option -e"):
        deploy(service, project)
    write_tree(project, {"requirements.txt": "", "conf/server.yml": "portt: 1\n"})
    with pytest.raises(ConfigError, match="unknown key 'portt'"):
        deploy(service, project)
    assert (service.project / "x.txt").read_text() == "old"
    assert shape(service) == ["conf", "project", "run"]


def test_failure_of_the_first_leaves_nothing(service: ServiceFolder, project: Path) -> None:
    archive = archived(project)
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(ArchiveError):
        deploy_archive(service, archive, Overrides(), REPORTS)
    assert not service.root.exists()
    write_tree(project, {"conf/inference.yml": "models: []\n"})
    with pytest.raises(ConfigError):
        deploy_folder(service, project, Overrides(), REPORTS)
    assert not service.root.exists()


def test_taken_port_is_found_before_anything_is_replaced(
    service: ServiceFolder, project: Path
) -> None:
    deploy(service, write_tree(project, {"x.txt": "old"}))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = f"interface: {{host: 127.0.0.1, framework: http, port: {port}}}\n"
        write_tree(project, {"x.txt": "new", "conf/server.yml": text})
        with pytest.raises(DeployError, match=f"port {port} is in use"):
            deploy(service, project)
    assert (service.project / "x.txt").read_text() == "old"


def test_interrupted_deployment_is_put_right(service: ServiceFolder, project: Path) -> None:
    write_tree(service.root, {".outgoing/x.txt": "old", ".incoming/a": "", "..incoming.x1/a": ""})
    write_tree(project, {"conf/server.yml": "portt: 1\n"})
    with pytest.raises(ConfigError):
        deploy(service, project)
    assert (service.project / "x.txt").read_text() == "old"
    assert shape(service) == ["project"]


def test_folder(service: ServiceFolder, project: Path, tmp_path: Path) -> None:
    deploy(service, project)
    other = write_tree(tmp_path, {"o.yml": SERVER + "max_concurrency: 3\n"}) / "o.yml"
    deployment = deploy_folder(service, project, Overrides(server=other), REPORTS)
    assert shape(service) == ["conf", "run"]
    assert deployment.project.server.max_concurrency == 3
    assert deployment.project.folder == project
    assert deployment.command[3:5] == ["--project", str(project)]
    assert (project / "conf" / "server.yml").read_text() == SERVER


def test_create_refuses_what_is_there(tmp_path: Path) -> None:
    create_project(tmp_path / "new" / "deep")
    (tmp_path / "empty").mkdir()
    written = create_project(tmp_path / "empty")
    assert {"src/__init__.py", "data/.gitkeep"} <= {*written}
    with pytest.raises(DeployError, match="is not empty"):
        create_project(tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(DeployError, match="file is not a folder"):
        create_project(tmp_path / "file")


def test_check_before_packing(project: Path) -> None:
    assert check_project(project) == []
    model = "models:\n  - {name: m, version: '1', inferer_type: onnxruntime, inferer_path: %s}\n"
    write_tree(project, {"conf/inference.yml": model % "./data/m.onnx"})
    with pytest.raises(ArchiveError, match=r"m-1: inferer_path \./data/m\.onnx is not in"):
        check_project(project)
    write_tree(project, {"conf/inference.yml": model % "/models/m.onnx"})
    assert check_project(project) == ["m-1: /models/m.onnx is not packed, as its path is absolute"]


def test_check_finds_missing_code(project: Path) -> None:
    (project / "src" / "customized_converter.py").unlink()
    with pytest.raises(ArchiveError, match=r"src/customized_converter\.py is missing"):
        check_project(project)


@pytest.mark.parametrize(
    ("missing", "types"),
    [
        ("customized_converter", "inferer_type: customized, inferer_name: your_inferer"),
        (
            "customized_converter",
            "inferer_type: customized, inferer_name: your_inferer, converter_type: none",
        ),
        ("customized_inferer", "inferer_type: identity, converter_type: customized"),
        (
            "customized_inferer",
            "inferer_type: torch, inferer_path: data/.gitkeep, converter_type: customized",
        ),
    ],
)
def test_one_of_the_two_modules_is_enough(project: Path, missing: str, types: str) -> None:
    (project / "src" / f"{missing}.py").unlink()
    model = f"models:\n  - {{name: m, version: '1', converter_name: your_converter, {types}}}\n"
    write_tree(project, {"conf/inference.yml": model})
    assert check_project(project) == []
    other = {"customized_inferer", "customized_converter"} - {missing}
    (project / "src" / f"{other.pop()}.py").unlink()
    with pytest.raises(ArchiveError, match=r"is missing; m-1 needs it for its (inferer|converter)"):
        check_project(project)


def named(project: Path, inferer: str, code: str) -> list[str]:
    model = f"{{name: m, version: '1', inferer_type: customized, inferer_name: {inferer}}}"
    tree = {"conf/inference.yml": f"models: [{model}]\n", "src/customized_inferer.py": code}
    return check_project(write_tree(project, tree))


def test_names_that_the_code_registers(project: Path) -> None:
    code = "from grps import inferer_register, converter_register\n"
    one = f"{code}inferer_register.register('one', object())\n"
    assert named(project, "one", one) == []
    with pytest.raises(DeployError, match=r"m-1: inferer_name 'onne' is not registered in .*src"):
        named(project, "onne", one)
    with pytest.raises(DeployError, match=r"\(did you mean 'one'\?\); registered: one"):
        named(project, "onne", one)
    loop = f"{code}for n in 'ab':\n  inferer_register.register(n * 2, object())\n"
    assert named(project, "bb", loop) == [], "names that are computed"
    other = one.replace("inferer_register.", "converter_register.")
    with pytest.raises(DeployError, match=r"'one' is not registered .*; registered: none"):
        named(project, "one", other)


def test_code_that_cannot_be_imported_here(project: Path) -> None:
    (note,) = named(project, "one", "import no_such_package\n")
    assert note == (
        "m-1: src registers no inferer as 'one', as far as its source shows; "
        "it can't be imported here"
    )
    with pytest.raises(DeployError, match=r"customized_inferer\.py:1: invalid syntax"):
        named(project, "one", "def f(:\n")


def test_all_files_of_a_model_are_looked_for(project: Path) -> None:
    keys = "inferer_type: onnxruntime, inferer_path: test.py, converter_type: text"
    model = f"{{name: m, version: '1', {keys}, converter_path: data/tokenizer.json}}"
    write_tree(project, {"conf/inference.yml": f"models: [{model}]\n"})
    with pytest.raises(ArchiveError, match=r"m-1: converter_path data/tokenizer\.json is not in"):
        check_project(project)
    write_tree(project, {"data/tokenizer.json": "{}"})
    assert check_project(project) == []


def test_tests_decide(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_tree(project, {"test.py": "print('tested')\n"})
    run_test(project)
    assert capfd.readouterr().out == "tested\n"
    write_tree(project, {"test.py": "raise SystemExit(3)\n"})
    with pytest.raises(ArchiveError, match=r"failed \(exit code 3\); nothing is packed"):
        run_test(project)
    (project / "test.py").unlink()
    with pytest.raises(ArchiveError, match="is missing; write a test"):
        run_test(project)
