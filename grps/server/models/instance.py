"""Instances: loaded copies of a model, each with what runs it, in a thread or a process."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from grps.backends.backend import Signature
from grps.server.native import Model


class Life(Enum):
    """Where an instance stands in its life."""

    NEW = "new"
    LOADED = "loaded"
    ALIVE = "alive"
    STOPPED = "stopped"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class InstanceState:
    """What is known of an instance."""

    life: Life
    reason: str | None = None
    """Why it is dead, or was last, as one line."""
    restarts: int = 0
    """How often it came back."""
    pid: int | None = None
    """Its process, when it has one of its own."""


class Instance(Protocol):
    """A copy of a model: loaded, started and stopped by itself, wherever it runs.

    One thread calls ``load``, ``start`` and ``stop``; any may call ``state``.
    """

    @property
    def name(self) -> str:
        """Its name in logs, for example ``vad-1.0.0#0``."""

    def load(self) -> Signature | None:
        """Load and warm the copy; return its signature, ``None`` when user code decides.

        Raises:
            GrpsError: It can't be loaded or does not run; the text is the one-line cause.
        """

    def start(self, model: Model, most_threads: int) -> None:
        """Pull requests from a registered model's queue, in other threads than the caller's.

        Args:
            model: Where the requests come from.
            most_threads: Most threads of user code, which grow in number while requests wait.

        Raises:
            ModelError: It is not loaded.
        """

    def join(self) -> None:
        """Wait until the model takes no requests and all are finished, then release it.

        Without a limit: a request that never ends keeps what runs it.
        """

    def stop(self, timeout_s: float) -> bool:
        """Stop after the running batches and release the copy; waiting requests stay in the queue.

        Args:
            timeout_s: Longest wait for the running batches.

        Returns:
            False when some still run; they end by themselves.
        """

    def set_log_level(self, level: str) -> None:
        """Write log lines of this level and above from here on."""

    def state(self) -> InstanceState:
        """Return its state; it is dead from its end, by user code or a crash, to its return."""
