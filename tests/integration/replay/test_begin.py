"""Threads that begin the same replay at once never wait for each other forever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import requests

from tests.support import GUARD_S, REPOSITORY, serving, write_project

CAPTURE = "/grps/v1/admin/capture"
SCRIPT = """
import sys, threading
from pathlib import Path
from grps.perf.replay import Replay
from grps.perf.target import Target

def send(replay, barrier, outcomes):
    barrier.wait()
    try:
        replay.send(Target("127.0.0.1", int(sys.argv[2])), None, 1)
        outcomes.append("sent")
    except RuntimeError as error:
        outcomes.append(str(error))

for _ in range(10):
    replay, barrier, outcomes = Replay(Path(sys.argv[1])), threading.Barrier(6), []
    threads = [threading.Thread(target=send, args=(replay, barrier, outcomes)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "sent" in outcomes and len(outcomes) == 6, outcomes
"""


def test_a_replay_is_begun_by_several_threads(tmp_path: Path) -> None:
    models = [{"name": "m", "version": "1", "inferer_type": "identity"}]
    folder = write_project(tmp_path, models, {"capture": {"enabled": True}})
    with serving(folder) as server:
        for _ in range(3):
            assert server.post({"model": "m", "str_data": "x"}).status_code == 200
        file = tmp_path / "requests.grpscap"
        file.write_bytes(requests.get(server.url(f"{CAPTURE}/records"), timeout=GUARD_S).content)
        port = str(server.ports[0])
        command = [sys.executable, "-c", SCRIPT, str(file), port]
        ran = subprocess.run(
            command, cwd=REPOSITORY, timeout=120, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
