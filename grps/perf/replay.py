"""Sends the requests of a capture again and compares the replies with the recorded ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from grps.perf.errors import PerfError
from grps.perf.load import Closed, Limits, Window
from grps.perf.measurement import Measurement, read_measurement
from grps.perf.requests.forms import authorization
from grps.perf.requests.prepared import Prepared
from grps.perf.running import POLL_S, Progress, make_plan, read_progress
from grps.perf.target import Target
from grps.server.native import ReplayRun

_LAST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture is.

    Attributes:
        requests: Its requests.
        seconds: From the first to the last.
        routes: Requests by the model or graph that ran them; "" is the default graph.
        damage: Why the rest of the file can't be read.
    """

    requests: int
    seconds: float
    routes: dict[str, int]
    damage: str | None = None


class Difference(msgspec.Struct, frozen=True):
    """A reply that differs from the recorded one.

    Attributes:
        record: The number of the request in the capture, from 0.
        at_s: Seconds from the first request to this one, as recorded.
        route: The model or graph that ran it when it was recorded.
        request_id: The identifier of the recorded request.
        why: What differs, as one line.
        is_failure: Whether one of both replies is a failure.
        tensor: The tensor of the element that differs most; empty if it has no name.
        index: The position of that element in each dimension.
        expected: Its recorded value.
        actual: Its value in the reply.
        differing: Elements that differ by more than the tolerance.
        elements: Elements that were compared.
        max_absolute: The largest difference of two numbers.
        max_relative: The largest difference as a part of the recorded number.
    """

    record: int
    at_s: float
    route: str
    request_id: str
    why: str
    is_failure: bool
    tensor: str
    index: tuple[int, ...]
    expected: str
    actual: str
    differing: int
    elements: int
    max_absolute: float
    max_relative: float


class RouteFound(msgspec.Struct, frozen=True):
    """What was found of one model or graph; the attributes are those of ``Found``."""

    compared: int
    different: int
    max_absolute: float
    max_relative: float


class Found(msgspec.Struct, frozen=True):
    """How replies compare with the recorded ones.

    Attributes:
        replies: Replies that came, failures included.
        compared: Replies that were compared.
        equal: Of them, those that are equal.
        within_tolerance: Those that differ by no more than the tolerance.
        different: Those that differ by more.
        other_outcomes: Requests that succeeded when they were recorded and failed this time, or the
            other way round.
        not_compared: Requests whose recorded outcome was one of that time, such as a full queue.
        max_absolute: The largest difference of two numbers.
        max_relative: The largest difference as a part of the recorded number.
        routes: The same by the model or graph that was recorded.
        worst: The worst differences, the worst first.
    """

    replies: int
    compared: int
    equal: int
    within_tolerance: int
    different: int
    other_outcomes: int
    not_compared: int
    max_absolute: float
    max_relative: float
    routes: dict[str, RouteFound]
    worst: tuple[Difference, ...]

    @property
    def differences(self) -> int:
        """Replies that differ by more than the tolerance, or in their outcome."""
        return self.different + self.other_outcomes


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found, and what was measured."""

    capture: Capture
    found: Found
    measurement: Measurement

    @property
    def missing(self) -> int:
        """Requests without a reply: they were not sent, or the replay was stopped."""
        return self.capture.requests - self.found.replies


class Replay:
    """The requests of a capture."""

    def __init__(
        self,
        file: Path,
        *,
        version: str | None = None,
        model: str | None = None,
        tolerance: str | None = None,
    ) -> None:
        """Read the requests.

        Args:
            file: The capture.
            version: The version of each model, instead of the recorded one.
            model: The model or graph that gets all requests.
            tolerance: How far numbers may be from the recorded ones: ``rel=1e-3,abs=1e-6``.

        Raises:
            PerfError: The file or an option can't be used.
        """
        options = {"version": version, "model": model, "tolerance": tolerance}
        try:
            self._run = ReplayRun(file, json.dumps(options))
        except (OSError, ValueError) as error:
            raise PerfError(f"{file}: {error}") from error
        self.capture = Capture(**json.loads(self._run.about()))

    def send(
        self,
        target: Target,
        speed: float | None,
        concurrency: int,
        limits: Limits = Limits(),  # noqa: B008 - it can't be changed
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Replayed:
        """Send the requests once, over gRPC, and compare the replies.

        Args:
            target: The server.
            speed: Divides the recorded times; ``None`` sends as fast as replies come.
            concurrency: Requests that are open at once without a speed.
            limits: What the replay may use.
            on_progress: Called a few times a second.

        Raises:
            PerfError: The requests can't be sent.
        """
        load = Closed(concurrency)
        prepared = Prepared("grpc", (), "a capture", grps_status=True)
        window = Window(0.0, None, self.capture.requests if speed is None else None)
        plan, _ = make_plan(target, prepared, load, window, limits)
        try:
            self._run.start(json.dumps(plan), speed, list(authorization(target.key)))
        except ValueError as error:
            raise PerfError(str(error)) from error
        is_stopped = self._wait(on_progress)
        try:
            report, found = self._run.end()
        except OSError as error:
            raise PerfError(str(error)) from error
        measurement = read_measurement(
            json.loads(report), load, streaming=False, items=1, is_stopped=is_stopped
        )
        return Replayed(self.capture, msgspec.json.decode(found, type=Found), measurement)

    def _wait(self, on_progress: Callable[[Progress], None] | None) -> bool:
        """Wait until all replies have come; return whether it was stopped by Ctrl-C."""
        try:
            while not self._run.wait(POLL_S):
                if on_progress is not None:
                    on_progress(read_progress(self._run.progress()))
        except KeyboardInterrupt:
            self._run.stop()
            self._run.wait(_LAST_WAIT_S)
            return True
        return False


def to_json(replayed: Replayed) -> dict[str, Any]:
    """Return the result as JSON has it."""
    measured = replayed.measurement
    latency = {
        f"p{share:g}_ms": measured.latency.percentile(share) if measured.latency.count else None
        for share in (50, 90, 99)
    }
    return {
        "capture": msgspec.to_builtins(replayed.capture),
        "found": msgspec.to_builtins(replayed.found),
        "missing": replayed.missing,
        "is_stopped": measured.is_stopped,
        "seconds": measured.wall_s,
        "succeeded": measured.succeeded,
        "failed": measured.failed,
        "not_sent": measured.not_sent,
        "latency": latency,
        "errors": [msgspec.to_builtins(error) for error in measured.errors],
    }
