"""A client that is killed leaves nothing on the server."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.clients.conftest import Build
from tests.clients.killed_client import STATES
from tests.support import wait_until
from tools.conformance.languages import LANGUAGES, environment_of
from tools.conformance.service import ConformanceService
from tools.repository import ROOT

RUN_S = 120
LEFT = re.compile(
    r"^(grps_(?:model_calls_in_flight|model_queue_length|in_flight_bytes)\S*) ([1-9]\d*)$",
    re.MULTILINE,
)
"""A figure of what is in flight that is not zero."""
ONE_CONNECTION = "\ngrps_connections 1\n"

pytestmark = pytest.mark.timeout(1200)


def wait_for_a_call(model: str, program: subprocess.Popen[bytes], url: str) -> None:
    """Wait until a call of a model runs."""
    figure = re.compile(rf'^grps_model_calls_in_flight{{model="{model}"}} [1-9]', re.MULTILINE)
    end = time.monotonic() + RUN_S
    while figure.search(requests.get(url, timeout=30).text) is None:
        assert program.poll() is None, f"the program ended, and never called {model}"
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("model", ["sleep-1.0.0", "count-1.0.0"])
@pytest.mark.parametrize("name", LANGUAGES)
def test_nothing_is_in_flight(
    name: str, model: str, service: ConformanceService, built: Build, tmp_path: Path
) -> None:
    language, variables = built(name), service.variables(tmp_path / "results.jsonl")
    url = f"http://{variables['GRPS_HTTP']}/metrics"
    program = subprocess.Popen(
        language.program,
        cwd=ROOT / language.folder,
        env=environment_of(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_a_call(model, program, url)
    finally:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    with requests.Session() as session:
        wait_until(lambda: LEFT.findall(session.get(url).text) == [], "nothing is in flight")
        wait_until(lambda: ONE_CONNECTION in session.get(url).text, "its connections are closed")


WAITS = {"waiting", "waiting_over_tls"}
"""States that are seen at the service, and not said by the client."""
IN_FLIGHT = {
    "GRPS": {"sleep-1.0.0": 2, "count-1.0.0": 4},
    "GRPS_TLS": {"sleep-1.0.0": 2},
}
"""The calls of a model that run on an instance when all clients are in their states."""


@contextmanager
def clients_in_all_states(variables: Mapping[str, str]) -> Iterator[None]:
    """Run a client in each state over each protocol; kill all at the end."""
    program = str(Path(__file__).with_name("killed_client.py"))
    programs = {
        (state, protocol): subprocess.Popen(
            [sys.executable, program, state, protocol],
            cwd=ROOT,
            env={**environment_of(variables), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for state, protocol in itertools.product(STATES, ("http", "grpc"))
    }
    try:
        for (state, protocol), client in programs.items():
            if state not in WAITS:
                assert client.stdout is not None
                assert client.stdout.readline() == b"ready\n", f"{state} over {protocol}"
        yield
    finally:
        for client in programs.values():
            client.kill()
            client.communicate()


def test_nothing_is_in_flight_after_any_state(service: ConformanceService, tmp_path: Path) -> None:
    variables = service.variables(tmp_path / "results.jsonl")
    key = {"Authorization": f"Bearer {variables['GRPS_KEY']}"}
    ca = variables["GRPS_CA"]
    with requests.Session() as plain, requests.Session() as secure:

        def texts() -> dict[str, str]:
            """The metrics of both instances."""
            url = f"https://{variables['GRPS_TLS_HTTP']}/metrics"
            return {
                "GRPS": plain.get(f"http://{variables['GRPS_HTTP']}/metrics").text,
                "GRPS_TLS": secure.get(url, headers=key, verify=ca).text,
            }

        def are_running() -> bool:
            found = texts()
            return all(
                f'\ngrps_model_calls_in_flight{{model="{model}"}} {count}\n' in found[name]
                for name, models in IN_FLIGHT.items()
                for model, count in models.items()
            )

        def have_nothing() -> bool:
            return all(
                not LEFT.search(text) and ONE_CONNECTION in text for text in texts().values()
            )

        with clients_in_all_states(variables):
            wait_until(are_running, "all calls run")
        wait_until(have_nothing, "nothing is in flight, and all connections are closed")
