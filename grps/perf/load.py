"""When the requests of a load test are sent, for how long, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from grps.perf.errors import PerfError


@dataclass(frozen=True, slots=True)
class Closed:
    """Closed loop: so many requests are open at all times, each followed by the next."""

    concurrency: int

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"concurrency {self.concurrency}"

    @property
    def level(self) -> float:
        """The number by which several of its kind are compared."""
        return self.concurrency

    def to_plan(self) -> dict[str, Any]:
        """Return what the load generator reads."""
        return {"closed": {"concurrency": self.concurrency}}


@dataclass(frozen=True, slots=True)
class Constant:
    """Open loop: requests at equal distances, whether others have ended or not."""

    rate: float

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"{self.rate:g} requests/s"

    @property
    def level(self) -> float:
        """The number by which several of its kind are compared."""
        return self.rate

    def to_plan(self) -> dict[str, Any]:
        """Return what the load generator reads."""
        return {"open": {"constant": {"rate": self.rate}}}


@dataclass(frozen=True, slots=True)
class Poisson:
    """Open loop: independent arrivals, as of many clients. Equal seeds make equal times."""

    rate: float
    seed: int = 1

    @property
    def name(self) -> str:
        """What it is called in results."""
        return f"{self.rate:g} requests/s (Poisson)"

    @property
    def level(self) -> float:
        """The number by which several of its kind are compared."""
        return self.rate

    def to_plan(self) -> dict[str, Any]:
        """Return what the load generator reads."""
        return {"open": {"poisson": {"rate": self.rate, "seed": self.seed}}}


@dataclass(frozen=True, slots=True)
class Trace:
    """Open loop: requests at given times."""

    seconds: tuple[float, ...]
    source: str = "trace"

    @property
    def name(self) -> str:
        """What it is called in results."""
        return self.source

    @property
    def level(self) -> float:
        """The mean rate, by which several of its kind are compared."""
        length = self.seconds[-1] - self.seconds[0] if self.seconds else 0.0
        return len(self.seconds) / length if length > 0 else 0.0

    def to_plan(self) -> dict[str, Any]:
        """Return what the load generator reads."""
        return {"open": {"trace": {"seconds": self.seconds}}}


Load = Closed | Constant | Poisson | Trace


@dataclass(frozen=True, slots=True)
class Window:
    """How long a load takes; it ends at the first limit.

    Attributes:
        warmup_s: Seconds at the start that are not measured.
        duration_s: Seconds after them in which requests are sent.
        count: Measured requests.
    """

    warmup_s: float = 1.0
    duration_s: float | None = 10.0
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a load test may use.

    Attributes:
        timeout_s: Longest time of a request, from the time at which it is to be sent.
        max_open: Most open requests; a request of an open loop beyond them is not sent.
        connections: Most connections; gRPC shares fewer than there are open requests.
        max_response_bytes: Most bytes of a response.
        threads: Threads that send.
    """

    timeout_s: float = 60.0
    max_open: int = 10_000
    connections: int | None = None
    max_response_bytes: int = 1 << 30
    threads: int = 1


def read_trace(path: Path) -> Trace:
    """Read the arrivals of a trace.

    Args:
        path: A line for each request: seconds as a number, or an object of JSON with ``at_s``. The
            first request is sent at once: times count from it.

    Raises:
        PerfError: A line is neither, or the times do not ascend.
    """
    times: list[float] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        at = _time(text)
        if at is None or (times and at < times[-1]):
            wrong = "is no time" if at is None else f"is earlier than the line before ({times[-1]})"
            raise PerfError(f"{path}:{number}: {text[:40]!r} {wrong}; give ascending seconds")
        times.append(at)
    if not times:
        raise PerfError(f"{path}: has no times; give a line with seconds for each request")
    return Trace(tuple(at - times[0] for at in times), path.name)


def _time(text: str) -> float | None:
    try:
        found: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    if isinstance(found, dict):
        found = found.get("at_s")
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return float(found) if is_number else None  # type: ignore[arg-type]
