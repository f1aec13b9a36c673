"""From a model archive of TorchServe to a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grps.deploy.archive.unpack import Limits
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.deployment import Overrides, Reports, deploy_archive, deploy_folder
from grps.deploy.project.requirements import read_requirements
from grps.deploy.project.torchserve import manifest as manifests
from grps.deploy.project.torchserve.project import NO_CHOICES, MarChoices, unpack_as_project
from grps.errors import ArchiveError, DeployError
from grps.server.project import Project
from tests.model_archives import manifest_of, write_mar

HANDLER = {"handler.py": "def handle(data, context): return data\n"}
REPORTS = Reports(lambda what, done, total: None, lambda line: None)


def unpacked(folder: Path, manifest: bytes, choices: MarChoices = NO_CHOICES, **files: str) -> Path:
    archive = folder / "m.mar"
    write_mar(archive, manifest, {**HANDLER, **{k.replace("__", "."): v for k, v in files.items()}})
    project = folder / "project"
    unpack_as_project(archive, project, choices, Limits(), REPORTS.on_bytes)
    return project


def configured(folder: Path, config: str, choices: MarChoices = NO_CHOICES) -> Project:
    manifest = manifest_of("m", "handler.py", configFile="config.yaml")
    return Project.read(unpacked(folder, manifest, choices, config__yaml=config))


def refused(folder: Path, manifest: bytes, **files: str) -> str:
    with pytest.raises(ArchiveError) as raised:
        unpacked(folder, manifest, NO_CHOICES, **files)
    assert str(raised.value).startswith(f"{folder / 'm.mar'}: ")
    return str(raised.value)


def test_defaults(tmp_path: Path) -> None:
    project = Project.read(unpacked(tmp_path, manifest_of("m", "handler.py")))
    (model,) = project.inference.models
    assert (model.key, model.inferer_type, model.inferer_path) == ("m-1.0", "torchserve", "model")
    assert (model.isolation, model.instances, model.device) == ("process", 1, None)
    assert model.batching is not None
    assert model.batching.type == "none"
    assert project.server.torchserve.enabled
    assert project.server.health.hang_timeout_ms == 120_000
    assert read_requirements(project.folder).lines == ()


def test_its_configuration_is_used(tmp_path: Path) -> None:
    config = """
    minWorkers: 3
    maxWorkers: 5
    batchSize: 16
    maxBatchDelay: 20
    responseTimeout: 7
    jobQueueSize: 9
    deviceType: gpu
    deviceIds: [0, 2]
    handler: {anything: 1}
    """
    project = configured(tmp_path, config)
    (model,) = project.inference.models
    assert model.batching is not None
    batching = (model.batching.type, model.batching.max_batch_size, model.batching.batch_timeout_us)
    assert batching == ("dynamic", 16, 20_000)
    assert (model.instances, model.queue.max_length, model.device) == (3, 9, "cuda:0,cuda:2")
    assert project.server.health.hang_timeout_ms == 7000
    assert project.server.max_concurrency == 96


def test_flags_override_it(tmp_path: Path) -> None:
    choices = MarChoices(instances=2, max_batch_size=4)
    (model,) = configured(tmp_path, "minWorkers: 3", choices).inference.models
    assert model.batching is not None
    assert (model.instances, model.batching.max_batch_size) == (2, 4)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("parallelType: pp", "parallelType"),
        ("parallelLevel: 2", "parallelLevel"),
        ("sequenceBatching: true", "sequenceBatching"),
        ("continuousBatching: true", "continuousBatching"),
        ("asyncCommunication: true", "asyncCommunication"),
        ("useJobTicket: true", "jobQueueSize"),
        ("deviceType: neuron", "'neuron' is not served"),
        ("batchSize: 0", "batchSize"),
        ("minWorkers: 65", "minWorkers"),
        ("- a", "Expected"),
        ("a: [", "parsing"),
    ],
)
def test_what_is_not_served(tmp_path: Path, config: str, text: str) -> None:
    with pytest.raises(ArchiveError, match=r"config\.yaml: ") as raised:
        configured(tmp_path, config)
    assert text in str(raised.value)


def test_requirements_are_those_of_the_archive(tmp_path: Path) -> None:
    manifest = manifest_of("m", "handler.py", requirementsFile="needs.txt")
    project = unpacked(tmp_path, manifest, needs__txt="numpy>=1.0\n")
    (line,) = read_requirements(project).lines
    assert (str(line.requirement), line.place) == ("numpy>=1.0", "model/needs.txt:1")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"modelFile": "net.py"}, "model_file 'net.py' is not in the archive"),
        ({"serializedFile": "../x"}, "'../x' is not in the archive"),
        ({"configFile": "/etc/passwd"}, "'/etc/passwd' is not in the archive"),
        ({"modelVersion": "a b"}, "modelVersion 'a b' must be"),
        ({"handler": "other.py"}, "the handler 'other.py' is neither in the archive"),
        ({"handler": "text_classifier"}, "the handler text_classifier of TorchServe is not"),
        ({"handler": 1}, "Expected `str`"),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, keys: dict[str, Any], text: str) -> None:
    manifest = manifest_of("m", **{"handler": "handler.py", **keys})
    assert text in refused(tmp_path, manifest)


def test_other_runtimes_and_malformed_manifests(tmp_path: Path) -> None:
    lsp = manifest_of("m", "handler.py").replace(b'"python"', b'"LSP"')
    assert "runtime 'LSP' is not served" in refused(tmp_path, lsp)
    (tmp_path / "b").mkdir()
    assert "truncated" in refused(tmp_path / "b", b"{")


def test_the_size_of_a_manifest_is_limited(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, manifest_of("m", "handler.py")) / "model"
    for size in (manifests.MAX_BYTES, manifests.MAX_BYTES + 1):
        text = manifest_of("m", "handler.py").ljust(size)
        (folder / "MAR-INF" / "MANIFEST.json").write_bytes(text)
        if size == manifests.MAX_BYTES:
            assert manifests.read_manifest(folder).model_name == "m"
    with pytest.raises(ArchiveError, match="has over 1048576 bytes"):
        manifests.read_manifest(folder)


@pytest.mark.parametrize("handler", [*manifests.OWN_HANDLERS, "handler", "a/handler.py:entry"])
def test_handlers(tmp_path: Path, handler: str) -> None:
    assert unpacked(tmp_path, manifest_of("m", handler)).is_dir()


def test_an_archive_may_bring_torchserve(tmp_path: Path) -> None:
    manifest = manifest_of("m", "text_classifier", requirementsFile="needs.txt")
    assert unpacked(tmp_path, manifest, needs__txt="numpy\ntorchserve==0.12\n").is_dir()


def test_it_is_deployed_as_other_archives(grps_home: Path, tmp_path: Path) -> None:
    service = ServiceFolder.of("demo")
    archive = write_mar(tmp_path / "m.mar", manifest_of("m", "handler.py"), HANDLER)
    overrides = Overrides(host="127.0.0.1", port="0,0", mar=MarChoices(instances=2))
    deployment = deploy_archive(service, archive, overrides, REPORTS)
    assert deployment.project.inference.models[0].instances == 2
    assert (service.project / "model" / "handler.py").is_file()
    bad = write_mar(tmp_path / "bad.mar", manifest_of("m", "other.py"), HANDLER)
    with pytest.raises(ArchiveError):
        deploy_archive(service, bad, overrides, REPORTS)
    assert (service.project / "model" / "handler.py").is_file()
    assert not (service.root / ".incoming").exists()


def test_its_flags_are_for_it_alone(grps_home: Path, tmp_path: Path) -> None:
    overrides = Overrides(mar=MarChoices(max_batch_size=2))
    with pytest.raises(DeployError, match="--max_batch_size: for model archives of TorchServe"):
        deploy_folder(ServiceFolder.of("demo"), tmp_path, overrides, REPORTS)
