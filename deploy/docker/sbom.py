"""Writes which software an image contains, as CycloneDX 1.6; it runs while the image is built.

It uses only the standard library, as it runs in the Python of the image.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

Component = dict[str, Any]


def python_packages(only: list[str]) -> Iterator[Component]:
    """Yield the installed packages, and what they say they contain (PEP 770)."""
    for package in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", package.name).lower()
        if only and name not in only:
            continue
        yield component("pypi", name, package.version, f"pkg:pypi/{name}@{quote(package.version)}")
        for file in package.files or ():
            if file.parent.name == "sboms" and file.name.endswith(".json"):
                text = Path(str(package.locate_file(file))).read_text(encoding="utf-8")
                yield from json.loads(text).get("components", ())


def debian_packages(status: str) -> Iterator[Component]:
    """Yield the installed packages of dpkg's status file."""
    for record in status.split("\n\n"):
        fields = dict(re.findall(r"^([A-Z][\w-]*): (.*)$", record, re.MULTILINE))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version = fields["Package"], fields["Version"]
        place = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={fields['Architecture']}"
        yield component("deb", name, version, place)


def component(kind: str, name: str, version: str, place: str) -> Component:
    """Return a package; its reference is unique among all kinds."""
    return {
        "type": "library",
        "bom-ref": f"{kind}:{name}@{version}",
        "name": name,
        "version": version,
        "purl": place,
    }


def document(found: Iterator[Component]) -> dict[str, Any]:
    """Return the document: each component once, in the order of their references."""
    by_reference = {one.get("bom-ref") or f"{one['name']}@{one['version']}": one for one in found}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "components": [by_reference[reference] for reference in sorted(by_reference)],
    }


def main() -> None:
    """Write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debian", type=Path, required=True, help="status file of dpkg")
    parser.add_argument("--only", nargs="*", default=[], help="names of Python packages")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    arguments = parser.parse_args()

    def found() -> Iterator[Component]:
        yield from python_packages(arguments.only)
        yield from debian_packages(arguments.debian.read_text(encoding="utf-8"))

    arguments.output.write_text(json.dumps(document(found()), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
