"""The weights of versions apply from the first request, also while other versions are loaded."""

from __future__ import annotations

from pathlib import Path

from tests.integration.traffic.versions import served, versioned, write
from tests.support import STOP_TIMEOUT_S, RunningServer, launch, wait_for, wait_until

BODY = {"model": "m", "str_data": "x"}


def test_a_version_without_weight_gets_no_request_while_others_load(tmp_path: Path) -> None:
    models = [versioned("2"), versioned("1", "load late")]
    folder = write(tmp_path, models, weights={"1": 1, "2": 0})
    process = launch(folder)
    try:
        server = RunningServer(process, folder, wait_for(process, folder, "loading").ports)
        named = {**BODY, "model": "m-2"}
        wait_until(lambda: server.post(named).status_code == 200, "version 2 is loaded")
        for _ in range(5):
            assert server.post(BODY).status_code == 503
        server.release()
        wait_for(process, folder, "ready")
        assert server.post(BODY).status_code == 200
        assert served(server)["m-1"] == 1
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
