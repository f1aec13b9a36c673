"""Projects in C++ from creation to the last request, with the real tool, compiler and server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.integration.projects.conftest import BUILD_S, WAIT_S, Dev, Grpst, state_of
from tests.unit.deploy.archive.archives import write_tree

SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"


@pytest.mark.timeout(900)
def test_from_create_to_stop(grpst: Grpst, tmp_path: Path) -> None:
    project = tmp_path / "demo"
    said = grpst("create", project, "--project_type", "cpp")
    assert "(14 files)" in said
    write_tree(project, {"conf/server.yml": SERVER})
    said = grpst("archive", project, timeout_s=BUILD_S)
    assert "  unit tests: " in said
    assert "15 files)" in said
    said = grpst("start", "server.mar", "--no_logging")
    http, rpc = (f"127.0.0.1:{port}" for port in state_of("my_grps").ports)
    for command in (
        ["bash", "client/client.sh", f"http://{http}"],
        [sys.executable, "client/http_client.py", f"http://{http}"],
        [sys.executable, "client/grpc_client.py", rpc],
    ):
        shown = subprocess.run(
            command, cwd=project, check=True, capture_output=True, text=True, timeout=WAIT_S
        ).stdout
        assert "4.0" in shown or "5.0" in shown or "flat_float32: 4" in shown
    log = tmp_path / "home" / "my_grps" / "logs" / "grps_server.log"
    assert "loaded: y = 2.0" in log.read_text()
    grpst("stop", "my_grps")


@pytest.mark.timeout(900)
def test_dev_builds_again(grpst: Grpst, tmp_path: Path) -> None:
    project = tmp_path / "p"
    grpst("create", project, "--project_type", "cpp")
    build = (project / "CMakeLists.txt").read_text()
    without_tests = build[: build.index("# Unit tests")]
    write_tree(project, {"conf/server.yml": SERVER, "CMakeLists.txt": without_tests})
    server = Dev(project, BUILD_S)
    with server:
        base = server.ready()

        def ask() -> list[list[float]]:
            url = f"{base}/grps/v1/infer/predict?return-ndarray=true"
            answer = requests.post(url, json={"ndarray": [[1, 2]]}, timeout=WAIT_S).json()
            found: list[list[float]] = answer["ndarray"]
            return found

        assert ask() == [[2, 4]]
        code = project / "src" / "your_inferer.cpp"
        sound = code.read_text()
        code.write_text(sound.replace("factor_ * x[index]", "factor_ * x[oops]"))
        server.wait("dev: changed: src/your_inferer.cpp; building")
        server.wait("was not declared in this scope")
        server.wait("dev: not built; the server runs on with the last build; change a file to")
        assert ask() == [[2, 4]]
        code.write_text(sound.replace("factor_ * x[index]", "5 * x[index]"))
        assert server.ready() == base
        assert ask() == [[5, 10]]
