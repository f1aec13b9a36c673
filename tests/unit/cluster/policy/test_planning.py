"""What is started and drained, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from grps.cluster.description import Deployment, Phase, Replica, Version
from grps.cluster.policy.planning import HALT_AFTER, plan

VERSION = Version(archive="a" * 64, size=1, source="model.onnx")
DEMO = Deployment(name="demo", version=VERSION, wanted=2)
CHANGED = replace(DEMO, version=replace(VERSION, number=2), before=(VERSION,))


def replica(index: int, phase: Phase = "ready", version: int = 1, **more: Any) -> Replica:
    return Replica(name=f"demo-{index}", deployment="demo", version=version, phase=phase, **more)


def test_what_is_missing_is_started() -> None:
    assert plan(DEMO, [], 0.0).start == 2
    assert plan(DEMO, [replica(1, "starting")], 0.0).start == 1
    assert plan(DEMO, [replica(1), replica(2)], 0.0).start == 0


def test_a_failed_replica_is_started_again_when_its_wait_is_over() -> None:
    failed = [replica(1), replica(2, "failed", retry_at=5.0)]
    assert plan(DEMO, failed, 4.9).restart == ()
    assert plan(DEMO, failed, 5.0).restart == ("demo-2",)
    assert plan(DEMO, failed, 5.0).start == 0


def test_the_latest_replicas_leave_first_and_those_that_are_not_ready_before() -> None:
    one = replace(DEMO, wanted=1)
    assert plan(one, [replica(1), replica(2), replica(3)], 0.0).leave == ("demo-3", "demo-2")
    assert plan(one, [replica(1, "starting"), replica(2)], 0.0).leave == ("demo-1",)
    assert plan(replace(DEMO, wanted=0), [replica(1)], 0.0).leave == ("demo-1",)


def test_a_change_of_the_version_never_has_fewer_ready_replicas_than_wanted() -> None:
    replicas = {1: replica(1), 2: replica(2)}
    seen = []
    for _ in range(20):
        changes = plan(CHANGED, list(replicas.values()), 0.0)
        for _ in range(changes.start):
            number = max(replicas) + 1
            replicas[number] = replica(number, "starting", version=2)
        for name in changes.leave:
            del replicas[int(name.rpartition("-")[2])]
        assert sum(one.phase == "ready" for one in replicas.values()) >= 2
        assert len(replicas) <= 3
        seen.append(sorted(one.version for one in replicas.values()))
        replicas = {key: replace(one, phase="ready") for key, one in replicas.items()}
    assert seen[:2] == [[1, 1, 2], [1, 2]]
    assert seen[-1] == [2, 2]


def test_a_version_that_does_not_start_is_given_up_while_the_old_one_serves() -> None:
    old = [replica(1), replica(2)]
    worse = replica(3, "failed", version=2, failures=HALT_AFTER, cause="no such model")
    halted = plan(CHANGED, [*old, worse], 100.0)
    assert "no such model" in halted.halted
    assert (halted.start, halted.restart, halted.leave) == (0, (), ())
    better = replace(worse, failures=HALT_AFTER - 1)
    assert plan(CHANGED, [*old, better], 100.0).restart == ("demo-3",)
    # Without an old one that serves, nothing is better than trying on.
    assert plan(CHANGED, [worse], 100.0).restart == ("demo-3",)


def test_replicas_of_a_drained_host_are_replaced_before_they_leave() -> None:
    replicas = [replica(1, host="a"), replica(2, host="b")]
    first = plan(DEMO, replicas, 0.0, ["a"])
    assert (first.start, first.leave) == (1, ())
    then = plan(DEMO, [*replicas, replica(3, host="c")], 0.0, ["a"])
    assert (then.start, then.leave) == (0, ("demo-1",))


def test_replicas_that_are_spread_start_one_after_the_other() -> None:
    spread = replace(DEMO, wanted=3, spread=True)
    assert plan(spread, [], 0.0).start == 1
    assert plan(spread, [replica(1, "starting")], 0.0).start == 0
    assert plan(spread, [replica(1, "starting", host="a")], 0.0).start == 1


def test_a_removed_deployment_loses_all_replicas() -> None:
    removed = replace(DEMO, removed=True)
    assert plan(removed, [replica(1), replica(2, "failed")], 0.0).leave == ("demo-1", "demo-2")
    assert plan(removed, [replica(1, "draining")], 0.0) == plan(removed, [], 0.0)
