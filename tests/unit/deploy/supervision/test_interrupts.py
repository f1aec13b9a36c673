"""Signals that are noted until somebody asks."""

from __future__ import annotations

import signal
import threading

import pytest

from grps.deploy.supervision.interrupts import noted_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_strikes_only_where_it_is_asked_for(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with noted_signals() as ask:
        ask()
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            ask()
        ask()
    assert signal.getsignal(number) is before


def test_a_signal_that_nobody_asked_for_comes_at_the_end() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), noted_signals():
        signal.raise_signal(signal.SIGINT)
        reached = True
    assert reached


def test_an_error_of_the_block_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="mine"), noted_signals():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("mine")


def test_other_threads_have_no_signals() -> None:
    asked: list[bool] = []

    def work() -> None:
        with noted_signals() as ask:
            ask()
            asked.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [True]
