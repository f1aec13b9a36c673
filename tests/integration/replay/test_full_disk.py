"""A capture whose disk is full keeps what is whole, and another one can be started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.support import GUARD_S, STOP_TIMEOUT_S, RunningServer, wait_for, write_project

CAPTURE = "/grps/v1/admin/capture"
ROOM = 293 * 1024
"""Bytes that the file of the capture can have: writes beyond fail as on a disk that is full."""
TEXT = "x" * 10_000
LIMITED = ["bash", "-c", f"trap '' XFSZ; ulimit -f {ROOM // 1024}; exec \"$@\"", "bash"]


@pytest.fixture(params=[None, PROGRAM], ids=["python", "native"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    models = [{"name": "m", "version": "1", "inferer_type": "identity"}]
    folder = write_project(tmp_path, models, {"capture": {"max_bytes": 64 << 20}})
    program = [sys.executable, "-m", "grps.server"] if request.param is None else [request.param]
    state = folder / "run" / "state.json"
    command = [*LIMITED, *program, "--project", folder, "--state_file", state]
    with (folder / "stderr.log").open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    try:
        yield RunningServer(process, folder, wait_for(process, folder, "ready").ports)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def admin(server: RunningServer, method: str, path: str = "") -> requests.Response:
    reply = requests.request(method, server.url(CAPTURE + path), timeout=GUARD_S)
    assert reply.status_code == 200, reply.text
    return reply


def test_what_is_whole_can_be_fetched(server: RunningServer) -> None:
    for _ in range(2):
        assert admin(server, "POST", "/start").json()["state"] == "running"
        for _ in range(30):
            assert server.post({"model": "m", "str_data": TEXT}).status_code == 200
        content = admin(server, "GET", "/records").content
        state = admin(server, "GET").json()
        assert state["state"] == "failed"
        assert "File too large" in state["error"]
        # Each has the text as request and as reply.
        assert state["records"] == content.count(TEXT.encode()) // 2 == ROOM // 20_000 - 1
        assert state["bytes"] == len(content) <= ROOM
        files = list((server.folder / "capture").iterdir())
        assert [file.stat().st_size for file in files] == [state["bytes"]]
        page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
        assert f"grps_capture_records {state['records']}" in page
        assert admin(server, "POST", "/stop").json()["records"] == state["records"]
        assert admin(server, "GET", "/records").content == content
