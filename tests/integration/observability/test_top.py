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


def test_top_shows_steps(tmp_path: Path) -> None:
    batching = {"type": "continuous", "max_batch_size": 3}
    code = """
from grps import StepModel, StepResult, inferer_register


class Once(StepModel):
    def load(self):
        pass

    def begin(self, requests):
        return [None for _ in requests]

    def step(self, batch):
        return StepResult([[7]] * len(batch), [True] * len(batch), cache_usage=0.25)


inferer_register.register("once", Once())
"""
    once = user_model("once", converter_type="numpy", batching=batching)
    write_user_project(tmp_path / "demo", [once], code=code)
    with serving(tmp_path / "demo") as server:
        assert server.post({"ndarray": [1]}).status_code == 200

        def shown() -> list[str]:
            text = grpst(tmp_path, "top", "demo", "--once", "--interval", "0.3")
            return [line.split() for line in text.splitlines() if line.startswith("once-1")][-1]

        wait_until(lambda: "ms" in shown(), "a tick")
        row = shown()
        assert (row[1], row[2], row[-1]) == ("0/3", "0", "25%")
        # It has a first output, and none after it.
        assert row[5::2][0] == "ms"
        assert row.count("-") == 2


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
