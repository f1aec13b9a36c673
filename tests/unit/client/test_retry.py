from __future__ import annotations

import time

import pytest

from grps.client import (
    CallError,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidRequest,
    ModelError,
    Retry,
    TooManyRequests,
    Unavailable,
)
from grps.client.errors import error_of, seconds_of

RETRY = Retry(times=3, first_s=0.1, longest_s=0.3)


@pytest.mark.parametrize("code", [429, 503])
def test_what_was_refused_is_repeated_after_growing_pauses(code: int) -> None:
    pauses = [RETRY.pause(error_of(code, "x"), attempt, None) for attempt in range(4)]
    for pause, longest in zip(pauses, [0.1, 0.2, 0.3], strict=False):
        assert pause is not None
        assert longest / 2 <= pause <= longest
    assert pauses[3] is None


@pytest.mark.parametrize(
    "error",
    [
        ModelError("it failed"),
        InvalidRequest("no"),
        DeadlineExceeded("late"),
        ConnectionFailed("it ended during the call"),
    ],
)
def test_what_may_have_run_is_not_repeated(error: CallError) -> None:
    assert RETRY.pause(error, 0, None) is None


def test_what_is_safe_to_repeat_is_repeated_when_the_user_says_so() -> None:
    retry = Retry(repeatable=True)
    assert retry.pause(ConnectionFailed("it ended"), 0, None) is not None
    assert retry.pause(ModelError("it failed"), 0, None) is not None
    assert retry.pause(InvalidRequest("no"), 0, None) is None


def test_a_connection_that_was_never_there_is_tried_again() -> None:
    assert RETRY.pause(ConnectionFailed("refused", is_refused=True), 0, None) is not None


def test_the_service_says_how_long_to_wait() -> None:
    pause = RETRY.pause(error_of(429, "x", retry_after=2.0), 0, None)
    assert pause is not None
    assert 2.0 <= pause <= 2.2


def test_no_pause_goes_beyond_the_deadline() -> None:
    error = error_of(503, "x", retry_after=2.0)
    assert RETRY.pause(error, 0, time.monotonic() + 1) is None
    assert RETRY.pause(error, 0, time.monotonic() + 5) is not None


def test_statuses_have_types() -> None:
    assert isinstance(error_of(429, "x"), TooManyRequests)
    assert isinstance(error_of(503, "x"), Unavailable)
    assert isinstance(error_of(408, "x"), DeadlineExceeded)
    assert isinstance(error_of(422, "x"), InvalidRequest)
    assert (error_of(422, "x").code, error_of(507, "").message) == (422, "status 507")


def test_a_message_is_one_line_though_the_service_ends_it_with_one() -> None:
    assert error_of(400, "This port uses TLS\n").message == "This port uses TLS"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1", 1.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", None), (None, None), ("-1", 0.0)],
)
def test_retry_after_is_a_number_of_seconds(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text) == seconds
