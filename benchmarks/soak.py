"""A long run under everything at once: is memory flat, is throughput, does nothing fail?

``python -m benchmarks.soak --minutes 30`` serves six models and sends them, at fixed rates,
requests that succeed, time out, are cancelled by leaving or malformed, streams read to their end
and streams left after a chunk, while the models are reloaded one after another. It prints a line a
minute and ends with code 1 when a request had another outcome than it should.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import onnx
import onnx.parser
import psutil

from benchmarks.http_client import PREDICT, Connection
from benchmarks.load import processor_s, serving_models
from benchmarks.workloads import USER_CODE, user_model
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.state import ServiceState

GRAPH = """<ir_version: 8, opset_import: ["" : 17]>
m (float[n, 64] x) => (float[n, 64] y) { y = Relu(x) }"""
IMAGE = np.random.default_rng(0).random((1, 3, 224, 224), np.float32).tobytes()
ROW = json.dumps({"ndarray": [[0.5] * 64]}).encode()
TEXT = b'{"str_data": "hello world"}'
MIB = 2**20
HEADINGS = (
    "minute requests/s  wrong   p50 ms   p99 ms CPU ms/req   RSS MiB  workers MiB  threads    fds"
)


@dataclass
class Tally:
    """What became of the requests since the last line."""

    expected: Counter[str] = field(default_factory=Counter)
    """By kind of request: how many had the outcome they should have."""
    wrong: Counter[str] = field(default_factory=Counter)
    """By kind and outcome: how many had another one."""
    latencies_s: list[float] = field(default_factory=list)
    """Of requests to the plainest model."""

    def percentile_ms(self, share: float) -> float:
        """Return a percentile of the latencies."""
        ordered = sorted(self.latencies_s) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


class Traffic:
    """The kinds of requests; each method sends one and returns its outcome."""

    def __init__(self, state: ServiceState, tally: Tally) -> None:
        """Send to a server and note outcomes in a tally."""
        self._http, self._grpc = state.ports[0], state.ports[1]
        self.tally = tally
        self._reloaded = 0

    async def plain(self, connection: Connection) -> object:
        """A text that comes back."""
        began = time.perf_counter()
        status, answer = await connection.ask(f"{PREDICT}?model=echo", TEXT)
        self.tally.latencies_s.append(time.perf_counter() - began)
        return status if b"hello world" in answer else answer

    async def apart(self, connection: Connection) -> object:
        """The same in a process of its own."""
        return (await connection.ask(f"{PREDICT}?model=apart", TEXT))[0]

    async def batched(self, connection: Connection) -> object:
        """A row for an engine that joins rows."""
        return (await connection.ask(f"{PREDICT}?model=rows", ROW))[0]

    async def image(self, connection: Connection) -> object:
        """588 KiB of float32 as raw bytes."""
        headers = {"Content-Type": "application/octet-stream"}
        return (await connection.ask(f"{PREDICT}?model=mean&shape=1,3,224,224", IMAGE, headers))[0]

    async def streamed(self, connection: Connection) -> object:
        """A stream read to its end."""
        path = f"{PREDICT}?model=stream&streaming=true"
        status, answer = await connection.ask(path, b'{"str_data": "200"}')
        return status if answer.count(b"SUCCESS") == 200 else "a short stream"

    async def left(self, connection: Connection) -> object:
        """A stream that is left after its first chunk."""
        path = f"{PREDICT}?model=stream&streaming=true"
        reader = await connection.send(path, b'{"str_data": "100000"}')
        await reader.readuntil(b"SUCCESS")
        connection.close()
        return "left"

    async def cancelled(self, connection: Connection) -> object:
        """A request whose client leaves before the answer."""
        await connection.send(f"{PREDICT}?model=sleeper", TEXT)
        await asyncio.sleep(0.01)
        connection.close()
        return "left"

    async def late(self, connection: Connection) -> object:
        """A request that has less time than the model takes: too late, or seen to become so."""
        headers = {"X-Request-Timeout-Ms": "10"}
        status, _ = await connection.ask(f"{PREDICT}?model=sleeper", TEXT, headers)
        return 504 if status == 429 else status

    async def malformed(self, connection: Connection) -> object:
        """A body cut off at a random place."""
        cut = TEXT[: random.randrange(1, len(TEXT) - 1)]
        return (await connection.ask(f"{PREDICT}?model=echo", cut))[0]

    async def reloaded(self, connection: Connection) -> object:
        """A reload of the next model, under load."""
        name = ("echo", "rows", "mean", "stream", "apart")[self._reloaded % 5]
        self._reloaded += 1
        status, answer = await connection.ask(f"/grps/v1/admin/models/{name}-1.0.0/reload", b"{}")
        return status if status == 200 else answer

    async def repeat(self, kind: str, rate: float, wanted: object, end: float) -> None:
        """Send requests of a kind at a rate over one connection until ``end``."""
        send: Callable[[Connection], Awaitable[object]] = getattr(self, kind)
        async with Connection(self._http) as connection:
            await self._pace(kind, rate, wanted, end, lambda: send(connection))

    async def repeat_rpc(self, rate: float, end: float) -> None:
        """Send texts over gRPC at a rate until ``end``."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self._grpc}") as channel:
            stub: Any = GrpsServiceStub(channel)  # type: ignore[no-untyped-call]
            message = GrpsMessage(model="echo", str_data="hello world")

            async def send() -> object:
                return (await stub.Predict(message)).str_data

            await self._pace("rpc", rate, "hello world", end, send)

    async def _pace(
        self,
        kind: str,
        rate: float,
        wanted: object,
        end: float,
        send: Callable[[], Awaitable[object]],
    ) -> None:
        due = time.monotonic() + random.random() / rate
        while due < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                outcome = await send()
            except (OSError, EOFError, grpc.aio.AioRpcError) as error:
                outcome = repr(error)
            if outcome == wanted:
                self.tally.expected[kind] += 1
            else:
                self.tally.wrong[f"{kind}: {outcome!r}"] += 1
            # A slow answer is not made up for by a burst.
            due = max(due + 1 / rate, time.monotonic())


RATES: list[tuple[str, float, object]] = [
    *[("plain", 100.0, 200)] * 4,
    *[("batched", 50.0, 200)] * 4,
    ("apart", 50.0, 200),
    ("image", 20.0, 200),
    ("streamed", 20.0, 200),
    ("left", 10.0, "left"),
    ("cancelled", 10.0, "left"),
    ("late", 10.0, 504),
    ("malformed", 10.0, 400),
    ("reloaded", 1.0, 200),
]


def models(folder: Path) -> list[dict[str, Any]]:
    """Return the models, the engine's file written into ``folder``."""
    file = folder / "rows.onnx"
    onnx.save(onnx.parser.parse_model(GRAPH), file)
    return [
        user_model("echo", "echo"),
        user_model("apart", "echo", isolation="process"),
        user_model("mean", "mean", converter_type="numpy"),
        user_model("stream", "stream"),
        user_model("sleeper", "sleeper", inferer_args={"sleep_s": 0.05}),
        {
            "name": "rows",
            "version": "1.0.0",
            "inferer_type": "onnxruntime",
            "inferer_path": str(file),
            "batching": {"type": "dynamic", "max_batch_size": 16},
        },
    ]


def tell(minute: int, seconds: float, tally: Tally, server: psutil.Process, spent_s: float) -> None:
    """Print the line of a minute."""
    count = sum(tally.expected.values())
    children = sum(child.memory_info().rss for child in server.children(recursive=True))
    figures = (
        f"{minute:>6} {count / seconds:>9,.0f} {sum(tally.wrong.values()):>6}"
        f" {tally.percentile_ms(0.5):>8.2f} {tally.percentile_ms(0.99):>8.2f}"
        f" {spent_s / max(count, 1) * 1e3:>10.3f} {server.memory_info().rss / MIB:>9.1f}"
        f" {children / MIB:>12.1f} {server.num_threads():>8} {server.num_fds():>6}"
    )
    print(figures, flush=True)
    for what, times in tally.wrong.most_common(5):
        print(f"       {times} x {what[:150]}", flush=True)


async def run(state: ServiceState, minutes: int) -> bool:
    """Send everything for some minutes; tell whether all had the outcome they should."""
    server = psutil.Process(state.pid)
    traffic = Traffic(state, Tally())
    end = time.monotonic() + minutes * 60
    senders = [asyncio.ensure_future(traffic.repeat(*kind, end)) for kind in RATES]
    senders.append(asyncio.ensure_future(traffic.repeat_rpc(50.0, end)))
    print(HEADINGS, flush=True)
    right = True
    for minute in range(1, minutes + 1):
        began, before = time.monotonic(), processor_s(state.pid)
        await asyncio.wait(senders, timeout=60)
        tally, traffic.tally = traffic.tally, Tally()
        spent_s = processor_s(state.pid) - before
        tell(minute, time.monotonic() - began, tally, server, spent_s)
        right = right and not tally.wrong
    await asyncio.gather(*senders)
    return right


def main() -> int:
    """Run, print a line a minute and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30, help="length of the run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving_models(folder / "project", USER_CODE, models(folder)) as state:
            return 0 if asyncio.run(run(state, arguments.minutes)) else 1


if __name__ == "__main__":
    sys.exit(main())
