"""From what is seen of a replica to what is known of it."""

from __future__ import annotations

import pytest

from grps.cluster.description import Replica
from grps.cluster.policy.backoff import LONGEST_S, STEADY_S, backoff_s
from grps.cluster.policy.observing import (
    UNREADY_S,
    UNRESPONSIVE_S,
    Observation,
    absorb,
    is_hung,
)

READY = Replica(name="a-1", deployment="a", version=1, phase="ready", since=0.0, address="h:1")


def test_the_first_failure_is_answered_at_once_and_later_ones_ever_later() -> None:
    waits = [backoff_s(count) for count in range(1, 60)]
    assert waits[:4] == [0.0, 0.5, 1.0, 2.0]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S


def test_a_replica_that_ends_has_failed_and_leaves_the_table() -> None:
    found = absorb(READY, Observation("ended", cause="was ended by signal SIGKILL"), 1.0)
    assert (found.phase, found.address, found.failures) == ("failed", "", 1)
    assert found.retry_at == 1.0
    assert "SIGKILL" in found.cause


def test_failures_count_in_a_row_only() -> None:
    once = absorb(READY, Observation("ended"), 1.0)
    again = absorb(once, Observation("starting"), 1.0)
    assert again.phase == "failed"  # the director decides when it starts
    started = Replica(name="a-1", deployment="a", version=1, since=2.0, failures=1)
    ready = absorb(started, Observation("ready", address="h:2"), 3.0)
    assert (ready.phase, ready.failures, ready.address) == ("ready", 1, "h:2")
    soon = absorb(ready, Observation("ended"), 3.0 + STEADY_S - 0.1)
    assert soon.failures == 2
    later = absorb(ready, Observation("ended"), 3.0 + STEADY_S)
    assert later.failures == 1


@pytest.mark.parametrize(
    ("seen", "limit_s"), [("unresponsive", UNRESPONSIVE_S), ("unready", UNREADY_S)]
)
def test_a_replica_that_does_not_heal_is_killed(seen: str, limit_s: float) -> None:
    found = Observation(seen)  # type: ignore[arg-type]
    unready = absorb(READY, found, 10.0)
    assert unready.phase == "unready"
    assert not is_hung(unready, found, 10.0 + limit_s - 0.1)
    assert is_hung(unready, found, 10.0 + limit_s)
    assert absorb(unready, Observation("ready"), 11.0).phase == "ready"
