"""When a failed call is repeated."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from grps.client.errors import (
    CallError,
    ConnectionFailed,
    ModelError,
    TooManyRequests,
    Unavailable,
)

_REPEATABLE = (ConnectionFailed, ModelError, TooManyRequests, Unavailable)


@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed call is repeated, and after which pause.

    A call is repeated only if it has not run: there was no connection, or the service refused it
    with 429 or 503. The pause doubles with each attempt, has a random part, and is at least what
    the service asked for. A call whose deadline would pass in the pause is not repeated.

    Attributes:
        times: How often a call is repeated at most.
        first_s: Longest first pause, in seconds.
        longest_s: Longest pause that doubling leads to.
        repeatable: Whether calls are safe to repeat even if they may have run: after a lost
            connection or a failed model.
    """

    times: int = 2
    first_s: float = 0.1
    longest_s: float = 5.0
    repeatable: bool = False

    def pause(self, error: CallError, attempt: int, deadline: float | None) -> float | None:
        """[For the client] Return the seconds until the next attempt; ``None`` if there is none.

        Args:
            error: Why the call failed.
            attempt: How often it was repeated before.
            deadline: When the call must end, by ``time.monotonic``.
        """
        if attempt >= self.times or not self._may_repeat(error):
            return None
        longest = min(self.longest_s, self.first_s * 2.0**attempt)
        pause = longest * random.uniform(0.5, 1.0)
        if error.retry_after is not None:
            pause += error.retry_after
        if deadline is not None and time.monotonic() + pause >= deadline:
            return None
        return pause

    def _may_repeat(self, error: CallError) -> bool:
        return error.is_refused or (self.repeatable and isinstance(error, _REPEATABLE))
