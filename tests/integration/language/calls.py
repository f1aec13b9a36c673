"""What tests of language models ask a service, and how it refuses."""

from __future__ import annotations

from typing import Any

import requests

from tests.support import GUARD_S, RunningServer


def slots_in_use(server: RunningServer) -> float:
    """Return how many sequences all models run."""
    text = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    lines = [line for line in text.splitlines() if line.startswith("grps_model_slots_in_use")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def refused(answer: requests.Response, status: int = 400) -> dict[str, Any]:
    """Return the error of a request that the service refused as wrong."""
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error
