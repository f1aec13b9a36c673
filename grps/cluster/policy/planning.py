"""What to start and what to drain, so that a deployment becomes what it should be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from grps.cluster.description import Deployment, Replica

HALT_AFTER = 3
"""A new version of which this many starts in a row have failed is not started further."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of one deployment; the director makes them and looks again."""

    start: int = 0
    """New replicas of its version."""
    restart: tuple[str, ...] = ()
    """Failed replicas to start again."""
    leave: tuple[str, ...] = ()
    """Replicas that get no further requests, and are drained then."""
    halted: str = ""
    """Why a change of the version does not go on."""


def plan(
    deployment: Deployment,
    replicas: Sequence[Replica],
    now: float,
    drained_hosts: Collection[str] = (),
) -> Plan:
    """Return the next changes.

    As many replicas as wanted stay ready: during a change of the version, or when a host is
    drained, one more runs than wanted, and an old one leaves when a new one is ready.

    Args:
        deployment: What should be.
        replicas: All replicas of it.
        now: The time.
        drained_hosts: Hosts that should have none.
    """
    there = [one for one in replicas if one.phase not in ("leaving", "draining")]
    number = deployment.version.number

    def is_current(one: Replica) -> bool:
        return one.version == number and (not one.host or one.host not in drained_hosts)

    current = [one for one in there if is_current(one)]
    old = [one for one in there if not is_current(one)]
    if deployment.removed or deployment.wanted == 0:
        return Plan(leave=tuple(one.name for one in there))
    leave = [one.name for one in old if one.phase in ("failed", "starting")]
    old = [one for one in old if one.phase in ("ready", "unready")]
    halted = _halted(current, old)
    restart = () if halted else tuple(_due(current, now))
    start = 0 if halted else _to_start(deployment, current, old)
    leave += _surplus(deployment.wanted, current, old)
    return Plan(start, restart, tuple(leave), halted)


def _halted(current: Sequence[Replica], old: Sequence[Replica]) -> str:
    """Return why the new version is given up for now: it does not start, and an old one serves."""
    serves = any(one.phase == "ready" for one in old)
    worst = max(current, key=lambda one: one.failures, default=None)
    if worst is None or not serves or any(one.phase == "ready" for one in current):
        return ""
    if worst.failures < HALT_AFTER:
        return ""
    goes_on = f"version {old[0].version} goes on"
    return f"version {worst.version} does not start, {goes_on}: {worst.cause}"


def _due(current: Sequence[Replica], now: float) -> list[str]:
    return [one.name for one in current if one.phase == "failed" and one.retry_at <= now]


def _to_start(deployment: Deployment, current: Sequence[Replica], old: Sequence[Replica]) -> int:
    most = deployment.wanted + (1 if old else 0)
    room = min(deployment.wanted - len(current), most - len(current) - len(old))
    if deployment.spread and room > 0:
        # The host of the one before has to be known, to avoid it.
        return 0 if any(not one.host for one in current) else 1
    return max(room, 0)


def _surplus(wanted: int, current: Sequence[Replica], old: Sequence[Replica]) -> list[str]:
    """Return the replicas that are not needed, those that serve least first."""
    ready = [one for one in current if one.phase == "ready"]
    leave: list[str] = []
    if old:
        old_ready = [one for one in old if one.phase == "ready"]
        spare = len(ready) + len(old_ready) - wanted
        idle = [one for one in old if one.phase != "ready"]
        leave += [one.name for one in idle if len(ready) >= wanted]
        leave += [one.name for one in sorted(old_ready, key=_load)[: max(spare, 0)]]
    extra = len(current) - wanted
    if extra > 0:
        unready = [one for one in current if one.phase != "ready"]
        # Of those that are ready, the latest: its caches are the coldest.
        order = [*unready[::-1], *ready[::-1]]
        leave += [one.name for one in order[:extra]]
    return leave


def _load(replica: Replica) -> int:
    return replica.load
