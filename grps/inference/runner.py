"""The loop of an instance: pull requests, run the model, reply."""

from __future__ import annotations

from typing import Protocol

from grps.errors import FIRST_REFUSAL, LAST_REFUSAL, InputError, ModelError, StopRequested
from grps.inference import custom_http
from grps.inference.channel import Batch, Channel, Entry, Exchange
from grps.inference.monitor import app_monitor
from grps.log import clean, logger

OUT_OF_MEMORY = ("OutOfMemoryError", "ResourceExhaustedError")
"""What PyTorch and TensorFlow raise when a device's memory is short."""
MOST_CHARS = 4000
"""Longest text of an exception that a client gets."""
GPU_OOM_COUNT = "*gpu_oom_count"
"""The series that counts it."""


class Runner(Protocol):
    """Runs requests on one loaded copy of a model."""

    def run(self, batch: Batch) -> None:
        """Run all requests; an exception fails those without a response."""

    def close(self, timeout_s: float | None) -> bool:
        """Finish running work and release what the runner holds.

        Args:
            timeout_s: Longest wait; ``None`` for no limit.

        Returns:
            False when something still runs.
        """


def run_instance(channel: Channel, runner: Runner, name: str) -> None:
    """Serve requests until the service or the instance stops.

    Requests that arrive while the instance is busy form its next batch; no request
    waits to fill a batch while the instance is idle. Whatever user code raises, ``SystemExit``
    included, fails its requests only.

    Args:
        channel: Where the requests come from.
        runner: What runs them.
        name: The instance in the log, for example ``vad-1.0.0#0``.
    """
    down: str | None = None
    try:
        while (batch := channel.next()) is not None:
            try:
                runner.run(batch)
            except BaseException as error:
                for entry in batch.entries():
                    report(entry, error, name)
            # The next wait may be long: it must not keep what this run used alive.
            del batch
    except BaseException as error:
        down = describe(error)
        raise
    finally:
        channel.detach(down)


def fail(entry: Entry, error: BaseException, name: str) -> None:
    """Fail an entry as ``report`` does, unless a signal requests the end of the process.

    Raises:
        StopRequested: It is the exception.
    """
    if isinstance(error, StopRequested):
        raise error
    report(entry, error, name)


def report(entry: Entry, error: BaseException, name: str) -> None:
    """Fail an entry with the cause, and write the traceback to the log.

    A refusal of the request is no failure of the model: it has no traceback. Never raises,
    whatever the exception is.
    """
    if entry.is_answered():
        return
    try:
        _fail(entry, error, name)
    except BaseException:
        # Such as a header of an HTTP error that can't be sent.
        logger.warning("%s: a failure can't be reported as it is", name, exc_info=True)
        if not entry.is_answered():
            entry.fail(_with_id(error, entry))


def _fail(entry: Entry, error: BaseException, name: str) -> None:
    exchange = entry.exchange() if custom_http.is_http_error(error) else None
    if exchange is not None and _reply_to(exchange, error, name):
        entry.reply_message(b"")
        return
    refused = refusal(error)
    if refused is not None:
        entry.refuse(*refused)
        return
    # A batch may have been made of other requests: the record says which one it is about.
    about = {"request_id": entry.id}
    logger.error("%s failed on request %s", name, entry.id, exc_info=error, extra=about)
    if type(error).__name__ in OUT_OF_MEMORY:
        app_monitor.record("inc", GPU_OOM_COUNT, 1)
    entry.fail(_with_id(error, entry))


def _with_id(error: BaseException, entry: Entry) -> str:
    return f"{describe(error)} (request id {entry.id})"


def _reply_to(exchange: Exchange, error: BaseException, name: str) -> bool:
    """Set the response to what ``abort`` raised; return whether it is no failure, as a redirect."""
    try:
        custom_http.reply_to_error(exchange, error)
    except BaseException:
        # A class of the user's own; the request fails as with any other exception.
        logger.warning("%s: no response can be made of %s", name, describe(error), exc_info=True)
        return False
    return custom_http.error_status(error) < FIRST_REFUSAL


def refusal(error: BaseException) -> tuple[str, int] | None:
    """Return the line and the HTTP status for the client, if user code refused the request.

    Never raises: a class of the user's own whose text or status can't be read refuses nothing.
    """
    try:
        if isinstance(error, InputError):
            refused = FIRST_REFUSAL <= error.status <= LAST_REFUSAL
            return (describe(error), error.status) if refused else None
        return custom_http.refusal(error) if custom_http.is_http_error(error) else None
    except BaseException:
        return None


def describe(error: BaseException) -> str:
    """Return the cause of a failure as one line of at most some thousand characters.

    Never raises, whatever the exception is: it stands where failures are handled.
    """
    kind = clean(type(error).__name__, MOST_CHARS)
    try:
        text = " ".join(clean(str(error), MOST_CHARS).split())
    except BaseException as second:
        return f"{kind} (its text can't be made: {clean(type(second).__name__, MOST_CHARS)})"
    if text and isinstance(error, (ModelError, InputError)):
        return text
    return f"{kind}: {text}" if text else kind
