"""Metrics of the user's code: handed to the server that runs, which keeps them as series."""

from __future__ import annotations

import json
import math
import threading
from typing import Any, Literal, Protocol

from grps.log import logger

LONGEST_NAME_BYTES = 128
Kind = Literal["avg", "max", "min", "inc", "cdf"]


class Recorder(Protocol):
    """Where values go: the native server."""

    def record(self, kind: Kind, name: str, value: float) -> None:
        """Take in a value of this moment.

        Raises:
            ValueError: The name is unfit, in use for another kind, or one too many.
        """

    def series(self, name: str) -> str | None:
        """Return a series as the JSON of ``monitor/series``; ``None`` when there is none."""

    def series_names(self) -> list[str]:
        """Return the names of all series."""


class AggType:
    """What counts of the values of one second."""

    AVG = 0
    MAX = 1
    MIN = 2
    INC = 3
    CDF = 4


class AggTimeUnit:
    """What one point of a trend stands for."""

    SECOND = 0
    MINUTE = 1
    HOUR = 2
    DAY = 3


class Monitor:
    """Metrics of the user's code; any thread may use it, and none waits.

    Values are recorded while a server runs; without one, such as in a project's own tests, they go
    nowhere. A name stays with the method that it was first used with. A value that is infinite or
    not a number is left out, with one warning in the log.
    """

    def __init__(self) -> None:
        """Make a monitor whose values go nowhere."""
        self._recorder: Recorder | None = None
        self._c_api = 0
        self._warned: set[str] = set()
        self._warned_lock = threading.Lock()

    def connect(self, recorder: Recorder | None, c_api: int = 0) -> None:
        """[For the server] Send values to ``recorder`` from now on; nowhere when ``None``.

        Args:
            recorder: Where they go.
            c_api: What ``c_api`` returns.
        """
        self._recorder = recorder
        self._c_api = c_api

    def c_api(self) -> int:
        """Return the address of the functions by which native code records metrics.

        Hand it to your library, for example ``library.attach(ctypes.c_void_p(...))``; its type is
        ``const grps_monitor_api *`` of the header ``grps/monitor.h``. It is valid until the process
        ends, and 0 where no service runs.
        """
        return self._c_api

    def avg(self, key: str, value: float) -> None:
        """Record a ``value`` of the metric ``key``, of which the average counts."""
        self._record("avg", key, value)

    def max(self, key: str, value: float) -> None:
        """Record a ``value`` of the metric ``key``, of which the largest counts."""
        self._record("max", key, value)

    def min(self, key: str, value: float) -> None:
        """Record a ``value`` of the metric ``key``, of which the smallest counts."""
        self._record("min", key, value)

    def inc(self, key: str, value: float) -> None:
        """Add ``value`` to the sum of the metric ``key``; it is shown per second."""
        self._record("inc", key, value)

    def cdf(self, key: str, value: float) -> None:
        """Record a ``value`` of the metric ``key``, of which the distribution counts."""
        self._record("cdf", key, value)

    def read(self, key: str) -> dict[str, Any] | str:
        """Return the series ``key`` as ``monitor/series`` does, or ``key not found``."""
        found = None if self._recorder is None else self._recorder.series(key)
        return "key not found" if found is None else dict(json.loads(found))

    def read_all(self) -> dict[str, Any]:
        """Return all series by name, the service's own too."""
        names = [] if self._recorder is None else self._recorder.series_names()
        return {name: self.read(name) for name in names}

    def record(self, kind: Kind, key: str, value: float) -> None:
        """[For the server] Record a value that a worker process has sent."""
        self._record(kind, key, value)

    def _record(self, kind: Kind, key: str, value: float) -> None:
        """Hand a value on.

        Raises:
            ValueError: The key is no text, or the value no number.
        """
        if not isinstance(key, str):
            raise ValueError(f"a metric's name is text, not {type(key).__name__}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        except (TypeError, ValueError):
            kind_of_value = type(value).__name__
            raise ValueError(f"metric {key!r}: a value is a number, not {kind_of_value}") from None
        if self._recorder is None:
            return
        try:
            _check(key, number)
            self._recorder.record(kind, key, number)
        except ValueError as error:
            self._warn_once(key, error)

    def _warn_once(self, key: str, error: ValueError) -> None:
        """Log the first refusal of a name; user code goes on."""
        key = key[:200]
        with self._warned_lock:
            known = key in self._warned or len(self._warned) > 1000
            self._warned.add(key)
        if not known:
            logger.warning("metric %r: %s", key, error)


def _check(key: str, number: float) -> None:
    """Check what the server would refuse, before it is sent to another process.

    Raises:
        ValueError: The name can't be written or is too long, or the number is not finite.
    """
    if len(key.encode()) > LONGEST_NAME_BYTES:
        raise ValueError(f"the name has more than {LONGEST_NAME_BYTES} bytes; it is not recorded")
    if not math.isfinite(number):
        raise ValueError("a value is not a finite number; it is not recorded")


app_monitor = Monitor()
