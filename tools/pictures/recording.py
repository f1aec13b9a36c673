"""What a service has answered once under load, from which its page is drawn again and again.

``recorded/service.json.xz`` is written by ``python -m tools.pictures.record``.
"""

from __future__ import annotations

import lzma
import math
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from grps.tune.outcome import Outcome

FOLDER = Path(__file__).parent / "recorded"
SERVICE = FOLDER / "service.json.xz"
OUTCOME = FOLDER / "outcome.json"
"""The outcome of a search by ``grpst tune``."""
MONITOR = "/grps/v1/monitor"
LIVE, TRENDS, SERIES = (f"{MONITOR}/{name}" for name in ("live", "trends", "series"))
METRICS = "/metrics"
JSON = "application/json"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

Points = list[float | None]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer of the service.

    Attributes:
        body: Its text.
        type: Its content type.
        headers: Others that the page reads.
        took_ms: How long the service took, for requests of inferences.
    """

    body: str
    type: str = JSON
    headers: dict[str, str] = {}
    took_ms: float = 0


class Recording(msgspec.Struct, frozen=True):
    """The answers of a service.

    Attributes:
        service: Its name.
        live: Its state, second by second.
        metrics: Its metrics, second by second.
        trends: The points of each series by span and name.
        distributions: The values of each distribution by name.
        answers: What else was answered, by method, path and query.
    """

    service: str
    live: list[msgspec.Raw]
    metrics: list[str]
    trends: dict[str, dict[str, Points]]
    distributions: dict[str, msgspec.Raw]
    answers: dict[str, Answer]

    @property
    def started(self) -> float:
        """When the first state was, in seconds since 1970."""
        return msgspec.json.decode(self.live[0], type=_Time).time

    def answer(self, method: str, url: str, second: int) -> Answer | None:
        """Return the answer to a request.

        Args:
            method: Of HTTP.
            url: With its query.
            second: Of the recording, from 0; its last state stays.

        Returns:
            ``None`` if the page did not ask this while it was recorded.
        """
        parts = urlsplit(url)
        if parts.path == LIVE:
            return Answer(bytes(self.live[min(second, len(self.live) - 1)]).decode())
        if parts.path == METRICS:
            return Answer(self.metrics[min(second, len(self.metrics) - 1)], PLAIN)
        query = parse_qsl(parts.query)
        names = [value for key, value in query if key == "name"]
        if parts.path == TRENDS:
            points = self.trends.get(dict(query).get("span", "minute"))
            if points is None:
                return None
            return Answer(msgspec.json.encode({name: points.get(name) for name in names}).decode())
        if parts.path == SERIES and names:
            values = self.distributions.get(names[0], msgspec.Raw(b"[]"))
            return Answer(f'{{"data":{bytes(values).decode()}}}')
        return self.answers.get(key_of(method, url))


class _Time(msgspec.Struct):
    time: float


def key_of(method: str, url: str) -> str:
    """Return what a request is known by: the address of the service does not matter."""
    parts = urlsplit(url)
    return f"{method} {parts.path}{'?' + parts.query if parts.query else ''}"


def read_recording() -> Recording:
    """Return the recording of this repository."""
    return msgspec.json.decode(lzma.decompress(SERVICE.read_bytes()), type=Recording)


def read_outcome() -> Outcome:
    """Return the search of this repository."""
    return msgspec.convert(_with_infinity(msgspec.json.decode(OUTCOME.read_bytes())), Outcome)


def _with_infinity(value: Any) -> Any:
    """Put back the times that are infinite, for which JSON has no number."""
    if isinstance(value, list):
        return [_with_infinity(one) for one in value]
    if isinstance(value, dict):
        return {
            key: math.inf if one is None and key.endswith("_ms") else _with_infinity(one)
            for key, one in value.items()
        }
    return value
