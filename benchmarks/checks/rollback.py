"""How soon a wrong version is rolled back by the differences of its outputs.

``python -m benchmarks.checks.rollback`` starts a service whose candidate multiplies by another
number. The candidate has a tenth of the requests, and copies of the others; rules are those that a
rollout has by default. Requests are sent at equal distances, and the time counts from the first of
them to the time at which the service says that it has rolled back.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.checks.versions import FACTOR, NAME, serving_versions, traffic_of, version
from benchmarks.http_client import PREDICT
from grps.server.state import ServiceState

MOST_S = 5.0
TRAFFIC = {
    "weights": {"1": 90, "2": 10},
    "shadow": {"version": "2"},
    "rollout": {"steps_percent": [10, 50, 100]},
}
_GIVE_UP_S = 60.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Rollback:
    """One rollback.

    Attributes:
        seconds: From the first request to the rollback.
        sent: Requests until then.
        wrong: How many of them the candidate replied to.
        reason: What the service says.
    """

    seconds: float
    sent: int
    wrong: int
    reason: str


class Sender(threading.Thread):
    """Sends requests at equal distances until it is ended."""

    def __init__(self, port: int, rate: float) -> None:
        """Prepare to send to a port."""
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{port}{PREDICT}"
        self._rate = rate
        self._ended = threading.Event()
        self.sent = 0
        self.wrong = 0

    def run(self) -> None:
        """Send."""
        start = time.monotonic()
        with requests.Session() as session:
            while not self._ended.is_set():
                time.sleep(max(0.0, start + self.sent / self._rate - time.monotonic()))
                self.sent += 1
                reply = session.post(self._url, json={"model": NAME, "ndarray": [1.0]}, timeout=30)
                reply.raise_for_status()
                [tensor] = reply.json()["gtensors"]["tensors"]
                self.wrong += tensor["flat_float32"] != [FACTOR]

    def end(self) -> None:
        """End after the present request."""
        self._ended.set()
        self.join()


def rolled_back(state: ServiceState, rate: float) -> Rollback:
    """Send requests until the candidate is rolled back.

    Raises:
        RuntimeError: It is not, or requests fail.
    """
    sender = Sender(state.ports[0], rate)
    began = time.monotonic()
    sender.start()
    try:
        while time.monotonic() < began + _GIVE_UP_S and sender.is_alive():
            told = traffic_of(state)
            if told["phase"] == "rolled_back":
                seconds = time.monotonic() - began
                return Rollback(seconds, sender.sent, sender.wrong, told["events"][0]["reason"])
            time.sleep(_POLL_S)
    finally:
        sender.end()
    raise RuntimeError(f"the candidate was not rolled back: {told}")


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checks.rollback", description=__doc__
    )
    parser.add_argument("--rate", type=float, default=50, help="requests per second")
    parser.add_argument("--repeats", type=int, default=5, help="services that are started")
    given = parser.parse_args()
    models = [version(1, {}), version(2, {"by": FACTOR + 1})]
    found = []
    for number in range(given.repeats):
        with (
            tempfile.TemporaryDirectory() as name,
            serving_versions(Path(name) / "project", models, TRAFFIC) as state,
        ):
            one = rolled_back(state, given.rate)
        found.append(one.seconds)
        print(
            f"{number + 1}: rolled back {one.seconds:.2f} s after the first request: {one.sent} "
            f"requests, {one.wrong} of them with outputs of the candidate; {one.reason}",
            flush=True,
        )
    print(f"median {statistics.median(found):.2f} s, longest {max(found):.2f} s")
    return int(max(found) > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
