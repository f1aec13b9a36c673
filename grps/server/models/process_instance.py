"""Instances that run in processes of their own: a crash costs its requests, not the service."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from grps.backends.backend import Signature
from grps.backends.common.language.language_model import LanguageFacts
from grps.errors import ModelError
from grps.log import clean, logger
from grps.server.models.backoff import Backoff
from grps.server.models.instance import InstanceState, Life
from grps.server.native import Channel, Lost, Model, StepChannel
from grps.server.worker.process import WorkerProcess


class ProcessInstance:
    """An instance whose copy lives in a worker process, which is started again when it ends."""

    def __init__(
        self,
        name: str,
        start_worker: Callable[[], WorkerProcess],
        hang_timeout_ms: int | None = None,
        *,
        makes_steps: bool = False,
    ) -> None:
        """Make an instance.

        Args:
            name: Its name in logs.
            start_worker: Starts its process.
            hang_timeout_ms: How long the process may give no sign of life while it has work, or be
                stopped by a signal, before it is replaced; ``None`` for no limit.
            makes_steps: Whether it runs a step model.
        """
        self._name = name
        self._makes_steps = makes_steps
        self._hang_timeout_s = None if hang_timeout_ms is None else hang_timeout_ms / 1000
        self._start_worker = start_worker
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._channel: Channel | StepChannel | None = None
        self._thread: threading.Thread | None = None
        self._state = InstanceState(Life.NEW)
        self._stopping = threading.Event()
        self.takes_messages = False
        """Whether an inferer of a plugin takes whole messages; known once it is loaded."""
        self.state_bytes = 0
        """Bytes of one row of all slots of a step model; known once it is loaded."""
        self.language: LanguageFacts | None = None
        """What the files of a language model say; known once it is loaded."""

    @property
    def name(self) -> str:
        """Its name in logs."""
        return self._name

    def load(self) -> Signature | None:
        """Start the process and wait for its copy; see ``Instance.load``."""
        self._begin_worker()
        return self._finish_worker()

    def start(self, model: Model, most_threads: int) -> None:
        """Serve from a thread that waits for the process; see ``Instance.start``."""
        del most_threads  # user code runs in the one thread of its process
        if self._worker is None:
            raise ModelError(f"instance {self._name} is started before it is loaded")
        self._channel = self._attach(model)
        self._change(life=Life.ALIVE)
        self._thread = threading.Thread(
            target=self._serve, args=(model,), name=self._name, daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the process; see ``Instance.join``."""
        if self._thread is not None:
            self._thread.join()
        self._let_go()

    def stop(self, timeout_s: float) -> bool:
        """Stop serving; a process that runs longer is killed. See ``Instance.stop``."""
        self._stopping.set()
        with self._lock:
            channel, worker = self._channel, self._worker
        if channel is not None:
            channel.stop()
        thread = self._thread
        in_time = True
        if thread is not None:
            thread.join(timeout_s)
            in_time = not thread.is_alive()
            if not in_time and worker is not None:
                # It may be stopped, or hold its interpreter: it would outlive the service.
                worker.kill()
        self._let_go()
        return in_time

    def set_log_level(self, level: str) -> None:
        """Set the level of the process; see ``Instance.set_log_level``."""
        worker = self._worker
        if worker is not None:
            worker.set_log_level(level)

    def state(self) -> InstanceState:
        """Return its state; see ``Instance.state``."""
        return self._state

    def _begin_worker(self) -> None:
        """Start the process; several begin to load at once before one is waited for."""
        if self._worker is None:
            self._worker = self._start_worker()
            self._change(pid=self._worker.pid)

    def _finish_worker(self) -> Signature | None:
        worker = self._worker
        assert worker is not None
        try:
            signature = worker.wait_loaded()
        except ModelError:
            self._worker = None
            raise
        self.takes_messages = worker.takes_messages
        self.state_bytes = worker.state_bytes
        self.language = worker.language
        self._change(life=Life.LOADED)
        threading.Thread(
            target=self._watch, args=(worker,), name=f"{self._name} end", daemon=True
        ).start()
        return signature

    def _attach(self, model: Model) -> Channel | StepChannel:
        attach = model.attach_steps if self._makes_steps else model.attach
        return attach(self._name, replaced=True)

    def _serve(self, model: Model) -> None:
        """Serve until the model's queue closes; start the process again whenever it ends."""
        backoff = Backoff()
        again: Lost | None = None
        while True:
            channel, worker = self._channel, self._worker
            assert channel is not None and worker is not None
            retried = again is not None
            lost = channel.serve(worker.link, again)
            again = None
            if self._stopping.is_set() or (lost is None and model.is_closed()):
                channel.detach()
                if lost is not None:
                    lost.fail(f"instance {self._name} has been stopped")
                return
            cause = worker.explain_end(lost.cause) if lost is not None else worker.explain_end()
            worker.end()
            delay_s = backoff.delay_s()
            said = worker.last_lines()
            logger.error("%s %s; it starts again in %.1f s%s", self._name, cause, delay_s, said)
            self._change(life=Life.DEAD, reason=cause, pid=None)
            channel.detach(f"its process {cause}")
            if lost is not None and (lost.begun or retried):
                lost.fail(f"the process of instance {self._name} {cause}")
            else:
                again = lost
            if not self._restart(model, backoff, delay_s, again):
                return

    def _restart(self, model: Model, backoff: Backoff, delay_s: float, again: Lost | None) -> bool:
        """Start the process again, as often as it takes; false when it is no longer needed."""
        while True:
            if self._stopping.wait(delay_s) or model.is_closed():
                return self._give_up(again)
            try:
                self._worker = None
                self._begin_worker()
                self._finish_worker()
            except (ModelError, OSError) as error:
                cause, delay_s = clean(str(error)), backoff.delay_s()
                logger.error(
                    "%s can't start again: %s; next try in %.1f s", self._name, cause, delay_s
                )
                self._change(life=Life.DEAD, reason=cause, pid=None)
                if again is not None:
                    again.fail(f"the process of instance {self._name} can't start again: {cause}")
                    again = None
                continue
            with self._lock:
                if self._stopping.is_set():
                    return self._give_up(again)
                self._channel = self._attach(model)
            backoff.begin()
            self._change(life=Life.ALIVE, restarts=self._state.restarts + 1)
            logger.info("%s runs again", self._name)
            return True

    def _give_up(self, again: Lost | None) -> bool:
        if again is not None:
            again.fail(f"instance {self._name} has been stopped")
        return False

    def _watch(self, worker: WorkerProcess) -> None:
        """Wake the serving thread when the process ends while it waits for requests."""
        worker.wait(self._hang_timeout_s)
        with self._lock:
            channel = self._channel if worker is self._worker else None
        if channel is not None:
            channel.abandon()

    def _let_go(self) -> None:
        worker, self._worker = self._worker, None
        self._change(life=Life.STOPPED, pid=None)
        if worker is not None:
            worker.end()

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
