"""Copies for a shadow version: clients notice neither what it does nor what it does not do."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.integration.traffic.versions import state, versioned, write
from tests.support import GUARD_S, RunningServer, serving, wait_until

WEIGHTS = {"1": 1}


def ask(server: RunningServer, session: requests.Session, times: int) -> None:
    for number in range(times):
        body = {"model": "m", "str_data": f"text {number}"}
        reply = session.post(server.url(), json=body, timeout=GUARD_S)
        assert reply.status_code == 200, reply.text
        assert reply.json()["str_data"] == f"text {number}"


def shadow(server: RunningServer) -> dict[str, Any]:
    found: dict[str, Any] = state(server)["shadow"]
    return found


def ended(server: RunningServer) -> int:
    counts = shadow(server)
    return int(counts["equal"] + counts["different"] + counts["failed"])


def test_outputs_are_compared(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "differ")]
    folder = write(tmp_path, models, weights=WEIGHTS, shadow={"version": "2"})
    with serving(folder) as server, requests.Session() as session:
        ask(server, session, 1)
        wait_until(lambda: ended(server) == 1, "the copy has ended")
        counts = shadow(server)
        assert counts["different"] == 1
        assert "!" in counts["latest"]
        live = requests.get(server.url("/grps/v1/monitor/live"), timeout=GUARD_S).json()
        # Values of outputs are for operators only.
        assert live["traffic"][0]["shadow"]["latest"] is None
        # The version that replies is not the shadow: nobody asked for it.
        assert [one["percent"] for one in state(server)["versions"]] == [100, 0]


def test_a_hung_shadow_costs_clients_nothing(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "hang")]
    spec = {"version": "2", "timeout_ms": 500, "max_in_flight": 2}
    server_file = {"health": {"hang_timeout_ms": 200}}
    folder = write(tmp_path, models, weights=WEIGHTS, shadow=spec)
    add_settings(folder, server_file)
    with serving(folder) as server, requests.Session() as session:
        ask(server, session, 300)
        counts = shadow(server)
        assert counts["in_flight"] <= 2
        wait_until(lambda: shadow(server)["failed"] >= 1, "the copy has timed out")
        wait_until(lambda: shadow(server)["in_flight"] == 0, "it holds nothing")
        assert shadow(server)["bytes"] == 0
        ask(server, session, 300)
        counts = shadow(server)
        assert sum(counts["shed"].values()) >= 500
        # An instance that hangs makes the service not ready, unless clients can do without it.
        ready = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
        assert ready.status_code == 200
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        ask(server, session, 1000)
        assert process.memory_info().rss - before < 16 << 20


def test_copies_for_a_shadow_that_blocks_forever_are_bounded(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", "hang")]
    spec = {"version": "2", "timeout_ms": 600_000, "max_in_flight": 3, "max_bytes": 4096}
    folder = write(tmp_path, models, weights=WEIGHTS, shadow=spec)
    with serving(folder) as server, requests.Session() as session:
        for number in range(200):
            # The input and the reply of the copy that hangs leave no room for another copy.
            body = {"model": "m", "str_data": f"{number}" + "x" * 1500}
            reply = session.post(server.url(), json=body, timeout=GUARD_S)
            assert (reply.status_code, reply.json()["str_data"]) == (200, body["str_data"])
            if number % 20 == 0:
                counts = shadow(server)
                assert counts["in_flight"] <= 3
                assert counts["bytes"] <= 4096
        counts = shadow(server)
        assert counts["in_flight"] >= 1
        assert counts["bytes"] > 3000
        assert (ended(server), counts["failed"]) == (0, 0)
        assert sum(counts["shed"].values()) == 200 - counts["in_flight"]
        page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
        held = [line for line in page.splitlines() if line.startswith("grps_shadow_in_flight")]
        assert [float(line.split()[-1]) for line in held] == [counts["in_flight"]]


def test_a_shadow_that_crashes_costs_clients_nothing(tmp_path: Path) -> None:
    models = [versioned("1"), versioned("2", isolation="process")]
    folder = write(tmp_path, models, weights=WEIGHTS, shadow={"version": "2"})
    with serving(folder) as server, requests.Session() as session:
        ask(server, session, 10)
        wait_until(lambda: ended(server) >= 1, "a copy has ended")
        for _ in range(3):
            for worker in psutil.Process(server.process.pid).children(recursive=True):
                os.kill(worker.pid, signal.SIGKILL)
            ask(server, session, 100)
        before = ended(server)

        def goes_on() -> bool:
            ask(server, session, 1)
            return ended(server) > before

        wait_until(goes_on, "the shadow gets copies again")
        wait_until(lambda: shadow(server)["in_flight"] == 0, "nothing is held")
        assert shadow(server)["bytes"] == 0


def add_settings(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / "conf" / "server.yml"
    text = path.read_text()
    for section, keys in settings.items():
        text += f"{section}: {keys}\n"
    path.write_text(text)
