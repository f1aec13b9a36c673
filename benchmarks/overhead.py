"""What serving adds to a model that runs in a loop, for each engine.

``python -m benchmarks.overhead`` makes ResNet-50 with random weights for every engine, serves it
and also runs it in this process, by the engine's own means and with as many threads. Both take
turns in short blocks, so that whatever else the machine does meets both alike. It prints the
medians. ``--model MODEL --engine ENGINE`` takes a model of your own, of one float32 input.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine_loops import LOOPS, Loop, make_resnet50
from benchmarks.load import processor_s, serving_models

HEADERS = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run takes."""

    processor_ms: float
    elapsed_ms: float


def cost_of(run: Callable[[], object], processor: Callable[[], float], count: int) -> Cost:
    """Run something some times and return what one run takes.

    Args:
        run: Runs it once.
        processor: Tells the seconds of processor time so far.
        count: How often it is run.
    """
    used, began = processor(), time.monotonic()
    for _ in range(count):
        run()
    elapsed = time.monotonic() - began
    return Cost((processor() - used) / count * 1e3, elapsed / count * 1e3)


def asker(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> Callable[[], None]:
    """Return what asks the server once.

    Raises:
        RuntimeError: A request failed, when it is called.
    """

    def ask() -> None:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise RuntimeError(told.decode(errors="replace"))

    return ask


def compare(engine: str, model: Path, shape: list[int], arguments: argparse.Namespace) -> None:
    """Measure one engine and print what was found."""
    array = np.random.default_rng(0).random(shape, np.float32)
    entry: dict[str, Any] = {
        "name": "m",
        "version": "1",
        "device": "cpu",
        "inferer_type": engine,
        "inferer_path": str(model.resolve()),
        "inferer_args": {"intra_op_threads": arguments.threads},
    }
    loop: Loop = LOOPS[engine](model, arguments.threads)
    path = f"/grps/v1/infer/predict?shape={','.join(map(str, shape))}"
    pairs: list[tuple[Cost, Cost]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        serving_models(Path(name) / "p", "", [entry]) as state,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", state.ports[0], timeout=60)
        ask = asker(connection, path, array.tobytes(), HEADERS)
        for number in range(arguments.rounds + 1):
            own = cost_of(lambda: loop(array), time.process_time, arguments.count)
            its = cost_of(ask, lambda: processor_s(state.pid), arguments.count)
            if number > 0:  # the first block warms up
                pairs.append((own, its))
        connection.close()
    for what in ("processor_ms", "elapsed_ms"):
        alone = statistics.median(getattr(own, what) for own, _ in pairs)
        asked = statistics.median(getattr(its, what) for _, its in pairs)
        ratios = [getattr(its, what) / getattr(own, what) for own, its in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{engine:12} {what.removesuffix('_ms'):9}  alone {alone:7.2f} ms, served {asked:7.2f} "
            f"ms; blocks side by side {middle:.3f}x (quartiles {low:.3f}x to {high:.3f}x)",
            flush=True,
        )


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--engine", choices=sorted(LOOPS), action="append", help="all when absent")
    parser.add_argument("--model", type=Path, help="ResNet-50 when absent")
    parser.add_argument("--shape", default="1,3,224,224", help="of the input of --model")
    parser.add_argument("--threads", type=int, default=2, help="of the engine")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--count", type=int, default=5, help="runs of a block")
    arguments = parser.parse_args()
    engines = arguments.engine or sorted(LOOPS)
    if arguments.model is not None and len(engines) != 1:
        parser.error("--model needs one --engine")
    with tempfile.TemporaryDirectory() as name:
        for engine in engines:
            shape = [int(size) for size in arguments.shape.split(",")]
            model = arguments.model
            if model is None:
                model, shape = make_resnet50(engine, Path(name))
            compare(engine, model, shape, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
