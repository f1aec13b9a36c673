"""Requests while the process has no memory to spare."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.native import Server
from tests.integration.scheduling.test_batching import SETTINGS
from tests.support import GUARD_S, REPOSITORY, wait_until

SPARE_BYTES = 200 * 1024 * 1024
FULL = "the service uses all its memory (limits.max_memory_percent); try again later"


@contextmanager
def listening() -> Iterator[int]:
    """The port of a server that may use a little more memory than this process has."""
    memory = psutil.Process().memory_info()
    limit = memory.rss - memory.shared + SPARE_BYTES
    server = Server(replace(SETTINGS, memory_limit_bytes=2 * limit, max_memory_percent=50))
    (port,) = server.start([("127.0.0.1", 0)])
    server.set_loaded()
    try:
        yield port
    finally:
        server.stop()
        server.wait()


def by_http(port: int) -> tuple[int, str]:
    url = f"http://127.0.0.1:{port}/grps/v1/infer/predict"
    response = requests.post(url, json={"str_data": "x"}, timeout=GUARD_S)
    assert (response.headers.get("Retry-After") == "1") == (response.status_code == 429)
    return response.status_code, response.json()["status"]["msg"]


def by_grpc(port: int) -> tuple[int, str]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = GrpsServiceStub(channel).Predict(GrpsMessage(str_data="x"), timeout=GUARD_S)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            told: Any = {item.key: item.value for item in error.trailing_metadata() or ()}
            assert told["grpc-retry-pushback-ms"] == "1000"
            return 429, str(error.details())
    return answer.status.code, answer.status.msg


def check(ask: Callable[[int], tuple[int, str]]) -> None:
    """Take memory and give it back; this process is the server."""
    with listening() as port:
        # There is no model: a request that is taken in ends with 404.
        assert ask(port)[0] == 404
        held = np.ones(2 * SPARE_BYTES, np.uint8)
        wait_until(lambda: ask(port) == (429, FULL), "requests are refused")
        del held
        wait_until(lambda: ask(port)[0] == 404, "requests are taken in")


@pytest.mark.parametrize("ask", ["by_http", "by_grpc"])
def test_without_memory_requests_are_refused(ask: str) -> None:
    # What other tests have left in this process changes its memory.
    code = f"from tests.integration.scheduling import test_memory_limit as t; t.check(t.{ask})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
