"""The simulated batcher, on the cases of the real one and beside theory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from grps.tune.simulation import Policy, poisson, simulate
from tests.support import REPOSITORY

CASES = "crates/grps-core/src/scheduling/batching/batcher_cases.txt"


@dataclass(frozen=True)
class Case:
    """Requests and their batches, in microseconds; the batcher in Rust is tested on them too."""

    policy: Policy
    run_us: float
    row_us: float
    arrivals: list[float]
    batches: list[tuple[float, int]]


def cases() -> Iterator[Case]:
    text = (REPOSITORY / CASES).read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    for at in range(0, len(lines), 3):
        instances, most, window, run, row = lines[at].split()[1:]
        policy = Policy(int(instances), int(most), None if window == "-" else float(window))
        pairs = [one.split(":") for one in lines[at + 2].split()[1:]]
        yield Case(
            policy,
            float(run),
            float(row),
            [float(one) for one in lines[at + 1].split()[1:]],
            [(float(start), int(rows)) for start, rows in pairs],
        )


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: repr(case.policy))
def test_batches_are_those_of_the_batcher(case: Case) -> None:
    found = simulate(
        np.array(case.arrivals), case.policy, lambda rows, busy: case.run_us + case.row_us * rows
    )
    assert [(one.start_s, one.count) for one in found.batches] == case.batches


def test_latency_of_each_request() -> None:
    found = simulate(np.array([0.0, 1.0, 2.0, 9.0]), Policy(max_batch=4), lambda rows, busy: 5.0)
    # The second and the third wait for the end of the first.
    assert found.latencies_s.tolist() == [5.0, 9.0, 8.0, 6.0]
    assert found.mean_batch == pytest.approx(4 / 3)


def test_runs_in_progress_are_counted() -> None:
    seen = []

    def run_time(rows: int, busy: int) -> float:
        seen.append((rows, busy))
        return 10.0

    simulate(np.array([0.0, 1.0, 2.0, 30.0]), Policy(instances=2), run_time)
    assert seen == [(1, 1), (1, 2), (1, 2), (1, 1)]


@pytest.mark.parametrize(("concurrency", "sizes"), [(3, [1, 2, 3, 1]), (2, [1, 1, 2, 2, 1])])
def test_no_more_requests_are_admitted_than_may_run(concurrency: int, sizes: list[int]) -> None:
    arrivals = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    policy = Policy(instances=2, max_batch=8, concurrency=concurrency)
    found = simulate(arrivals, policy, lambda rows, busy: 3.5 if rows == 1 else 3.0)
    assert max(one.count for one in found.batches) <= concurrency
    assert sum(one.count for one in found.batches) == len(arrivals)


def test_one_instance_without_batches_waits_as_theory_says() -> None:
    """M/D/1: the mean wait is load / (2 * (1 - load)) of a run."""
    load, run_s = 0.7, 0.01
    found = simulate(poisson(60_000) * run_s / load, Policy(), lambda rows, busy: run_s)
    wait = float(found.latencies_s.mean()) - run_s
    assert wait == pytest.approx(run_s * load / (2 * (1 - load)), rel=0.05)


def test_equal_seeds_make_equal_arrivals() -> None:
    assert np.array_equal(poisson(50, 3), poisson(50, 3))
    assert not np.array_equal(poisson(50, 3), poisson(50, 4))
    assert float(np.diff(poisson(20_000)).mean()) == pytest.approx(1.0, rel=0.05)
