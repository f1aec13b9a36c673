"""Simulate continuous batching: one trace of sequences against several ways to batch them.

Every server runs the same mock model, which makes one output of each sequence at each step. A step
takes --step-ms and --row-us for each of its rows: asleep by default, as user code that waits for an
accelerator, so that the processor time that is measured is the server's; --busy spends it.

  continuous    GRPS, a step model: sequences join and leave between two steps
  continuous-process  the same in a worker process
  dynamic       GRPS, batch_infer that runs until the longest sequence of its batch has ended
  static        the same, but a batch waits until it is full (wait: always)
  litserve      LitServe's continuous batching loop
  litserve-zmq  the same with its fast_queue

Clients are real: an HTTP connection for each sequence, outputs as a stream. Sequences arrive by the
trace, whatever the server does, at --load of the rate that full batches without a gap could serve.

The table shows, for each server: goodput (outputs of the sequences that finished, per second from
the first arrival to the last end), time from the arrival of a sequence to its first output, time
between two outputs, processor time of the server's process tree per output, what became of the
sequences, and the load generator's share of a core and how late it was. The second table has the
ratios to continuous.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.steps.clients import run_trace
from benchmarks.steps.figures import Figures, as_json, figures_of, table
from benchmarks.steps.servers import SERVERS, Absent, Mock
from benchmarks.steps.traces import Plan, Sequence, make_trace, mean_length

WARM_UP = [Sequence(0.0, 3) for _ in range(8)]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.steps",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--servers", default="continuous,dynamic,static,litserve", help="comma list")
    add("--arrivals", choices=["poisson", "bursts"], default="poisson", help="default: poisson")
    add("--lengths", choices=["mixed", "equal"], default="mixed", help="mixed: log-normal")
    add("--median", type=int, default=32, help="median of the lengths (32)")
    add("--leave", type=float, default=0.0, help="share of clients that disconnect early (0)")
    add("--load", type=float, default=0.9, help="rate of arrivals, of the possible (0.9)")
    add("--seconds", type=float, default=20.0, help="length of the trace (20)")
    add("--drain", type=float, default=300.0, help="seconds in which what is left may end (300)")
    add("--seed", type=int, default=0, help="another seed gives another trace")
    add("--slots", type=int, default=32, help="sequences of a batch (32)")
    add("--step-ms", type=float, default=10.0, help="what a step takes (10)")
    add("--row-us", type=float, default=50.0, help="what each row takes besides (50)")
    add("--busy", action="store_true", help="spend the time of the model busy")
    add("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args(arguments)


def run(name: str, mock: Mock, trace: list[Sequence], drain_s: float) -> Figures:
    """Run a trace against one server.

    Raises:
        Absent: The server can't be run here.
    """
    with SERVERS[name](mock) as server:
        run_trace(WARM_UP, server.port, server.path, drain_s)
        before = server.processor_s()
        load = run_trace(trace, server.port, server.path, drain_s)
        return figures_of(load, server.processor_s() - before)


def main() -> int:
    """Run the trace against every server; return the exit code."""
    arguments = parse()
    unknown = [name for name in arguments.servers.split(",") if name not in SERVERS]
    if unknown:
        print(f"unknown server {unknown[0]!r}; there are {', '.join(SERVERS)}", file=sys.stderr)
        return 2
    mock = Mock(arguments.slots, arguments.step_ms, arguments.row_us, arguments.busy)
    plan = Plan(
        arguments.arrivals,
        arguments.lengths,
        arguments.median,
        arguments.seconds,
        arguments.leave,
        arguments.seed,
    )
    most = mock.slots / mock.step_s(mock.slots)
    trace = make_trace(plan, arguments.load * most / mean_length(plan))
    wanted = sum(sequence.length for sequence in trace)
    print(
        f"{len(trace)} sequences of {wanted:,} outputs in {plan.seconds:g} s; full batches make "
        f"{most:,.0f} outputs/s at most",
        flush=True,
    )
    found: dict[str, Figures] = {}
    for name in arguments.servers.split(","):
        try:
            found[name] = run(name, mock, trace, arguments.drain)
        except Absent as error:
            print(f"{name} is left out: {error}", flush=True)
    print("\n".join(table(found)))
    if arguments.out is not None:
        about: dict[str, Any] = {"machine": platform.platform(), "cores": os.cpu_count()}
        about |= {"plan": asdict(plan), "mock": asdict(mock), "load": arguments.load}
        about["sequences"] = len(trace)
        text = json.dumps({**about, "servers": as_json(found)}, indent=1)
        arguments.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
