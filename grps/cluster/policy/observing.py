"""From what is seen of a replica to what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from grps.cluster.description import Replica
from grps.cluster.policy.backoff import STEADY_S, backoff_s
from grps.deploy.figures import Figures

Seen = Literal["starting", "ready", "unready", "unresponsive", "ended", "lost"]
UNRESPONSIVE_S = 5.0
"""A replica that does not answer for this long is killed and started again."""
UNREADY_S = 60.0
"""The same for one that answers that it is not ready: its own repairs come first."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A replica as its host sees it."""

    seen: Seen
    """``ended``: its process has; ``lost``: nothing is known of it or its host."""
    host: str = ""
    address: str = ""
    load: int = 0
    queue: int = 0
    cause: str = ""
    figures: Figures | None = None


def absorb(replica: Replica, found: Observation, now: float) -> Replica:
    """Return a replica with what was seen of it."""
    if replica.phase in ("leaving", "draining"):
        return replace(replica, load=found.load, queue=found.queue, figures=found.figures)
    if replica.phase == "failed":
        return replica
    if found.seen in ("ended", "lost"):
        return failed(replica, found.cause or f"its process is {found.seen}", now)
    known = replace(
        replica,
        host=found.host or replica.host,
        address=found.address or replica.address,
        load=found.load,
        queue=found.queue,
        figures=found.figures,
    )
    if found.seen == "ready":
        return _ready(known, now)
    if replica.phase == "ready":
        cause = found.cause or "it does not answer"
        return replace(known, phase="unready", since=now, cause=cause)
    return replace(known, cause=found.cause)


def _ready(replica: Replica, now: float) -> Replica:
    if replica.phase != "ready":
        return replace(replica, phase="ready", since=now, cause="")
    steady = now - replica.since >= STEADY_S
    return replace(replica, failures=0 if steady else replica.failures)


def failed(replica: Replica, cause: str, now: float) -> Replica:
    """Return a replica that has failed once more."""
    failures = replica.failures + 1
    if replica.phase == "ready" and now - replica.since >= STEADY_S:
        failures = 1
    return replace(
        replica,
        phase="failed",
        since=now,
        failures=failures,
        retry_at=now + backoff_s(failures),
        cause=cause,
        address="",
        load=0,
        queue=0,
        figures=None,
    )


def is_hung(replica: Replica, found: Observation, now: float) -> bool:
    """Return whether a replica has to be killed, as it will not heal by itself."""
    if replica.phase != "unready":
        return False
    limit_s = UNRESPONSIVE_S if found.seen == "unresponsive" else UNREADY_S
    return now - replica.since >= limit_s
