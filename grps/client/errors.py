"""The errors of calls: one type per kind, the same for all protocols."""

from __future__ import annotations

from collections.abc import Sequence

from grps.errors import GrpsError

NO_RESPONSE = 0
"""The code of a call without a response."""


class CallError(GrpsError):
    """Base of all errors of calls.

    Attributes:
        code: The HTTP status of the failure, over every protocol; 0 if the service did not respond.
        message: What happened; one line.
        retry_after: Seconds after which the service accepts the call again, if it has said so.
        request_id: The id of the call in the log of the service, if it is known.
        is_refused: Whether the call has not run, so that it is safe to repeat.
    """

    docs = "reference/errors.md#errors"
    code = 500

    def __init__(
        self,
        message: str,
        code: int | None = None,
        *,
        retry_after: float | None = None,
        request_id: str | None = None,
        is_refused: bool = False,
    ) -> None:
        """Describe a failure.

        Args:
            message: What happened; one line.
            code: The HTTP status; by default that of the type.
            retry_after: Seconds after which the service accepts the call again.
            request_id: The id of the call in the log of the service.
            is_refused: Whether the call has not run.
        """
        super().__init__(message)
        self.message = message
        self.code = type(self).code if code is None else code
        self.retry_after = retry_after
        self.request_id = request_id
        self.is_refused = is_refused


class InvalidRequest(CallError):
    """The request is malformed or does not fit the model (400, and other statuses from 400 on)."""

    code = 400


class Unauthenticated(CallError):
    """The key is missing or unknown (401)."""

    code = 401


class PermissionDenied(CallError):
    """The key does not allow this call (403)."""

    code = 403


class NotFound(CallError):
    """The model does not exist (404)."""

    code = 404


class TooLarge(CallError):
    """The request or the response is larger than allowed (413)."""

    code = 413


class TooManyRequests(CallError):
    """A queue is full, or a key has reached its rate (429)."""

    code = 429


class Cancelled(CallError):
    """The call was cancelled (499)."""

    code = 499


class ModelError(CallError):
    """The model failed (500)."""

    code = 500


class Unsupported(CallError):
    """The service or the protocol does not have this call (501)."""

    code = 501


class Unavailable(CallError):
    """The service takes no calls at present, or has no instance of the model (503)."""

    code = 503


class DeadlineExceeded(CallError):
    """The timeout of the call passed (504)."""

    code = 504


class ConnectionFailed(CallError):
    """There is no connection to the service, or it ended during the call."""

    code = NO_RESPONSE


_TYPES: tuple[type[CallError], ...] = (
    InvalidRequest,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    TooLarge,
    TooManyRequests,
    Cancelled,
    ModelError,
    Unsupported,
    Unavailable,
    DeadlineExceeded,
    ConnectionFailed,
)
_SLOW_BODY = 408
_KINDS = {kind.code: kind for kind in _TYPES} | {_SLOW_BODY: DeadlineExceeded}
_REFUSALS = (429, 503)
"""Statuses of calls that did not run."""


def error_of(
    code: int,
    message: str,
    *,
    retry_after: float | None = None,
    request_id: str | None = None,
) -> CallError:
    """Return the error of a status that the service has sent."""
    kind = _KINDS.get(code, InvalidRequest if 400 <= code <= 499 else CallError)
    return kind(
        message.strip() or f"status {code}",
        code,
        retry_after=retry_after,
        request_id=request_id,
        is_refused=code in _REFUSALS,
    )


def seconds_of(text: str | None) -> float | None:
    """Return the seconds of ``Retry-After``; ``None`` for a date or nothing."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def one_of(names: Sequence[str]) -> str:
    """Return names as a sentence lists alternatives."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)
