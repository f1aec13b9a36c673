"""How many replicas a load needs."""

from __future__ import annotations

import math
from collections import deque

from grps.cluster.description import Bounds

UP_DELAY_S = 2.0
"""How long more replicas must have been needed before they are started."""


class Scaling:
    """The recent loads of one deployment.

    More replicas are started when all loads of the last seconds need them. Fewer are kept when no
    load of a longer time needed more.
    """

    def __init__(self) -> None:
        """Begin without a load."""
        self._seen: deque[tuple[float, int]] = deque()
        self._since: float | None = None

    def wanted(self, now: float, load: int, current: int, bounds: Bounds) -> int:
        """Note a load and return how many replicas there should be.

        Args:
            now: The time.
            load: Requests in all ready replicas, running or waiting.
            current: How many replicas there should be until now.
            bounds: The limits.
        """
        if self._since is None:
            self._since = now
        self._seen.append((now, _clamped(math.ceil(load / bounds.target_load), bounds)))
        longest = max(UP_DELAY_S, bounds.down_delay_s)
        while self._seen[0][0] < now - longest:
            self._seen.popleft()
        current = _clamped(current, bounds)
        up = self._over(now, UP_DELAY_S)
        if up and min(up) > current:
            return min(up)
        down = self._over(now, bounds.down_delay_s)
        if down and max(down) < current:
            return max(down)
        return current

    def _over(self, now: float, length_s: float) -> list[int]:
        """Return what the loads of the last seconds needed; nothing when it is watched for less."""
        if self._since is None or now - self._since < length_s:
            return []
        return [count for at, count in self._seen if at >= now - length_s]


def _clamped(count: int, bounds: Bounds) -> int:
    return max(bounds.minimum, min(count, bounds.maximum))
