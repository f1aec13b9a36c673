"""Slots shared by threads: who gets which, who waits, and what happens to broken ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from grps.backends.tensorrt.pool import StreamPool
from grps.backends.tensorrt.slot import Slot
from grps.errors import InputError, ModelError
from tests.unit.backends.tensorrt.fakes import ROWS, FakeExecution, FakeGpu

INPUTS = [np.ones((2, 3), np.float32), np.array([7, 8], np.int32)]


class HeldSlot:
    """A slot whose runs last until they are let go."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.breaks = False
        self.runs = 0
        self.closed = 0
        self.entered = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self._alone = threading.Lock()

    def run(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        assert self._alone.acquire(blocking=False), "two runs in one slot"
        try:
            self.entered.release()
            assert self.let_go.acquire(timeout=30)
            self.runs += 1
            if self.breaks:
                self.failure = "the stream died"
                raise ModelError("the stream died")
            return [("y", inputs[0])]
        finally:
            self._alone.release()

    def close(self) -> None:
        self.closed += 1


def held(count: int) -> tuple[StreamPool, list[HeldSlot]]:
    slots: Any = [HeldSlot() for _ in range(count)]
    return StreamPool(ROWS, slots), slots


def test_the_longest_rested_slot_goes_first() -> None:
    pool, slots = held(3)
    for slot in slots:
        slot.let_go.release()
        slot.let_go.release()
    for _ in range(3):
        pool.run(INPUTS)
    assert [slot.runs for slot in slots] == [1, 1, 1]
    for _ in range(2):
        pool.run(INPUTS)
    assert [slot.runs for slot in slots] == [2, 2, 1]


def test_as_many_runs_as_slots_and_the_next_waits() -> None:
    pool, slots = held(2)
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(pool.run, INPUTS) for _ in range(3)]
        for slot in slots:
            assert slot.entered.acquire(timeout=30)
        assert not any(slot.entered.acquire(blocking=False) for slot in slots)
        slots[1].let_go.release()
        assert slots[1].entered.acquire(timeout=30)
        slots[0].let_go.release()
        slots[1].let_go.release()
        for run in running:
            assert run.result(timeout=30)[0][0] == "y"
    assert [slot.runs for slot in slots] == [1, 2]


def test_a_broken_slot_is_retired_and_the_last_fails_who_waits() -> None:
    pool, slots = held(2)
    slots[0].breaks = slots[1].breaks = True
    slots[0].let_go.release()
    with pytest.raises(ModelError, match="the stream died"):
        pool.run(INPUTS)
    assert (pool.size, slots[0].closed) == (1, 1)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pool.run, INPUTS)
        assert slots[1].entered.acquire(timeout=30)
        second = threads.submit(pool.run, INPUTS)
        slots[1].let_go.release()
        with pytest.raises(ModelError, match=r"^the stream died"):
            first.result(timeout=30)
        with pytest.raises(ModelError, match=r"no stream .* is left \(the stream died\); restart"):
            second.result(timeout=30)
    assert (pool.size, slots[1].closed) == (0, 1)


def test_a_failure_that_is_no_slots_fault_gives_it_back() -> None:
    pool, slots = held(1)
    slots[0].let_go.release(2)
    pool.run(INPUTS)
    with pytest.raises(IndexError):
        pool.run([])
    assert pool.size == 1


def test_closing_waits_for_runs_and_refuses_new_ones() -> None:
    pool, slots = held(2)
    with ThreadPoolExecutor(2) as threads:
        run = threads.submit(pool.run, INPUTS)
        assert slots[0].entered.acquire(timeout=30)
        closing = threads.submit(pool.close)
        while not pool._closed:
            pass
        assert [slot.closed for slot in slots] == [0, 0]
        with pytest.raises(ModelError, match="closed"):
            pool.run(INPUTS)
        slots[0].let_go.release()
        assert run.result(timeout=30)
        closing.result(timeout=30)
    assert [slot.closed for slot in slots] == [1, 1]
    pool.close()
    assert [slot.closed for slot in slots] == [1, 1]


def test_a_pool_that_can_not_be_filled_leaves_nothing() -> None:
    """Each call while three slots are made fails once."""
    index = 0
    while True:
        gpu = FakeGpu()
        gpu.fail_at = index

        def make(gpu: FakeGpu = gpu) -> Slot:
            return Slot(gpu, ROWS, FakeExecution(gpu))

        try:
            pool = StreamPool.open(ROWS, 3, make)
        except ModelError:
            assert gpu.is_clean()
            index += 1
            continue
        break
    assert (index, pool.size) == (3, 3)
    gpu.fail_at = None
    pool.close()
    assert gpu.is_clean()


def test_many_threads_on_few_streams_get_their_own_answers() -> None:
    gpu = FakeGpu()
    pool = StreamPool.open(ROWS, 1, lambda: Slot(gpu, ROWS, FakeExecution(gpu)))

    def ask(number: int) -> None:
        array = np.full((number % 4 + 1, 3), number, np.float32)
        outputs = dict(pool.run([array, INPUTS[1]]))
        np.testing.assert_array_equal(outputs["y"], 2 * array)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(200)))
    with pytest.raises(InputError):
        pool.run([np.ones((999, 3), np.float32), INPUTS[1]])
    pool.close()
    assert gpu.is_clean()
