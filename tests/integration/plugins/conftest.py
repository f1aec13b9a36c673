"""The plugin of the tests, compiled once, and models that it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from grps.deploy.native import PROGRAM
from tests.step_models import ISOLATIONS
from tests.support import REPOSITORY

SDK = REPOSITORY / "sdk" / "cpp"
FLAGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")


@pytest.fixture(scope="package")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled ``sdk/cpp/tests/plugin.cpp``."""
    target = tmp_path_factory.mktemp("plugin") / "libtests.so"
    source = SDK / "tests" / "plugin.cpp"
    command = ["g++", *FLAGS, f"-I{SDK / 'include'}", "-o", str(target), str(source)]
    subprocess.run(command, check=True)
    return target


def plugin_model(name: str, library: Path, **keys: Any) -> dict[str, Any]:
    """Return a model that the inferer of the same name runs."""
    return {
        "name": name,
        "version": "1.0.0",
        "inferer_type": "plugin",
        "inferer_path": str(library),
        "inferer_name": name,
        **keys,
    }


@pytest.fixture(scope="package")
def steps_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compiled ``sdk/cpp/tests/steps.cpp``, whose step models note what they see."""
    target = tmp_path_factory.mktemp("steps") / "libsteps.so"
    source = SDK / "tests" / "steps.cpp"
    command = ["g++", *FLAGS, f"-I{SDK / 'include'}", "-o", str(target), str(source)]
    subprocess.run(command, check=True)
    return target


def step_plugin(model: dict[str, Any], library: Path, isolation: str = "thread") -> dict[str, Any]:
    """Return a model of ``tests.step_models`` that the plugin runs in place of code in Python."""
    kept = {key: value for key, value in model.items() if not key.startswith("converter_")}
    runs = {"inferer_type": "plugin", "inferer_path": str(library), "isolation": isolation}
    return {**kept, **runs}


STEP_SERVERS = [
    pytest.param((program, isolation), id=f"{name}-{isolation}")
    for program, name in ((None, "python"), (PROGRAM, "native"))
    for isolation in ISOLATIONS
]
"""Both servers, with the step models of plugins in threads and in processes."""
