"""What server and worker process exchange besides requests: lines of JSON over a socket."""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from grps.backends.backend import Signature
from grps.backends.common.language.language_model import LanguageFacts
from grps.config.schema import GpuConfig, ModelConfig
from grps.inference.monitor import Kind
from grps.log import MOST_CHARS, GuardedHandler, clean, clogger, logger, printed, request_of
from grps.server.native import take_recorded

Value = tuple[Kind, str, float]
LOGGERS = {source.name: source for source in (logger, clogger, printed)}
MOST_WAITING = 10_000
"""Values of user code that may wait to be sent."""
SEND_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The settings of a worker: the first line that it reads."""

    folder: str
    """The project."""
    model: ModelConfig
    gpu: GpuConfig | None
    index: int
    """Which instance of it."""
    log_level: str


class Loaded(msgspec.Struct, tag="loaded", frozen=True):
    """The copy is loaded and warm."""

    signature: Signature | None
    takes_messages: bool = False
    """Whether the inferer of a plugin takes whole messages."""
    state_bytes: int = 0
    """Bytes of one row of all slots of a step model."""
    language: LanguageFacts | None = None
    """What the service knows of a language model."""


class Failed(msgspec.Struct, tag="failed", frozen=True):
    """The copy can't be loaded."""

    error: str
    """The one-line cause."""


class Progress(msgspec.Struct, tag="progress", frozen=True):
    """What is going on while the copy is loaded."""

    phase: Literal["loading", "warming"]
    detail: str


class Logged(msgspec.Struct, tag="logged", frozen=True):
    """A line for a log."""

    logger: str
    level: int
    text: str
    thread: str
    file: str
    line: int
    request_id: str | None = None


class Recorded(msgspec.Struct, tag="recorded", frozen=True):
    """Values of user code for series."""

    values: list[Value]


class LevelSet(msgspec.Struct, frozen=True):
    """From the server: which log lines are sent from here on."""

    level: str


Message = Loaded | Failed | Progress | Logged | Recorded
_DECODER = msgspec.json.Decoder(Message)


class Control:
    """One end of the socket; any thread may send, one receives."""

    def __init__(self, connection: socket.socket) -> None:
        """Speak over ``connection``, a stream."""
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message; does nothing once the other end is closed."""
        line = msgspec.json.encode(message) + b"\n"
        try:
            with self._lock:
                self._connection.sendall(line)
        except OSError:
            return

    def read_settings(self) -> WorkerSettings:
        """Return the first line, which the worker gets.

        Raises:
            EOFError: The server has exited.
        """
        line = self._reader.readline()
        if not line:
            raise EOFError("the server has exited")
        return msgspec.json.decode(line, type=WorkerSettings)

    def listen(self, take: Callable[[Message], None]) -> None:
        """Hand all messages to ``take`` until the other end closes."""
        try:
            for line in self._reader:
                try:
                    take(_DECODER.decode(line))
                except (ValueError, msgspec.DecodeError) as error:
                    # One bad line must not end all that follow.
                    logger.warning("a message of a worker can't be used: %s", error)
        except (OSError, ValueError) as error:
            logger.debug("a worker's control line has ended: %s", error)

    def follow_levels(self, take: Callable[[str], None]) -> None:
        """Hand changed log levels to ``take`` until the other end closes."""
        try:
            for line in self._reader:
                take(msgspec.json.decode(line, type=LevelSet).level)
        except (OSError, ValueError, msgspec.DecodeError):
            return

    def close(self) -> None:
        """Close this end."""
        self._reader.close()
        self._connection.close()


class ControlHandler(GuardedHandler):
    """Sends records of a worker's logs to the server, so that one process owns the files."""

    def __init__(self, control: Control) -> None:
        """Send to ``control``."""
        super().__init__()
        self._control = control

    def write(self, record: logging.LogRecord, text: str) -> None:
        """Send one record."""
        line = Logged(
            record.name,
            record.levelno,
            clean(text, MOST_CHARS),
            clean(record.threadName or ""),
            clean(record.pathname),
            record.lineno,
            request_of(record),
        )
        self._control.send(line)


def write_logged(line: Logged, instance: str) -> None:
    """Write a worker's record to the log that it is for, as if it had been made here."""
    target = LOGGERS.get(line.logger, logger)
    if not target.isEnabledFor(line.level):
        return
    record = target.makeRecord(target.name, line.level, line.file, line.line, line.text, (), None)
    record.threadName = f"{instance} {line.thread}"
    record.request_id = line.request_id
    target.handle(record)


class RemoteRecorder:
    """Sends values of user code to the server; what is recorded can't be read in a worker.

    User code never waits: values leave ten times a second from a thread of their own, and those
    that do not fit meanwhile are dropped and noted in the log.
    """

    def __init__(self, control: Control) -> None:
        """Send to ``control``."""
        self._control = control
        self._waiting: deque[Value] = deque()
        self._dropped = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name="metrics", daemon=True)
        self._thread.start()

    def record(self, kind: Kind, name: str, value: float) -> None:
        """Take in a value."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((kind, name, value))
        else:
            self._dropped += 1

    def close(self) -> None:
        """Send what is left."""
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(SEND_PAUSE_S)
            values = [self._waiting.popleft() for _ in range(len(self._waiting))]
            values += cast("list[Value]", take_recorded())
            if values:
                self._control.send(Recorded(values))
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                logger.warning("%d values of app_monitor were dropped: too many at once", dropped)

    def series(self, name: str) -> str | None:
        """Return nothing: the server has the series."""
        del name
        return None

    def series_names(self) -> list[str]:
        """Return nothing: the server has the series."""
        return []
