"""W6 without a server: the mock engine as GRPS runs it, in a loop."""

import argparse
import json
import os
import time

import numpy as np
from grps_ticks import Ticks

from grps.inference.steps.model import StepBatch

TOKENS = int(os.environ["BENCH_TOKENS"])


def measure(model: Ticks, streams: int, seconds: float) -> dict[str, object]:
    """Step so many sequences at once, again and again."""
    begin, cpu, steps = time.perf_counter(), time.process_time(), 0
    batch = StepBatch({"left": np.full(streams, 1 << 40)}, [None] * streams)
    while time.perf_counter() - begin < seconds:
        model.step(batch)
        steps += 1
    elapsed, cpu = time.perf_counter() - begin, time.process_time() - cpu
    tokens = steps * streams
    return {
        "variant": "mock",
        "conc": streams,
        "n": tokens // TOKENS,
        "rps": tokens / TOKENS / elapsed,
        "chunks_s": tokens / elapsed,
        "cpu_us_per_chunk": cpu * 1e6 / tokens,
        "errors": 0,
    }


def main() -> None:
    """Print one row for each number of streams."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    seconds = parser.parse_args().seconds
    model = Ticks()
    model.init(os.environ["BENCH_TICKS"])
    model.load()
    for streams in (1, 8, 64):
        print(json.dumps(measure(model, streams, seconds)))


if __name__ == "__main__":
    main()
