"""A plugin that was built with the released header runs with this version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import SDK, plugin_model
from tests.support import serving, write_project

RELEASED = SDK / "tests" / "released"


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_plugin_of_the_released_header_is_served(program: Path | None, tmp_path: Path) -> None:
    library = tmp_path / "libecho.so"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{RELEASED}"]
    command = ["gcc", *flags, "-o", str(library), str(RELEASED / "echo.c")]
    subprocess.run(command, check=True)
    write_project(tmp_path, [plugin_model("echo", library)], dag=["echo-1.0.0"])
    with serving(tmp_path, program) as server:
        answer = server.post({"ndarray": [[1, 2.5]]}, "?return-ndarray=true")
        assert answer.json()["ndarray"] == [[1.0, 2.5]]
