"""The list of software of a release."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tools.release.plan import TARGETS, Plan
from tools.release.sbom import write_sbom
from tools.repository import ROOT

METADATA = """\
Metadata-Version: 2.4
Name: grpst
Version: 1.2.3
Requires-Dist: PyYAML>=6.0
Requires-Dist: onnxruntime>=1.17 ; extra == 'onnx'
Requires-Dist: torch>=2.4 ; extra == 'torch'
Requires-Dist: torch>=2.4 ; extra == 'decoder'
Requires-Dist: grpst[torch] ; extra == 'all'

Text.
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("sbom")
    wheel = folder / "grpst-1.2.3-cp310-abi3-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("grpst-1.2.3.dist-info/METADATA", METADATA)
    target = TARGETS["x86_64"]
    plan = Plan("1.2.3", "0" * 40, 1_700_000_000, (target,), "dev", folder, folder)
    file = write_sbom(plan, ROOT, wheel)
    first = file.read_text()
    assert write_sbom(plan, ROOT, wheel).read_text() == first
    yield json.loads(first)


def test_linked_crates_are_listed_with_their_checksums(listed: dict[str, Any]) -> None:
    crates = {
        one["name"]: one for one in listed["components"] if one["bom-ref"].startswith("cargo:")
    }
    lock = (ROOT / "Cargo.lock").read_text()
    for name in ("pyo3", "tokio", "ring", "mimalloc"):
        crate = crates[name]
        assert crate["purl"] == f"pkg:cargo/{name}@{crate['version']}"
        assert crate["hashes"][0]["content"] in lock
        assert crate["licenses"][0]["expression"]
    assert {"grps-core", "grps-py", "grps-bin"} <= set(crates)
    assert "purl" not in crates["grps-core"]
    # Of tests, of benchmarks, and of build scripts.
    assert not {"proptest", "criterion", "cc"} & set(crates)


def test_packages_are_listed_with_what_is_asked_of_them(listed: dict[str, Any]) -> None:
    packages = {
        one["name"]: one for one in listed["components"] if one["bom-ref"].startswith("pypi:")
    }
    assert set(packages) == {"pyyaml", "onnxruntime", "torch"}
    assert packages["pyyaml"]["scope"] == "required"
    assert packages["onnxruntime"]["scope"] == "optional"
    assert len(packages["torch"]["properties"]) == 2


def test_references_lead_to_components(listed: dict[str, Any]) -> None:
    own = listed["metadata"]["component"]
    references = [own["bom-ref"], *(one["bom-ref"] for one in listed["components"])]
    assert len(references) == len(set(references))
    needs = {one["ref"]: one["dependsOn"] for one in listed["dependencies"]}
    assert set(needs) <= set(references)
    assert {one for needed in needs.values() for one in needed} <= set(references)
    assert {"grps-server@1.2.3", "pypi:pyyaml"} <= set(needs[own["bom-ref"]])
