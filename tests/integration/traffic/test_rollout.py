"""Rules promote a good version step by step, and roll a wrong one back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.integration.traffic.versions import (
    change,
    state,
    versioned,
    write,
    write_identities,
)
from tests.support import GUARD_S, RunningServer, serving

ROLLOUT = {"steps_percent": [20, 60, 100], "step_seconds": 1, "min_requests": 20}


def ask_until(
    server: RunningServer, condition: Callable[[dict[str, Any]], bool], guard_s: float = GUARD_S
) -> dict[str, Any]:
    """Send requests until the state of the traffic is as it should be."""
    until = time.monotonic() + guard_s
    with requests.Session() as session:
        while time.monotonic() < until:
            for _ in range(20):
                body = {"model": "m", "str_data": "x"}
                session.post(server.url(), json=body, timeout=GUARD_S)
            found = state(server)
            if condition(found):
                return found
    raise AssertionError(f"not in time: {state(server)}")


def shares(found: dict[str, Any]) -> list[float]:
    return [one["percent"] for one in found["versions"]]


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_a_good_version_is_promoted_to_the_end(tmp_path: Path, program: Path | None) -> None:
    weights = {"1": 90, "2": 10}
    folder = write_identities(tmp_path, ["1", "2"], weights=weights, rollout=ROLLOUT)
    with serving(folder, program) as server:
        assert state(server)["phase"] == "running"
        found = ask_until(server, lambda found: bool(found["phase"] == "done"))
        assert shares(found) == [0, 100]
        actions = [event["action"] for event in reversed(found["events"])]
        assert actions == ["promote", "promote", "promote", "done"]


def test_a_version_that_fails_is_rolled_back(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "fail")]
    rollout = {**ROLLOUT, "step_seconds": 3600}
    folder = write(tmp_path, models, weights={"1": 50, "2": 50}, rollout=rollout)
    with serving(folder) as server:
        found = ask_until(server, lambda found: bool(found["phase"] == "rolled_back"))
        assert shares(found) == [100, 0]
        assert found["events"][0]["reason"].startswith("errors: ")
        for _ in range(20):
            assert server.post({"model": "m", "str_data": "x"}).status_code == 200
        # An operator can begin again.
        assert change(server, "promote").json()["phase"] == "running"


def test_a_slow_version_is_rolled_back(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "slow")]
    rollout = {**ROLLOUT, "step_seconds": 3600, "max_latency_factor": 2}
    folder = write(tmp_path, models, weights={"1": 50, "2": 50}, rollout=rollout)
    with serving(folder) as server:
        rolled_back = ask_until(server, lambda found: bool(found["phase"] == "rolled_back"), 90)
        assert shares(rolled_back) == [100, 0]
        assert rolled_back["events"][0]["reason"].startswith("latency: p99 ")


def test_a_version_with_other_outputs_is_rolled_back(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "differ")]
    rollout = {**ROLLOUT, "step_seconds": 3600}
    shadow = {"version": "2"}
    folder = write(tmp_path, models, weights={"1": 90, "2": 10}, shadow=shadow, rollout=rollout)
    with serving(folder) as server:
        found = ask_until(server, lambda found: bool(found["phase"] == "rolled_back"))
        assert found["events"][0]["reason"].startswith("differences: ")
        for _ in range(20):
            assert server.post({"model": "m", "str_data": "x"}).json()["str_data"] == "x"


def test_a_paused_rollout_stays_where_it_is(tmp_path: Path) -> None:
    weights = {"1": 90, "2": 10}
    folder = write_identities(tmp_path, ["1", "2"], weights=weights, rollout=ROLLOUT)
    with serving(folder) as server:
        assert change(server, "pause").json()["phase"] == "paused"
        assert change(server, "pause").status_code == 400
        found = ask_until(server, lambda found: bool(found["rollout"]["seconds"] >= 2))
        assert shares(found) == [90, 10]
        assert change(server, "resume").json()["phase"] == "running"
        ask_until(server, lambda found: shares(found) == [80, 20])
        assert change(server, "set", {"1": 70, "2": 30}).json()["phase"] == "paused"
