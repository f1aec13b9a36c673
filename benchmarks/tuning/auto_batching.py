"""``batching: auto`` beside fixed sizes of batches, on a model that ONNX Runtime runs.

``python -m benchmarks.tuning.auto_batching`` serves a network of dense layers with each setting,
finds the rate at which clients that wait for each answer get them, and sends requests at shares of
the best rate, whether answers come or not. It prints how many were answered within the latency.
Latency counts from the time at which a request should have been sent. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.http_client import PREDICT, Connection
from benchmarks.load import serving_models

WIDTHS = (16, 2048, 2048, 16)
"""Sizes between layers: most time is spent on reading weights, which a batch reads once."""
BODY = json.dumps({"ndarray": [[0.5] * WIDTHS[0]]}).encode()
FIXED = (1, 4, 16, 64)
MAX_ROWS = 64
SHARES = (0.4, 0.7, 0.9)
MOST_CONNECTIONS = 1000
SETTINGS = {"max_connections": MOST_CONNECTIONS + 100, "max_concurrency": MOST_CONNECTIONS}


@dataclass
class Tally:
    """What became of the requests of one measurement."""

    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0

    def in_time(self, latency_s: float) -> float:
        """Return the share of requests that were answered within a latency."""
        answered = sum(one <= latency_s for one in self.latencies_s)
        return answered / max(1, len(self.latencies_s) + self.failed)

    def latency_ms(self, share: float) -> float:
        """Return a percentile of the latencies."""
        ordered = sorted(self.latencies_s) or [float("nan")]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


def save_model(path: Path) -> None:
    """Write dense layers with random weights."""
    generator = np.random.default_rng(1)
    nodes, weights, name = [], [], "x"
    for index, (rows, columns) in enumerate(pairwise(WIDTHS)):
        array = generator.standard_normal((rows, columns), np.float32) / rows
        weights.append(numpy_helper.from_array(array, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [name, f"w{index}"], [f"m{index}"]))
        nodes.append(helper.make_node("Relu", [f"m{index}"], [f"r{index}"]))
        name = f"r{index}"
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTHS[0]])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", WIDTHS[-1]])]
    graph = helper.make_graph(nodes, "dense", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


class Clients:
    """Connections that stay open, each with one request at a time."""

    def __init__(self, port: int) -> None:
        """Speak to the server on ``port``."""
        self._port = port
        self._idle: list[Connection] = []
        self._open = 0

    async def ask(self, tally: Tally, intended: float) -> None:
        """Send a request and note its latency since ``intended``."""
        if not self._idle and self._open >= MOST_CONNECTIONS:
            tally.failed += 1
            return
        if not self._idle:
            self._open += 1
        connection = self._idle.pop() if self._idle else Connection(self._port)
        try:
            status, _ = await connection.ask(PREDICT, BODY)
        except (ConnectionError, asyncio.IncompleteReadError):
            connection.close()
            status = 0
        self._idle.append(connection)
        if status == 200:
            tally.latencies_s.append(time.monotonic() - intended)
        else:
            tally.failed += 1


async def find_rate(port: int, seconds: float) -> float:
    """Return the rate of answers to many clients that wait for each."""
    clients, tally = Clients(port), Tally()
    end = time.monotonic() + seconds

    async def run() -> None:
        while time.monotonic() < end:
            await clients.ask(tally, time.monotonic())

    await asyncio.gather(*(run() for _ in range(2 * MAX_ROWS)))
    return len(tally.latencies_s) / seconds


async def offer(port: int, rate: float, seconds: float) -> Tally:
    """Send requests at a mean rate, independent of each other; return what became of them."""
    clients, tally, generator = Clients(port), Tally(), random.Random(1)
    running: set[asyncio.Task[None]] = set()
    began = time.monotonic()
    intended = began
    while intended < began + seconds:
        intended += generator.expovariate(rate)
        await asyncio.sleep(max(0.0, intended - time.monotonic()))
        sent = asyncio.ensure_future(clients.ask(tally, intended))
        running.add(sent)
        sent.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return tally


def model_with(path: Path, batching: dict[str, Any], instances: int) -> dict[str, Any]:
    """Return what ``inference.yml`` says of the model."""
    return {
        "name": "dense",
        "version": "1.0.0",
        "inferer_type": "onnxruntime",
        "inferer_path": str(path),
        "instances": instances,
        "batching": batching,
    }


def settings(slo_ms: float) -> dict[str, dict[str, Any]]:
    """Return the ways to batch that are compared, by their names."""
    fixed = {f"fixed {size}": {"type": "dynamic", "max_batch_size": size} for size in FIXED}
    slo = f"p99={slo_ms:g}ms"
    return {**fixed, "auto": {"type": "auto", "max_batch_size": MAX_ROWS, "slo": slo}}


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tuning.auto_batching", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--slo_ms", type=float, default=20, help="the latency to keep")
    parser.add_argument("--instances", type=int, default=2, help="copies of the model")
    arguments = parser.parse_args()
    seconds, best = arguments.seconds, 0.0
    with tempfile.TemporaryDirectory() as name:
        save_model(Path(name) / "dense.onnx")
        ways = {
            way: model_with(Path(name) / "dense.onnx", batching, arguments.instances)
            for way, batching in settings(arguments.slo_ms).items()
        }
        for way, model in ways.items():
            with serving_models(Path(name) / f"rate {way}", "", [model], SETTINGS) as state:
                rate = asyncio.run(find_rate(state.ports[0], seconds))
            best = max(best, rate)
            print(f"{way}: {rate:,.0f} answers/s to clients that wait", flush=True)
        print("batching    offered/s   in time    p50 ms    p99 ms", flush=True)
        for share in SHARES:
            for way, model in ways.items():
                folder = Path(name) / f"{share} {way}"
                with serving_models(folder, "", [model], SETTINGS) as state:
                    asyncio.run(offer(state.ports[0], share * best, min(2.0, seconds)))
                    tally = asyncio.run(offer(state.ports[0], share * best, seconds))
                in_time = tally.in_time(arguments.slo_ms / 1e3)
                print(
                    f"{way:<10}  {share * best:>9,.0f}  {in_time:>8.1%}"
                    f"  {tally.latency_ms(0.5):>8.1f}  {tally.latency_ms(0.99):>8.1f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
