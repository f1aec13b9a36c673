"""One stream: order of work, growth of buffers, every failure, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from grps.backends.tensorrt.slot import Slot
from grps.errors import InputError, ModelError
from tests.unit.backends.tensorrt.fakes import ROWS, FakeExecution, FakeGpu

COUNTS = np.array([7, 8], np.int32)


def rows(count: int) -> np.ndarray:
    """One positive number per row."""
    array = np.zeros((count, 3), np.float32)
    array[:, 0] = np.arange(1, count + 1)
    return array


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu()


def make_slot(gpu: FakeGpu) -> Slot:
    return Slot(gpu, ROWS, FakeExecution(gpu))


def expect_answer(slot: Slot, count: int) -> None:
    array = rows(count)
    outputs = dict(slot.run([array, COUNTS]))
    assert list(outputs) == ["y", "rest"]
    np.testing.assert_array_equal(outputs["y"], 2 * array)
    np.testing.assert_array_equal(outputs["rest"], array[:, 0])


def test_the_order_of_a_run(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    gpu.calls.clear()
    expect_answer(slot, 2)
    assert gpu.calls == [
        "select",
        "pin", "allocate", "copy_in", "set_shape x", "set_input x",
        "pin", "set_shape n", "set_input n",
        "output_bytes",
        "pin", "allocate", "set_output y",
        "pin", "allocate", "set_output rest",
        "enqueue", "copy_out", "copy_out", "synchronize",
    ]  # fmt: skip


def test_buffers_grow_and_are_kept(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    expect_answer(slot, 2)
    for count, allocations in ((2, 0), (1, 0), (3, 3), (2, 0)):
        gpu.calls.clear()
        expect_answer(slot, count)
        assert gpu.calls.count("allocate") == allocations
        assert gpu.calls.count("free") == allocations
    slot.close()
    assert gpu.is_clean()


def test_answers_share_no_memory_with_the_buffers(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    first = dict(slot.run([rows(2), COUNTS]))["y"]
    slot.run([rows(2) * 100, COUNTS])
    np.testing.assert_array_equal(first, 2 * rows(2))


def test_the_profile_follows_the_shapes(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    for count, switches in (
        (1, []),
        (5, ["use_profile 1"]),
        (128, []),
        (3, ["use_profile 0"]),
    ):
        gpu.calls.clear()
        expect_answer(slot, count)
        assert [call for call in gpu.calls if call.startswith("use_profile")] == switches


def test_a_failed_switch_of_profile_is_made_again(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    expect_answer(slot, 1)
    gpu.fail_at = len(gpu.calls) + 1
    with pytest.raises(ModelError, match="use_profile 1 failed"):
        slot.run([rows(5), COUNTS])
    gpu.fail_at = None
    gpu.calls.clear()
    expect_answer(slot, 1)
    assert "use_profile 0" in gpu.calls


def test_empty_tensors_have_an_address_and_no_copy(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    expect_answer(slot, 0)
    assert not {"copy_in", "copy_out"} & set(gpu.calls)
    expect_answer(slot, 4)


def test_shapes_out_of_range_start_nothing(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    gpu.calls.clear()
    with pytest.raises(InputError, match=r"input x has shape \[129, 3\].* \[0\.\.4, 3\] or"):
        slot.run([rows(129), COUNTS])
    assert gpu.calls == []


def test_every_failure_leaves_a_slot_that_works() -> None:
    """Each call of a first run, and of one that grows and switches the profile, fails once."""
    for count in (2, 100):
        probe = FakeGpu()
        slot = make_slot(probe)
        expect_answer(slot, 1)
        before = len(probe.calls)
        expect_answer(slot, count)
        for index in range(before, len(probe.calls)):
            name = probe.calls[index]
            gpu = FakeGpu()
            slot = make_slot(gpu)
            expect_answer(slot, 1)
            gpu.fail_at = index
            with pytest.raises(ModelError, match=f"{name} failed"):
                slot.run([rows(count), COUNTS])
            assert slot.failure is None, name
            assert not any(gpu.streams.values()), name
            expect_answer(slot, count)
            slot.close()
            assert gpu.is_clean(), name


def test_a_dead_stream_is_marked_and_still_closed(gpu: FakeGpu) -> None:
    slot = make_slot(gpu)
    expect_answer(slot, 2)
    gpu.dead = True
    with pytest.raises(ModelError, match="illegal memory access"):
        slot.run([rows(2), COUNTS])
    assert slot.failure == "an illegal memory access was encountered"
    with pytest.raises(ModelError, match="illegal memory access"):
        slot.close()
    assert gpu.is_clean()


def test_every_failure_of_closing_frees_the_rest() -> None:
    probe = FakeGpu()
    slot = make_slot(probe)
    expect_answer(slot, 2)
    before = len(probe.calls)
    slot.close()
    for index in range(before, len(probe.calls)):
        gpu = FakeGpu()
        slot = make_slot(gpu)
        expect_answer(slot, 2)
        gpu.fail_at = index
        with pytest.raises(ModelError, match=f"{probe.calls[index]} failed"):
            slot.close()
        assert gpu.is_clean(), probe.calls[index]


def test_no_stream_closes_the_context(gpu: FakeGpu) -> None:
    gpu.fail_at = 0
    execution = FakeExecution(gpu)
    with pytest.raises(ModelError, match="create_stream failed"):
        Slot(gpu, ROWS, execution)
    assert execution.closed
    assert gpu.is_clean()
