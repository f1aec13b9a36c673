"""Bytes of requests in flight, at the limit and one past it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

LIMIT = 4000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    limits = {"max_request_bytes": LIMIT, "max_inflight_bytes": LIMIT}
    models = [user_model(name) for name in ("echo", "waiter")]
    folder = write_user_project(tmp_path, models, {"limits": limits}, dag=["echo-1.0.0"])
    with serving(folder) as running:
        yield running


def body(size: int) -> bytes:
    """A request of so many bytes."""
    empty = len(json.dumps({"str_data": ""}))
    return json.dumps({"str_data": "x" * (size - empty)}).encode()


def status(server: RunningServer, size: int) -> int:
    headers = {"Content-Type": "application/json"}
    code: int = server.post(None, data=body(size), headers=headers).status_code
    return code


def test_the_limit_counts_what_runs_and_is_exact(server: RunningServer) -> None:
    assert status(server, LIMIT) == 200
    with ThreadPoolExecutor(1) as threads:
        held = len(json.dumps({"str_data": "x"}))
        running = threads.submit(server.post, {"str_data": "x"}, "?model=waiter")
        wait_until(lambda: server.noted("started") == ["x"], "the first runs")
        assert status(server, LIMIT - held) == 200
        refused = server.post({"str_data": "x" * LIMIT}, "?model=echo")
        assert refused.status_code == 413
        headers = {"Content-Type": "application/json"}
        refused = server.post(None, data=body(LIMIT - held + 1), headers=headers)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "1"
        message = refused.json()["status"]["msg"]
        assert f"at most {LIMIT} (limits.max_inflight_bytes)" in message
        server.release()
        assert running.result(GUARD_S).status_code == 200
    assert status(server, LIMIT) == 200


def test_grpc_shares_the_limit(server: RunningServer) -> None:
    with ThreadPoolExecutor(1) as threads, server.stub() as stub:
        running = threads.submit(server.post, {"str_data": "x"}, "?model=waiter")
        wait_until(lambda: server.noted("started") == ["x"], "the first runs")
        with pytest.raises(grpc.RpcError) as refused:
            stub.Predict(GrpsMessage(str_data="x" * (LIMIT - 20)))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "limits.max_inflight_bytes" in str(refused.value.details())
        server.release()
        assert running.result(GUARD_S).status_code == 200
        answer = stub.Predict(GrpsMessage(str_data="x" * (LIMIT - 20)))
        assert len(answer.str_data) == LIMIT - 20
