"""What the package has besides its modules: the SDK for C++, outside of ``grps``, and examples."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from tools.repository import ROOT, source_files

SDK = Path("sdk", "cpp")
EXAMPLES = Path("grps", "deploy", "project", "templates", "examples")
SHIPPED = ("include", "cmake", "engines")
"""Folders of the SDK that projects and native engines use."""


def test_the_package_has_the_sdk_and_examples(tmp_path: Path) -> None:
    """The list of what a wheel includes is that of the source package, which builds in seconds."""
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as archive:
        packed = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    files = [path for path in source_files() if path.is_relative_to(SDK)]
    wanted = {Path("grps") / path for path in files if path.relative_to(SDK).parts[0] in SHIPPED}
    assert Path("grps/sdk/cpp/include/grps/plugin.hpp") in wanted
    assert Path("grps/sdk/cpp/cmake/grps-config.cmake") in wanted
    assert wanted - packed == set()
    examples = [path for path in source_files() if path.is_relative_to(EXAMPLES)]
    assert EXAMPLES / "graph" / "conf" / "inference.yml" in examples
    assert {*examples} - packed == set()
    included = (ROOT / "pyproject.toml").read_text()
    for folder in SHIPPED:
        line = f'{{ path = "grps/sdk/cpp/{folder}/**/*", format = ["sdist", "wheel"] }}'
        assert line in included
