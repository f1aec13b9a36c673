"""``grpst traffic``: what it sends and what it prints."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from grps.cli.verbs import traffic

STATE: dict[str, Any] = {
    "model": "m",
    "phase": "running",
    "candidate": "2.0",
    "sticky_header": "x-user-id",
    "versions": [
        {
            "version": "1.0",
            "percent": 90.0,
            "served": True,
            "minute": {"requests": 900, "failed": 0, "p99_ms": 12.34},
        },
        {
            "version": "2.0",
            "percent": 10.0,
            "served": False,
            "minute": {"requests": 0, "failed": 0, "p99_ms": None},
        },
    ],
    "shadow": {
        "version": "2.0",
        "share_percent": 50.0,
        "equal": 3,
        "within_tolerance": 4,
        "different": 1,
        "failed": 2,
        "shed": {"busy": 5, "down": 1},
        "latest": "request 7: 1 of 1 values differ",
    },
    "rollout": {"steps_percent": [10, 100.0], "seconds": 5, "requests": 60},
    "events": [
        {"time": 0, "action": "promote", "reason": "step to 10 %", "percent": {"1.0": 90.0}},
    ],
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def change(_: object, action: str, model: str, weights: Any = None) -> dict[str, Any]:
        calls.append((action, model, weights))
        return STATE

    monkeypatch.setattr(traffic, "running_service", lambda name: name)
    monkeypatch.setattr(traffic, "read_traffic", lambda _: [STATE])
    monkeypatch.setattr(traffic, "change_traffic", change)
    return calls


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(traffic.command, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize("action", ["promote", "rollback", "pause", "resume"])
def test_a_change_is_sent(sent: list[tuple[Any, ...]], action: str) -> None:
    assert run(action, "m")[0] == 0
    assert sent == [(action, "m", None)]


def test_weights_are_sent_in_their_order(sent: list[tuple[Any, ...]]) -> None:
    assert run("set", "m", "2.0=10%", "1.0=90")[0] == 0
    [(_, _, weights)] = sent
    assert list(weights.items()) == [("2.0", 10.0), ("1.0", 90.0)]


@pytest.mark.parametrize("text", ["2.0", "=1", "2.0=", "2.0=x", "2.0=-1", "2.0=1000001"])
def test_what_is_no_weight_is_refused(sent: list[tuple[Any, ...]], text: str) -> None:
    code, output = run("set", "m", text)
    assert code == 2
    assert f"{text!r} is no VERSION=WEIGHT" in output
    assert sent == []


def test_a_version_is_given_once(sent: list[tuple[Any, ...]]) -> None:
    code, output = run("set", "m", "1=1", "1=2")
    assert code == 2
    assert "version '1' is given twice" in output
    assert sent == []


@pytest.mark.usefixtures("sent")
def test_the_state_is_printed() -> None:
    code, output = run("show", "m")
    assert code == 0
    for text in (
        "m      running  1.0               90 %   900       0       12.3 ms",
        "m      running  2.0 (not loaded)  10 %   0         0       -",
        "same x-user-id get the same version",
        "shadow: 2.0 gets copies of 50 % of requests; 7 outputs alike, 1 different, 2 failed; "
        "6 copies not made",
        "request 7: 1 of 1 values differ",
        "rollout: 2.0, steps 10 %, 100 %; 60 requests and copies in 5 s",
        "promote: step to 10 % (1.0 90 %)",
    ):
        assert text in output


@pytest.mark.usefixtures("sent")
def test_an_unknown_name_is_said() -> None:
    result = CliRunner().invoke(traffic.command, ["show", "n"])
    assert "names that have it: m" in str(result.exception)
