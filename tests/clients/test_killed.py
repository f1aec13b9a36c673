"""A client that is killed leaves nothing on the server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.clients.conftest import Build
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
