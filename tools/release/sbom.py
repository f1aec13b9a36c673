"""The list of software in a release, as CycloneDX 1.6: crates that are linked, packages needed."""

from __future__ import annotations

import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from email.parser import Parser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.requirements import Requirement

from tools.release.commands import run
from tools.release.plan import PACKAGE, SERVER, Plan

Component = dict[str, Any]
MODULE_CRATE, SERVER_CRATE = "grps-py", "grps-bin"
LOCKED = re.compile(
    r'^name = "(?P<name>[^"]+)"\nversion = "(?P<version>[^"]+)"\nsource = .*\n'
    r'checksum = "(?P<digest>[0-9a-f]{64})"$',
    re.MULTILINE,
)


class Crates:
    """The crates that are linked into the module or the server."""

    def __init__(self, source: Path, platforms: tuple[str, ...]) -> None:
        """Ask Cargo about a workspace.

        Args:
            source: The folder of the repository.
            platforms: Those of the release, as Rust names them.
        """
        lock = (source / "Cargo.lock").read_text(encoding="utf-8")
        self._digests = {
            (one["name"], one["version"]): one["digest"] for one in LOCKED.finditer(lock)
        }
        self._packages: dict[str, dict[str, Any]] = {}
        self._needs: dict[str, set[str]] = {}
        for platform in platforms:
            command = ["cargo", "metadata", "--format-version", "1", "--locked"]
            read = json.loads(run([*command, "--filter-platform", platform], source))
            self._packages |= {one["id"]: one for one in read["packages"]}
            for node in read["resolve"]["nodes"]:
                self._needs.setdefault(node["id"], set()).update(_linked(node))

    def components(self) -> tuple[list[Component], list[dict[str, Any]]]:
        """Return the crates, and which needs which."""
        found: set[str] = set()
        left = [self._id(MODULE_CRATE), self._id(SERVER_CRATE)]
        while left:
            crate = left.pop()
            if crate not in found:
                found.add(crate)
                left += self._needs.get(crate, ())
        edges = [
            {
                "ref": self._reference(one),
                "dependsOn": sorted(map(self._reference, self._needs.get(one, ()))),
            }
            for one in found
        ]
        return [self._component(one) for one in found], edges

    def reference(self, name: str) -> str:
        """Return how the document names a crate of the workspace."""
        return self._reference(self._id(name))

    def _id(self, name: str) -> str:
        ours = (one for one in self._packages.values() if one["source"] is None)
        return str(next(one["id"] for one in ours if one["name"] == name))

    def _reference(self, identity: str) -> str:
        crate = self._packages[identity]
        return f"cargo:{crate['name']}@{crate['version']}"

    def _component(self, identity: str) -> Component:
        crate = self._packages[identity]
        name, version = crate["name"], crate["version"]
        made: Component = {
            "type": "library",
            "bom-ref": self._reference(identity),
            "name": name,
            "version": version,
        }
        if crate["license"]:
            # An older way to write a choice.
            made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", crate["license"])}]
        if crate["source"] is not None:
            made["purl"] = f"pkg:cargo/{name}@{quote(version)}"
        if digest := self._digests.get((name, version)):
            made["hashes"] = [{"alg": "SHA-256", "content": digest}]
        return made


def _linked(node: dict[str, Any]) -> Iterator[str]:
    """Yield what a crate is linked with: no needs of build scripts and of tests."""
    for need in node["deps"]:
        if any(kind["kind"] is None for kind in need["dep_kinds"]):
            yield need["pkg"]


def python_requirements(wheel: Path) -> list[Component]:
    """Return what a wheel says it needs; what only an extra needs is optional."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    needs: dict[str, list[Requirement]] = {}
    for line in metadata.get_all("Requires-Dist", ()):
        need = Requirement(line)
        normalized = re.sub(r"[-_.]+", "-", need.name).lower()
        if normalized != PACKAGE:
            needs.setdefault(normalized, []).append(need)
    return [_requirement(name, asked) for name, asked in needs.items()]


def _requirement(name: str, asked: list[Requirement]) -> Component:
    is_required = any("extra" not in str(one.marker or "") for one in asked)
    return {
        "type": "library",
        "bom-ref": f"pypi:{name}",
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "scope": "required" if is_required else "optional",
        "properties": [{"name": "grps:requirement", "value": str(one)} for one in asked],
    }


def document(plan: Plan, crates: Crates, requirements: list[Component]) -> dict[str, Any]:
    """Return the list of a release; the same release gives the same bytes."""
    linked, edges = crates.components()
    package, server = f"{PACKAGE}@{plan.version}", f"{SERVER}@{plan.version}"
    programs = [
        {"type": "application", "bom-ref": server, "name": SERVER, "version": plan.version},
    ]
    needed = [one["bom-ref"] for one in requirements]
    edges += [
        {"ref": package, "dependsOn": sorted([crates.reference(MODULE_CRATE), server, *needed])},
        {"ref": server, "dependsOn": [crates.reference(SERVER_CRATE)]},
    ]
    made = datetime.fromtimestamp(plan.committed_at, timezone.utc)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, f'{package} {plan.commit}')}",
        "version": 1,
        "metadata": {
            "timestamp": made.isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": package,
                "name": PACKAGE,
                "version": plan.version,
                "licenses": [{"expression": "Apache-2.0"}],
                "purl": f"pkg:pypi/{PACKAGE}@{quote(plan.python_version)}",
            },
            "properties": [{"name": "grps:commit", "value": plan.commit}],
        },
        "components": sorted([*programs, *linked, *requirements], key=lambda one: one["bom-ref"]),
        "dependencies": sorted(edges, key=lambda one: str(one["ref"])),
    }


def write_sbom(plan: Plan, source: Path, wheel: Path) -> Path:
    """Write the list of a release; return its file."""
    crates = Crates(source, tuple(target.rust for target in plan.targets))
    made = document(plan, crates, python_requirements(wheel))
    plan.sbom().write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return plan.sbom()


VALIDATE = (
    "import sys; from cyclonedx.schema import SchemaVersion; "
    "from cyclonedx.validation.json import JsonStrictValidator; "
    "problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read()); "
    "sys.exit(problem and str(problem))"
)


def check_sbom(file: Path, python: Path) -> None:
    """Check the list against the schema of CycloneDX.

    Args:
        file: The list.
        python: A Python that has the package ``cyclonedx-python-lib`` with its validator.

    Raises:
        ReleaseError: It does not fit.
    """
    run([python, "-c", VALIDATE, file], file.parent)
