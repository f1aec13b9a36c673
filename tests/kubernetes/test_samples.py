"""The manifests for KServe and KubeRay: valid, and in line with what the service does."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from grps.cli.main import main
from tests.kubernetes.chart import Manifest
from tests.kubernetes.checking import schema_problems
from tests.support import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
FILES = ("kserve/servingruntime.yaml", "kserve/inferenceservice.yaml", "ray/raycluster.yaml")


def manifests(file: str) -> list[Manifest]:
    return list(yaml.safe_load_all((DEPLOY / file).read_text()))


@pytest.mark.parametrize("file", FILES)
def test_samples_are_valid(file: str) -> None:
    assert [text for manifest in manifests(file) for text in schema_problems(manifest)] == []


@pytest.mark.parametrize(
    ("file", "path", "value"),
    [
        (FILES[0], "spec.supportedModelFormat", []),
        (FILES[0], "spec.containers.0.ports.0.containerPort", "http"),
        (FILES[1], "spec.predictor.model.storageUrl", "pvc://models/iris"),
        (FILES[1], "spec.predictor.maxReplicas", "four"),
        (FILES[2], "spec.workerGroupSpecs.0.maxReplica", 8),
        (FILES[2], "spec.authOptions.mode", "tokens"),
    ],
)
def test_planted_errors_are_found(file: str, path: str, value: Any) -> None:
    manifest = deepcopy(manifests(file)[0])
    *parents, last = path.split(".")
    node: Any = manifest
    for key in parents:
        node = node[int(key)] if key.isdigit() else node[key]
    node[last] = value
    assert any(last in text or repr(value) in text for text in schema_problems(manifest))


def test_flags_of_the_runtime_exist() -> None:
    (runtime,) = manifests(FILES[0])
    (service,) = manifests(FILES[1])
    container = runtime["spec"]["containers"][0]
    arguments = [*container["args"], *service["spec"]["predictor"]["model"]["args"]]
    verb, path, *flags = arguments
    shown = CliRunner().invoke(main, [verb, "--help"]).output
    assert path == "/mnt/models"
    for flag in (one for one in flags if one.startswith("--")):
        assert re.search(rf"{flag}\b", shown), flag
    assert flags[flags.index("--port") + 1] == str(container["ports"][0]["containerPort"])


def test_runtime_is_probed_on_routes_of_the_protocol() -> None:
    (runtime,) = manifests(FILES[0])
    container = runtime["spec"]["containers"][0]
    page = (REPOSITORY / "docs" / "protocols" / "open-inference.md").read_text()
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        action = container[probe]["httpGet"]
        assert action["port"] == container["ports"][0]["containerPort"]
        assert action["path"] in page


def test_images_have_the_version_of_the_chart() -> None:
    chart = yaml.safe_load((DEPLOY / "helm" / "grps" / "Chart.yaml").read_text())
    for file in FILES:
        for image in re.findall(r"image: (\S+)", (DEPLOY / file).read_text()):
            assert f":{chart['appVersion']}-" in image
