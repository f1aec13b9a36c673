"""Many connections at once, and the load generators that people point at servers."""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.raw_http import request
from tests.support import RunningServer, serving, user_model, write_user_project

CONNECTIONS = 1000
ROUNDS = 3
MAX_GROWTH_BYTES = 64 * 1024 * 1024
SECONDS = 2
BODY = b'{"str_data": "x"}'
ANSWER = b'{"status":{"code":200,"msg":"OK","status":"SUCCESS"},"str_data":"x"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """An echo that takes as many connections as are made here."""
    folder = tmp_path_factory.mktemp("connections")
    settings = {"max_connections": CONNECTIONS + 10}
    write_user_project(folder, [user_model("echo")], settings, dag=["echo-1.0.0"])
    with serving(folder) as running:
        yield running


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Room for the connections' descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * CONNECTIONS)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Ask several times over one connection; count the answers."""
    answered = 0
    for _ in range(ROUNDS):
        writer.write(request(BODY))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert length is not None
        answered += await reader.readexactly(int(length[1])) == ANSWER
    return answered


async def converse_all(port: int) -> list[int]:
    """Open all connections, then use them all at once."""
    opening = (asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS))
    connections = await asyncio.gather(*opening)
    answered = await asyncio.gather(*(converse(*connection) for connection in connections))
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
    return answered


@pytest.mark.usefixtures("descriptors")
def test_a_thousand_connections_are_answered(server: RunningServer) -> None:
    process = psutil.Process(server.process.pid)
    sizes = []
    for _ in range(3):
        answered = asyncio.run(converse_all(server.ports[0]))
        assert answered == [ROUNDS] * CONNECTIONS
        sizes.append(process.memory_info().rss)
    # The first time fills pools and caches; after it nothing may pile up.
    assert sizes[-1] - sizes[0] < MAX_GROWTH_BYTES, sizes


def test_wrk(server: RunningServer, tmp_path: Path) -> None:
    script = tmp_path / "post.lua"
    body = BODY.decode()
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{body}'\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    command = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", str(script), server.url()]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    total = re.search(r"(\d+) requests in", report)
    assert total is not None, report
    assert int(total[1]) > 100
    assert "Socket errors" not in report, report
    assert "Non-2xx" not in report, report


@pytest.mark.parametrize("protocol", [[], ["--h1"]])
def test_h2load(server: RunningServer, tmp_path: Path, protocol: list[str]) -> None:
    count = 5000
    body = tmp_path / "body.json"
    body.write_bytes(BODY)
    command = ["h2load", *protocol, "-n", str(count), "-c", "20", "-m", "10", "-d", str(body)]
    command += ["-H", "Content-Type: application/json", server.url()]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    outcome = f"{count} succeeded, 0 failed, 0 errored, 0 timeout"
    assert outcome in report, report
    assert f"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx" in report, report
