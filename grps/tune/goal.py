"""What settings are searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from grps.perf.slo import Objective, read_objectives
from grps.tune.errors import TuneError

ObjectiveName = Literal["throughput", "cost", "latency"]
OBJECTIVES: tuple[ObjectiveName, ...] = get_args(ObjectiveName)


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective, within a limit of the latency.

    Attributes:
        limit: The percentile of the latency that has to hold.
        objective: ``throughput``: the highest rate at which the limit holds. ``cost``: the fewest
            CPU seconds for each request at ``rate``. ``latency``: the lowest percentile there.
        rate: Requests per second; ``None`` for throughput.
    """

    limit: Objective
    objective: ObjectiveName = "throughput"
    rate: float | None = None

    @property
    def share(self) -> float:
        """The percentile, from 0 to 100."""
        return float(self.limit.metric[1:])

    @property
    def limit_ms(self) -> float:
        """The longest latency."""
        return self.limit.limit

    @property
    def text(self) -> str:
        """The goal in a few words."""
        at = "" if self.rate is None else f" at {self.rate:g} requests/s"
        return f"{self.objective}{at} with {self.limit.text}"


def read_goal(slo: tuple[str, ...], objective: ObjectiveName, rate: float | None) -> Goal:
    """Read a goal.

    Args:
        slo: One percentile of the latency, such as ``p99=20ms``.
        objective: One of ``OBJECTIVES``.
        rate: Requests per second, for ``cost`` and ``latency``.

    Raises:
        TuneError: The limit is none of the latency, or the rate is missing or too much.
        PerfError: The limit is not understood.
    """
    limits = read_objectives(slo)
    if len(limits) != 1 or not limits[0].metric.startswith("p"):
        given = ", ".join(one.text for one in limits) or "nothing"
        raise TuneError(f"--slo: give one percentile of the latency, such as p99=20ms, not {given}")
    if limits[0].metric == "p0" or limits[0].limit <= 0:
        raise TuneError(f"--slo {limits[0].text}: use a percentile and a time above 0")
    if objective == "throughput" and rate is not None:
        raise TuneError("--rate is for --objective cost or latency; throughput finds the rate")
    if objective != "throughput" and rate is None:
        raise TuneError(f"--objective {objective} needs --rate: the requests per second to serve")
    return Goal(limits[0], objective, rate)
