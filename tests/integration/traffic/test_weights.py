"""Requests for a name are divided among versions by weight, and sticky by a header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.integration.traffic.versions import (
    TRAFFIC,
    change,
    served,
    state,
    states,
    write_identities,
)
from tests.support import GUARD_S, RunningServer, serving

PROGRAMS = pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
BODY = {"model": "m", "str_data": "x"}


def post(server: RunningServer, session: requests.Session, **headers: str) -> None:
    reply = session.post(server.url(), json=BODY, headers=headers, timeout=GUARD_S)
    assert reply.status_code == 200, reply.text


@PROGRAMS
def test_a_tenth_is_a_tenth_over_http_and_grpc(tmp_path: Path, program: Path | None) -> None:
    folder = write_identities(tmp_path, ["1.0.0", "2.0.0"], weights={"1.0.0": 90, "2.0.0": 10})
    with serving(folder, program) as server, requests.Session() as session:
        for _ in range(200):
            post(server, session)
        with server.stub() as stub:
            for _ in range(200):
                stub.Predict(GrpsMessage(model="m", str_data="x"))
        counts = served(server)
        assert sum(counts.values()) == 400
        assert 38 <= counts["m-2.0.0"] <= 42, counts


def test_a_key_gets_one_version_and_one_that_grows_keeps_its_keys(tmp_path: Path) -> None:
    weights = {"1": 80, "2": 20}
    folder = write_identities(tmp_path, ["1", "2"], weights=weights, sticky_header="X-User-Id")
    users = [f"user-{number}" for number in range(30)]
    with serving(folder) as server, requests.Session() as session:

        def versions() -> dict[str, str]:
            found, before = {}, served(server)
            for user in users:
                for _ in range(3):
                    post(server, session, **{"x-user-id": user})
                counts = served(server)
                [found[user]] = [one for one in counts if counts[one] > before.get(one, 0)]
                before = counts
            return found

        first = versions()
        assert set(first.values()) == {"m-1", "m-2"}
        assert change(server, "set", {"1": 50, "2": 50}).status_code == 200
        second = versions()
        kept = {user for user in users if first[user] == "m-2"}
        assert kept < {user for user in users if second[user] == "m-2"}


@PROGRAMS
def test_a_named_version_is_not_divided(tmp_path: Path, program: Path | None) -> None:
    folder = write_identities(tmp_path, ["1", "2", "3"], weights={"1": 1})
    with serving(folder, program) as server:
        for model in ("m-3", "m-3", "m-2", "m"):
            assert server.post({"model": model, "str_data": "x"}).status_code == 200
        oip = requests.post(
            server.url("/v2/models/m/versions/2/infer"),
            json={"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]},
            timeout=GUARD_S,
        )
        assert oip.status_code == 200, oip.text
        assert served(server) == {"m-1": 1, "m-2": 2, "m-3": 2}


def test_what_names_no_model_follows_the_weights_of_a_bare_node(tmp_path: Path) -> None:
    folder = write_identities(tmp_path, ["1", "2"], weights={"1": 1, "2": 1})
    path = folder / "conf" / "inference.yml"
    dag: dict[str, Any] = {"type": "sequential", "nodes": [{"name": "n", "model": "m"}]}
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "dag": dag}))
    with serving(folder) as server:
        for _ in range(20):
            assert server.post({"str_data": "x"}).status_code == 200
        assert served(server) == {"m-1": 10, "m-2": 10}


@PROGRAMS
def test_operators_change_weights(tmp_path: Path, program: Path | None) -> None:
    folder = write_identities(tmp_path, ["1", "2"], weights={"1": 1, "2": 0})
    with serving(folder, program) as server:
        first = state(server)
        assert (first["phase"], first["candidate"], first["events"]) == ("steady", "2", [])
        promoted = change(server, "promote").json()
        assert [one["percent"] for one in promoted["versions"]] == [0, 100]
        assert (
            change(server, "promote").json()["status"]["msg"].endswith("has all requests already")
        )
        rolled_back = change(server, "rollback").json()
        assert rolled_back["phase"] == "rolled_back"
        assert [event["action"] for event in rolled_back["events"]] == ["rollback", "promote"]
        assert change(server, "set", {"2": 3, "1": 1}).status_code == 200
        shares = {one["version"]: one["percent"] for one in state(server)["versions"]}
        assert shares == {"2": 75, "1": 25}
        assert 'action="rollback"' in requests.get(server.url("/metrics"), timeout=GUARD_S).text
        assert "traffic changed" in server.whole_log()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    folder = write_identities(tmp_path, ["1", "2"], weights={"1": 1, "2": 1})
    with serving(folder) as server:
        told: list[tuple[str, Any, int, str]] = [
            ("set", {"1": 1, "9": 1}, 404, "model m serves no version '9'; it serves: 1, 2"),
            ("set", {"1": 0}, 400, "all weights are 0"),
            ("set", {"1": -1}, 400, "the weight of '1', -1, is not from 0 to 1000000"),
            ("set", None, 400, "the body is no object such as"),
            ("pause", None, 400, "the traffic of m has no rollout in inference.yml"),
            ("resume", None, 400, "the traffic of m has no rollout in inference.yml"),
            ("other", None, 404, ""),
        ]
        for action, weights, status, text in told:
            reply = change(server, action, weights)
            assert reply.status_code == status, reply.text
            assert text in reply.json()["status"]["msg"]
        unknown = requests.post(server.url(f"{TRAFFIC}/n/promote"), timeout=GUARD_S)
        assert unknown.status_code == 404
        assert "names that have it: m" in unknown.json()["status"]["msg"]
        assert state(server)["events"] == []


def test_weights_are_set_for_a_model_without_configured_ones(tmp_path: Path) -> None:
    folder = write_identities(tmp_path, ["1", "2"], weights={"1": 1})
    path = folder / "conf" / "inference.yml"
    path.write_text(yaml.safe_dump({"models": yaml.safe_load(path.read_text())["models"]}))
    with serving(folder) as server:
        assert states(server) == []
        assert server.post(BODY).status_code == 200
        assert change(server, "set", {"1": 1}).status_code == 200
        assert server.post(BODY).status_code == 200
        assert served(server) == {"m-1": 1, "m-2": 1}
        assert change(server, "promote").status_code == 400
