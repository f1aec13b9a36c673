"""CPU time of the client for Python per call, against httpx and grpcio that make the same calls.

Run it against the conformance service, which has a model that echoes::

    python -m tools.conformance python -m benchmarks.client_overhead

Each pair calls the same server with the same request, 32 calls at a time, in turns; the figure is
the CPU time of this process. The ratio is the median of the turns.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import httpx

from grps.client import AsyncClient, Client
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub

CONCURRENCY, CALLS, TURNS = 32, 320, 3
MODEL, TEXT = "echo", "hi"
PREDICT = "/grps/v1/infer/predict"
BOUND = 1.3

Run = Callable[[], None]


def in_threads(call: Callable[[], object]) -> Run:
    """Return what makes all calls in threads."""

    def run() -> None:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            for each in [pool.submit(many) for _ in range(CONCURRENCY)]:
                each.result()

    def many() -> None:
        for _ in range(CALLS // CONCURRENCY):
            call()

    return run


def on_a_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[object]]) -> Run:
    """Return what makes all calls on an event loop."""

    async def many() -> None:
        for _ in range(CALLS // CONCURRENCY):
            await call()

    async def all_of_them() -> None:
        await asyncio.gather(*(many() for _ in range(CONCURRENCY)))

    return lambda: loop.run_until_complete(all_of_them())


def cpu_us(run: Run) -> float:
    """Return the CPU time of a call in microseconds."""
    before = time.process_time()
    run()
    return (time.process_time() - before) / CALLS * 1e6


def compare(name: str, raw: Run, ours: Run) -> bool:
    """Print the figures of a pair; return whether the ratio is within the bound."""
    raw()
    ours()
    pairs = [(cpu_us(raw), cpu_us(ours)) for _ in range(TURNS)]
    ratio = statistics.median(after / before for before, after in pairs)
    before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{name:14} raw {before:6.0f} us   grps.client {after:6.0f} us   ratio {ratio:.2f}",
        flush=True,
    )
    return ratio <= BOUND


def main() -> int:
    """Measure all pairs."""
    url, target = f"http://{os.environ['GRPS_HTTP']}{PREDICT}", os.environ["GRPS_GRPC"]
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    body, query = {"str_data": TEXT}, {"model": MODEL}
    message = GrpsMessage(model=MODEL, str_data=TEXT)
    loop = asyncio.new_event_loop()
    with ExitStack() as stack:
        session = stack.enter_context(httpx.Client(limits=limits, timeout=60))
        stub = GrpsServiceStub(stack.enter_context(grpc.insecure_channel(target)))  # type: ignore[no-untyped-call]
        http = stack.enter_context(Client(os.environ["GRPS_HTTP"]))
        rpc = stack.enter_context(Client(target, "grpc"))
        async_session = httpx.AsyncClient(limits=limits, timeout=60)
        async_http = AsyncClient(os.environ["GRPS_HTTP"])
        async_rpc = AsyncClient(target, "grpc")

        async def open_stub() -> GrpsServiceStub:
            return GrpsServiceStub(grpc.aio.insecure_channel(target))  # type: ignore[no-untyped-call]

        async_stub = loop.run_until_complete(open_stub())

        async def raw_http() -> str:
            response = await async_session.post(url, json=body, params=query)
            return str(response.json()["str_data"])

        async def raw_grpc() -> str:
            return str((await async_stub.Predict(message, timeout=60)).str_data)

        async def our(client: AsyncClient) -> str:
            return (await client.predict(TEXT, MODEL)).text

        passed = [
            compare(
                "http",
                in_threads(lambda: session.post(url, json=body, params=query).json()["str_data"]),
                in_threads(lambda: http.predict(TEXT, MODEL).text),
            ),
            compare(
                "grpc",
                in_threads(lambda: stub.Predict(message, timeout=60).str_data),
                in_threads(lambda: rpc.predict(TEXT, MODEL).text),
            ),
            compare(
                "http, async", on_a_loop(loop, raw_http), on_a_loop(loop, lambda: our(async_http))
            ),
            compare(
                "grpc, async", on_a_loop(loop, raw_grpc), on_a_loop(loop, lambda: our(async_rpc))
            ),
        ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
