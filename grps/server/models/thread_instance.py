"""Instances that live in the server's own process and run in threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from grps.backends.backend import Signature
from grps.errors import ModelError
from grps.inference.async_runner import AsyncMessageRunner
from grps.inference.runner import Runner, describe, run_instance
from grps.log import logger
from grps.server.loading.copies import LoadedCopy
from grps.server.models.backoff import Backoff
from grps.server.models.instance import InstanceState, Life
from grps.server.native import Channel, Model


class ThreadInstance:
    """An instance whose copy lives in this process and runs in threads."""

    def __init__(self, name: str, load: Callable[[], LoadedCopy]) -> None:
        """Make an instance called ``name`` whose copy comes from ``load``."""
        self._name = name
        self._load = load
        self._lock = threading.Lock()
        self._copy: LoadedCopy | None = None
        self._channels: dict[str, Channel] = {}
        self._threads: list[threading.Thread] = []
        self._state = InstanceState(Life.NEW)
        self._stopping = threading.Event()

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
        for runner in set(copy.runners):
            if isinstance(runner, AsyncMessageRunner):
                runner.beat_with(model.add_heartbeat(f"{self._name} event loop"))
        for runner in copy.runners:
            self._add_thread(model, runner)
        if copy.grows:
            grow = threading.Thread(
                target=self._grow, args=(model, copy.runners, most_threads), daemon=True
            )
            with self._lock:
                self._threads.append(grow)
            grow.start()

    def join(self) -> None:
        """Wait for the end of all threads; see ``Instance.join``."""
        joined = 0
        while True:
            # More may have begun meanwhile.
            with self._lock:
                threads = self._threads[joined:]
            if not threads:
                break
            for thread in threads:
                thread.join()
            joined += len(threads)
        self._let_go(None)

    def stop(self, timeout_s: float) -> bool:
        """Stop all threads; see ``Instance.stop``."""
        self._stopping.set()
        with self._lock:
            channels = list(self._channels.values())
            threads = list(self._threads)
        for channel in channels:
            channel.stop()
        end = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        closed = self._let_go(max(0.0, end - time.monotonic()))
        return closed and not any(thread.is_alive() for thread in threads)

    def set_log_level(self, level: str) -> None:
        """Do nothing: it logs as this process does."""

    def state(self) -> InstanceState:
        """Return its state; see ``Instance.state``."""
        return self._state

    def _let_go(self, timeout_s: float | None) -> bool:
        """Release the copy; False when a part of it still runs."""
        with self._lock:
            copy, self._copy = self._copy, None
            self._channels, self._threads = {}, []
            self._state = replace(self._state, life=Life.STOPPED)
        runners = set(copy.runners) if copy is not None else set()
        return all([runner.close(timeout_s) for runner in runners])

    def _add_thread(self, model: Model, runner: Runner) -> None:
        with self._lock:
            if self._state.life is Life.STOPPED or self._stopping.is_set():
                return
            name = f"{self._name}.{len(self._channels)}"
            channel = self._channels[name] = model.attach(name)
            thread = threading.Thread(
                target=self._run, args=(model, channel, runner, name), name=name, daemon=True
            )
            self._threads.append(thread)
            # Started under the lock: a thread that ``stop`` joins must have begun.
            thread.start()

    def _run(self, model: Model, channel: Channel, runner: Runner, name: str) -> None:
        backoff = Backoff()
        while True:
            try:
                run_instance(channel, runner, name)
                return
            except BaseException as error:
                # User code may raise SystemExit, which would end the thread without a word.
                reason = describe(error)
                delay_s = backoff.delay_s()
                logger.exception("%s has died; it starts again in %.1f s", name, delay_s)
            self._change(life=Life.DEAD, reason=reason)
            if self._stopping.wait(delay_s):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                channel = self._channels[name] = model.attach(name)
            backoff.begin()
            self._change(life=Life.ALIVE, restarts=self._state.restarts + 1)
            logger.info("%s runs again", name)

    def _change(self, **changes: object) -> None:
        with self._lock:
            if self._state.life is not Life.STOPPED:
                self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def _grow(self, model: Model, runners: tuple[Runner, ...], most: int) -> None:
        """Start one more thread whenever it helps, until the instance stops."""
        with self._lock:
            channels = list(self._channels.values())
        if not channels:
            return
        shared = itertools.cycle(runners)
        while model.needs_runner(channels[0], len(runners), most):
            self._add_thread(model, next(shared))
