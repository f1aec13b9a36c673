"""``grpst top`` and ``grpst logs`` on a service that runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import serving, user_model, wait_until, write_user_project


def grpst(home: Path, *arguments: str) -> str:
    """What the tool prints."""
    command = [str(Path(sys.executable).parent / "grpst"), *arguments]
    environment = {**os.environ, "GRPS_HOME": str(home), "COLUMNS": "200"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_top_shows_rates_and_where_the_time_goes(tmp_path: Path) -> None:
    write_user_project(tmp_path / "demo", [user_model("sleeper"), user_model("raiser")])
    with serving(tmp_path / "demo") as server:
        for _ in range(4):
            server.post({"str_data": "0.02"}, "?model=sleeper")
        server.post({"str_data": "x"}, "?model=raiser")

        def shown(name: str) -> list[str]:
            text = grpst(tmp_path, "top", "demo", "--once", "--interval", "0.3")
            return next(line.split() for line in text.splitlines() if line.startswith(name))

        wait_until(lambda: shown("raiser-1.0.0")[2] == "100.0%", "a tick")
        assert shown("demo ")[1] == "ready"
        sleeper = shown("sleeper-1.0.0")
        assert float(sleeper[3]) >= 20
        assert "█" in sleeper[-1]


def test_the_level_is_changed_and_lines_are_found(tmp_path: Path) -> None:
    write_user_project(tmp_path / "demo", [user_model("raiser")])
    with serving(tmp_path / "demo") as server:
        told = grpst(tmp_path, "logs", "demo", "--set_level", "debug")
        assert told == "service 'demo' writes lines of level debug (was info)\n"
        server.post({"str_data": "x"}, headers={"X-Request-Id": "look-for-me"})
        wait_until(lambda: "look-for-me" in server.log(), "the failure")
        found = grpst(tmp_path, "logs", "demo", "--no_follow", "--id", "look-for-me")
        assert "ValueError: boom" in found
        assert "loading model" not in found
