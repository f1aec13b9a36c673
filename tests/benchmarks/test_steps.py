"""The simulator of continuous batching: its traces, its clients, and GRPS under it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.steps.clients import Client, Load, Record
from benchmarks.steps.figures import figures_of, table
from benchmarks.steps.traces import BURST, Plan, Sequence, make_trace, mean_length

ROOT = Path(__file__).resolve().parents[2]
CHUNKS = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b'a\r\n{"x": {}}\n\r\n14\r\n{"x": {}}\n{"x": {}}\n\r\n0\r\n\r\n'
)


def test_a_seed_gives_one_trace() -> None:
    plan = Plan("poisson", "mixed", median=8, seconds=20.0, leave=0.5)
    trace = make_trace(plan, rate=50.0)
    assert trace == make_trace(plan, rate=50.0)
    assert trace != make_trace(Plan("poisson", "mixed", 8, 20.0, 0.5, seed=1), rate=50.0)
    assert 800 < len(trace) < 1200
    assert mean_length(plan) > 1.3 * plan.median
    leaving = [one for one in trace if one.leaves_after is not None]
    assert 0.3 * len(trace) < len(leaving) < 0.6 * len(trace)
    assert all(0 < (one.leaves_after or 0) < one.length for one in leaving)


def test_bursts_arrive_together() -> None:
    trace = make_trace(Plan("bursts", "equal", median=3, seconds=2.0), rate=float(BURST))
    assert [(one.at_s, one.length) for one in trace] == [(0.0, 3)] * BURST + [(1.0, 3)] * BURST


def received(answer: bytes, sequence: Sequence, size: int) -> Record:
    """Return what a client notes of an answer that comes in parts of ``size`` bytes."""

    async def receive() -> Record:
        record = Record(sequence)
        client = Client(record, b"", time.perf_counter())
        for start in range(0, len(answer), size):
            client.data_received(answer[start : start + size])
        client.connection_lost(None)
        return record

    return asyncio.run(receive())


def test_outputs_count_however_they_come() -> None:
    for size in (1, 2, 7, len(CHUNKS)):
        record = received(CHUNKS, Sequence(0.0, 3), size)
        assert (record.outcome, record.outputs, len(record.between_s)) == ("finished", 3, 2)
        assert record.first_s is not None


def test_what_is_short_or_refused_has_failed() -> None:
    assert received(CHUNKS, Sequence(0.0, 4), 9).outcome == "failed"
    assert received(CHUNKS[:-5], Sequence(0.0, 3), 9).outcome == "failed"
    refused = b"HTTP/1.1 429 Too Many Requests\r\n\r\n"
    assert received(refused, Sequence(0.0, 3), 5).outcome == "failed"
    assert received(CHUNKS, Sequence(0.0, 3, leaves_after=1), 1).outcome == "left"


def test_only_what_finished_is_goodput() -> None:
    finished = Record(Sequence(0.0, 3), first_s=0.1, between_s=[0.2, 0.4], outputs=3)
    finished.outcome = "finished"
    left = Record(Sequence(0.0, 9, 1), first_s=0.3, outputs=1, outcome="left")
    figures = figures_of(Load([finished, left], processor_s=0.5, elapsed_s=2.0), 4e-3)
    assert (figures.goodput, figures.outputs, figures.client_cpu) == (1.5, 4, 0.25)
    assert round(figures.cpu_us) == 1000
    assert (figures.first_p99_ms, figures.between_p50_ms) == (300.0, 400.0)
    lines = table({"continuous": figures, "other": figures})
    assert lines[-1].count(" 1.00x ") == 6


def test_every_sequence_is_accounted_for(tmp_path: Path) -> None:
    out = tmp_path / "steps.json"
    command = [sys.executable, "-m", "benchmarks.steps", "--out", str(out)]
    command += ["--servers", "continuous,dynamic,static", "--seconds", "0.5", "--leave", "0.3"]
    command += ["--slots", "4", "--median", "4", "--step-ms", "2", "--arrivals", "bursts"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    for name in ("continuous", "dynamic", "static"):
        outcomes = told["servers"][name]["outcomes"]
        assert sum(outcomes.values()) == told["sequences"] >= BURST, name
        assert outcomes["failed"] == outcomes["unfinished"] == 0, done.stdout
        assert outcomes["finished"] > 0 < outcomes["left"], name
