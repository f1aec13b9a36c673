"""What it costs a service to record requests.

``python -m benchmarks.checks.capturing`` sends requests to a tiny model at equal distances, by
turns without a capture, with a capture of a tenth, and with one of all requests. It prints the
processor time of the server for each request, and what was recorded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from benchmarks.load import ask, processor_s, serving_models
from grps.client.settings import PROTOCOLS
from grps.perf import Constant, Content, Prepared, Target, Window, make_requests, measure
from grps.server.state import ServiceState

SHARES = (0.0, 0.1, 1.0)
_CAPTURE = "grps/v1/admin/capture"
_MICROS = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement.

    Attributes:
        cpu_us: Processor time of the server for each request.
        p99_ms: The 99th percentile of the latency.
        recorded: Share of the requests that was recorded.
        left_out: Requests that should have been recorded and were not.
    """

    cpu_us: float
    p99_ms: float
    recorded: float
    left_out: int


def save_model(path: Path, width: int) -> Path:
    """Write a model that doubles its input."""
    two = helper.make_tensor("value", TensorProto.FLOAT, [], [2.0])
    nodes = [
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Mul", ["x", "two"], ["y"]),
    ]
    sides = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", width]) for one in "xy"]
    graph = helper.make_graph(nodes, "double", sides[:1], sides[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


@contextmanager
def serving_double(folder: Path, width: int) -> Iterator[ServiceState]:
    """Serve that model until the block ends."""
    path = save_model(folder / "double.onnx", width)
    model = {"name": "double", "version": "1.0.0", "inferer_type": "onnxruntime"}
    with serving_models(folder / "project", "", [model | {"inferer_path": str(path)}]) as state:
        yield state


@contextmanager
def capturing(state: ServiceState, share: float) -> Iterator[None]:
    """Record a share of the requests until the block ends."""
    if share:
        ask(state, f"{_CAPTURE}/start", {"sample_ratio": share})
    yield
    if share:
        ask(state, f"{_CAPTURE}/stop", {})


def cost(
    state: ServiceState, prepared: Prepared, share: float, rate: float, seconds: float
) -> Cost:
    """Send requests and return what they cost."""
    target = Target("127.0.0.1", state.ports[0])
    before, spent = _left_out(state), processor_s(state.pid)
    with capturing(state, share):
        found = measure(target, prepared, Constant(rate), Window(0.0, seconds))
    # What was still to be written is written when the capture has stopped.
    spent = processor_s(state.pid) - spent
    if found.succeeded != found.total:
        raise RuntimeError(f"{found.total - found.succeeded} requests failed: {found.errors}")
    told = ask(state, _CAPTURE)
    records = told["records"] + told["overwritten"] if share else 0
    return Cost(
        cpu_us=_MICROS * spent / found.total,
        p99_ms=found.latency.percentile(99),
        recorded=records / found.total,
        left_out=_left_out(state) - before,
    )


def _left_out(state: ServiceState) -> int:
    return sum(one["count"] for one in ask(state, _CAPTURE)["left_out"])


def report(found: dict[float, list[Cost]]) -> None:
    """Print medians, and how the processor time compares with that of the same turn."""
    print("capture  CPU us/request   p99 ms  recorded  left out  CPU beside none")
    base = [one.cpu_us for one in found[0.0]]
    for share, costs in found.items():
        pairs = zip(costs, base, strict=True)
        extra = sorted(one.cpu_us - alone for one, alone in pairs)
        low, middle, high = statistics.quantiles(extra, n=4)
        print(
            f"{share:>6.0%}{statistics.median(one.cpu_us for one in costs):>16.1f}"
            f"{statistics.median(one.p99_ms for one in costs):>9.2f}"
            f"{statistics.mean(one.recorded for one in costs):>10.1%}"
            f"{sum(one.left_out for one in costs):>10}"
            f"  {middle:+.1f} us ({low:+.1f} to {high:+.1f})"
        )


def main() -> int:
    """Measure by turns and print; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.checks.capturing", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--repeats", type=int, default=6, help="measurements of each, at least 2")
    parser.add_argument("--rate", type=float, default=1000, help="requests per second")
    parser.add_argument("--width", type=int, default=2, help="numbers of a request")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="http")
    given = parser.parse_args()
    if given.repeats < 2:
        parser.error("--repeats: quartiles need 2 or more")
    with (
        tempfile.TemporaryDirectory() as name,
        serving_double(Path(name), given.width) as state,
    ):
        target = Target("127.0.0.1", state.ports[0])
        content = Content(batch=1)
        prepared = make_requests(given.protocol, target, "double", content, streaming=False)
        found: dict[float, list[Cost]] = {share: [] for share in SHARES}
        for turn in range(given.repeats + 1):
            for share in SHARES if turn % 2 else reversed(SHARES):
                one = cost(state, prepared, share, given.rate, given.seconds)
                # The first turn warms up.
                found[share] += [one] if turn else []
    report(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
