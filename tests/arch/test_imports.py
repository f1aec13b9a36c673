"""Importing GRPS stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.checks.imports import FRAMEWORKS, engine_of
from tools.repository import source_files

LOAD = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*(name for name in sys.modules if "." not in name))
"""


@pytest.mark.parametrize("package", ["grps", "grps_framework"])
def test_no_module_loads_a_framework(package: str) -> None:
    paths = [path.with_suffix("") for path in source_files() if path.suffix == ".py"]
    modules = [
        ".".join(path.parts).removesuffix(".__init__")
        for path in paths
        if path.parts[0] == package and path.name != "__main__" and "templates" not in path.parts
    ]
    modules = [module for module in modules if engine_of(module) is None]
    answer = subprocess.run(
        [sys.executable, "-c", LOAD, *modules], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    loaded = set(answer.stdout.split())
    assert package in loaded
    assert not loaded & FRAMEWORKS
