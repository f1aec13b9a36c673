"""Samples of Python code."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from grps.profile.sampling import Frame, Sampler, Samples
from tests.support import GUARD_S


def until(sampler: Sampler, enough: Callable[[Samples], bool], run: Callable[[], object]) -> None:
    """Run something until the sampler has seen enough of it."""
    end = threading.Event()
    timer = threading.Timer(GUARD_S, end.set)
    timer.start()
    try:
        while not enough(sampler.samples):
            assert not end.is_set(), "the sampler has seen nothing"
            run()
    finally:
        timer.cancel()


def busy() -> int:
    return sum(number * number for number in range(20_000))


def shorter() -> int:
    return sum(number * number for number in range(1_000))


def both() -> None:
    busy()
    shorter()


def frames_named(samples: Samples, name: str) -> float:
    return samples.share(lambda frame: frame.function == name)


def test_time_is_that_of_the_functions_that_run() -> None:
    before = sys.getswitchinterval()
    with Sampler() as sampler:
        until(sampler, lambda seen: seen.count >= 100, both)
    samples = sampler.samples
    assert sys.getswitchinterval() == before
    assert samples.count >= 100
    # What was open before the sampler is no part of the stacks.
    assert frames_named(samples, "test_time_is_that_of_the_functions_that_run") == 0
    assert frames_named(samples, "both") > 0.8
    assert frames_named(samples, "busy") > 3 * frames_named(samples, "shorter")
    functions = {frame.function: (own, whole) for frame, own, whole in samples.functions()}
    assert functions["both"][0] < functions["both"][1] <= samples.total_s


def test_the_thread_that_is_waited_for_is_watched() -> None:
    wanted, done = threading.Semaphore(0), threading.Semaphore(0)
    ended = threading.Event()

    def work() -> None:
        while True:
            wanted.acquire()
            if ended.is_set():
                return
            busy()
            done.release()

    def call() -> None:
        wanted.release()
        done.acquire()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with Sampler() as sampler:
            until(sampler, lambda seen: frames_named(seen, "busy") > 0, call)
    finally:
        ended.set()
        wanted.release()
        thread.join()
    assert frames_named(sampler.samples, "busy") > 0


def test_stacks_have_the_raw_format_of_py_spy() -> None:
    outer, inner = Frame("/a/b.py", "outer", 1), Frame("/a/c.py", "A.f;g", 7)
    samples = Samples({(outer,): 0.5, (outer, inner): 1.25, (): 0.1}, 3)
    assert samples.folded() == "outer (b.py:1);A.f,g (c.py:7) 1250000\nouter (b.py:1) 500000\n"
    assert samples.functions() == [(inner, 1.25, 1.25), (outer, 0.5, 1.75)]
    assert samples.total_s == 1.85
    assert samples.share(lambda frame: frame is inner) == 1.25 / 1.85
    assert Samples({}, 0).share(lambda frame: True) == 0


def test_outer_frames_can_be_left_out() -> None:
    outer, inner = Frame("/a/b.py", "outer", 1), Frame("/a/c.py", "inner", 7)
    samples = Samples({(outer,): 0.5, (outer, inner, outer): 1.0, (inner, outer): 2.0}, 3)
    trimmed = samples.without_outer(lambda frame: frame is outer)
    assert trimmed == Samples({(): 0.5, (inner, outer): 3.0}, 3)


def test_recursion_counts_once() -> None:
    frame = Frame("/a.py", "f", 1)
    assert Samples({(frame, frame): 2.0}, 1).functions() == [(frame, 2.0, 2.0)]
