"""Instances: loaded copies of a model, each with what runs it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from grps.backends.base import Signature
from grps.errors import ModelError
from grps.inference.runner import Runner, describe, run_instance
from grps.log import logger
from grps.server.native import Channel, Model


@dataclass(frozen=True, slots=True)
class Copy:
    """One loaded and warm copy of a model."""

    runners: tuple[Runner, ...]
    """One per thread that runs it; the same object may stand here several times."""
    signature: Signature | None = None
    """Inputs and outputs; ``None`` when user code decides."""
    grows: bool = False
    """Whether more threads may run it while requests wait: user code may wait for others."""


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
    """Why it is dead, as one line."""


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

    def stop(self, timeout_s: float) -> bool:
        """End after the running batches and let go of the copy; what waits stays in the queue.

        Args:
            timeout_s: Longest wait for the running batches.

        Returns:
            False when some still run; they end by themselves.
        """

    def state(self) -> InstanceState:
        """Tell where it stands; it is dead once user code has ended one of its threads."""


class ThreadInstance:
    """An instance whose copy lives in this process and runs in threads."""

    def __init__(self, name: str, load: Callable[[], Copy]) -> None:
        """Make an instance called ``name`` whose copy comes from ``load``."""
        self._name = name
        self._load = load
        self._lock = threading.Lock()
        self._copy: Copy | None = None
        self._channels: list[Channel] = []
        self._threads: list[threading.Thread] = []
        self._state = InstanceState(Life.NEW)

    @property
    def name(self) -> str:
        """Its name in logs."""
        return self._name

    def load(self) -> Signature | None:
        """Load and warm the copy; see ``Instance.load``."""
        copy = self._load()
        self._copy, self._state = copy, InstanceState(Life.LOADED)
        return copy.signature

    def start(self, model: Model, most_threads: int) -> None:
        """Start the threads; see ``Instance.start``."""
        copy = self._copy
        if copy is None:
            raise ModelError(f"instance {self._name} is started before it is loaded")
        self._state = InstanceState(Life.ALIVE)
        for runner in copy.runners:
            self._add_thread(model, runner)
        if copy.grows:
            grow = threading.Thread(
                target=self._grow, args=(model, copy.runners, most_threads), daemon=True
            )
            with self._lock:
                self._threads.append(grow)
            grow.start()

    def stop(self, timeout_s: float) -> bool:
        """Stop all threads; see ``Instance.stop``."""
        with self._lock:
            self._state = InstanceState(Life.STOPPED)
            self._copy = None
            channels, self._channels = self._channels, []
            threads, self._threads = self._threads, []
        for channel in channels:
            channel.stop()
        end = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def state(self) -> InstanceState:
        """Tell where it stands; see ``Instance.state``."""
        return self._state

    def _add_thread(self, model: Model, runner: Runner) -> None:
        with self._lock:
            if self._state.life is Life.STOPPED:
                return
            channel = model.attach()
            name = f"{self._name}.{len(self._channels)}"
            thread = threading.Thread(
                target=self._run, args=(channel, runner, name), name=name, daemon=True
            )
            self._channels.append(channel)
            self._threads.append(thread)
            # Started under the lock: a thread that ``stop`` joins must have begun.
            thread.start()

    def _run(self, channel: Channel, runner: Runner, name: str) -> None:
        try:
            run_instance(channel, runner, name)
        except BaseException as error:
            # User code may raise SystemExit, which would end the thread without a word.
            logger.exception("%s has died", name)
            with self._lock:
                if self._state.life is Life.ALIVE:
                    self._state = InstanceState(Life.DEAD, describe(error))

    def _grow(self, model: Model, runners: tuple[Runner, ...], most: int) -> None:
        """Start one more thread whenever it helps, until the instance stops."""
        with self._lock:
            if not self._channels:
                return
            channel = self._channels[0]
        shared = itertools.cycle(runners)
        while model.needs_runner(channel, len(runners), most):
            self._add_thread(model, next(shared))
