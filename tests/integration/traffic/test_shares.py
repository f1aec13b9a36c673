"""Over many requests, versions get their shares, and each key one version."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path

from grps.deploy.native import PROGRAM
from grps.perf import Closed, Content, Target, Window, make_requests, measure
from tests.integration.traffic.versions import served, write_identities
from tests.support import GUARD_S, RunningServer, serving

WEIGHTS = {"1": 90, "2": 10}
REQUESTS = 10_000
KEYS = 1000
ROUNDS = 3
BODY = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}


def test_a_tenth_of_ten_thousand_requests(tmp_path: Path) -> None:
    folder = write_identities(tmp_path, ["1", "2"], weights=WEIGHTS)
    with serving(folder, PROGRAM) as server:
        target = Target("127.0.0.1", server.ports[0], path="/grps/v1/infer/predict")
        content = Content(given={"model": "m", "str_data": "x"})
        prepared = make_requests("http", target, None, content, streaming=False)
        window = Window(warmup_s=0, duration_s=None, count=REQUESTS)
        found = measure(target, prepared, Closed(1), window)
        assert found.succeeded == REQUESTS, found.errors
        counts = served(server)
        assert sum(counts.values()) == REQUESTS
        assert abs(counts["m-2"] - 1000) <= 1, counts


def versions_of_keys(server: RunningServer) -> list[str]:
    """The version that each key gets."""
    connection, found = HTTPConnection("127.0.0.1", server.ports[0], timeout=GUARD_S), []
    body = json.dumps(BODY)
    for key in range(KEYS):
        headers = {"Content-Type": "application/json", "X-User-Id": f"user-{key}"}
        connection.request("POST", "/v2/models/m/infer", body, headers)
        found.append(json.loads(connection.getresponse().read())["model_version"])
    connection.close()
    return found


def test_each_of_a_thousand_keys_gets_one_version(tmp_path: Path) -> None:
    traffic = {"weights": WEIGHTS, "sticky_header": "x-user-id"}
    first = write_identities(tmp_path / "first", ["1", "2"], **traffic)
    with serving(first, PROGRAM) as server:
        versions = versions_of_keys(server)
        for _ in range(ROUNDS - 1):
            assert versions_of_keys(server) == versions
    assert 0.08 * KEYS <= versions.count("2") <= 0.12 * KEYS, versions.count("2")
    # All services with these weights choose alike, and so does this one when it is started again.
    with serving(write_identities(tmp_path / "other", ["1", "2"], **traffic), PROGRAM) as other:
        assert versions_of_keys(other) == versions
