"""The list of software in an image."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from tests.support import REPOSITORY

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u14
Description: GNU C Library
 Version: not a field

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


def test_packages_of_python_and_debian_are_listed(tmp_path: Path) -> None:
    status, output = tmp_path / "status", tmp_path / "sbom.json"
    status.write_text(STATUS)
    program = REPOSITORY / "deploy" / "docker" / "sbom.py"
    words = ["--debian", str(status), "--output", str(output), "--only", "click"]
    subprocess.run([sys.executable, str(program), *words], check=True)
    found = json.loads(output.read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    version = metadata.version("click")
    assert [one["purl"] for one in found["components"]] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64",
        f"pkg:pypi/click@{version}",
    ]
    references = [one["bom-ref"] for one in found["components"]]
    assert len(set(references)) == len(references)
