"""Element types and optimisation profiles."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from grps.backends.backend import DTYPE_NAMES
from grps.backends.tensorrt.profiles import choose_profile
from grps.backends.tensorrt.types import bytes_of, element_type, read, write
from grps.errors import InputError, ModelError
from tests.unit.backends.tensorrt.fakes import tensor

PLAIN = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
}


@pytest.mark.parametrize(("kind", "name"), PLAIN.items())
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_plain_types_keep_every_bit(kind: str, name: str, shape: tuple[int, ...]) -> None:
    element = element_type("x", kind)
    array = np.arange(np.prod(shape), dtype=name).reshape(shape)
    memory = np.full(64, 0xCD, np.uint8)
    size = write(element, array, memory)
    assert (element.wire, size) == (name, array.nbytes)
    assert bytes_of(element, shape) == size
    assert memory[:size].tobytes() == array.tobytes()
    assert (memory[size:] == 0xCD).all()
    back = read(element, memory, shape)
    assert back.dtype == name
    np.testing.assert_array_equal(back, array)
    assert not np.shares_memory(back, memory)


def test_any_value_but_zero_is_true() -> None:
    element = element_type("x", "BOOL")
    memory = np.empty(3, np.uint8)
    write(element, np.array([0, 1, 255], np.uint8), memory)
    assert memory.tolist() == [0, 1, 1]
    back = read(element, memory, (3,))
    assert (back.dtype.name, back.tolist()) == ("uint8", [0, 1, 1])


def test_bfloat16_rounds_as_it_should() -> None:
    element = element_type("x", "BF16")
    bits = np.random.default_rng(7).integers(0, 2**32, 100_000, dtype=np.uint64)
    edges = [0, 1, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0xFF800001, 0x3F808000, 0x3F818000]
    array = np.concatenate([bits, edges]).astype(np.uint32).view(np.float32)
    memory = np.empty(array.size * 2, np.uint8)
    assert write(element, array, memory) == memory.size
    with np.errstate(invalid="ignore"):
        expected = array.astype(ml_dtypes.bfloat16).astype(np.float32)
    back = read(element, memory, array.shape)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, expected)
    assert np.array_equal(np.isnan(back), np.isnan(array))


@pytest.mark.parametrize("kind", ["FP8", "INT4", "FP4", "E8M0"])
def test_types_without_a_wire_type_are_refused(kind: str) -> None:
    with pytest.raises(ModelError, match=f"input x has the unsupported type {kind}; supported: "):
        element_type("input x", kind)


def test_every_wire_type_is_one() -> None:
    kinds = [*PLAIN, "BF16", "BOOL"]
    assert {element_type("x", kind).wire for kind in kinds} <= set(DTYPE_NAMES)


IMAGE = tensor("image", (None, 3), ((1, 3), (1, 3), (4, 3)), ((1, 3), (16, 3), (32, 3)))
MASK = tensor("mask", (None,), ((1,), (1,), (4,)), ((8,), (16,), (32,)))


@pytest.mark.parametrize(
    ("rows", "profile"),
    [(1, 0), (3, 0), (4, 0), (5, 1), (16, 1), (32, 1)],
)
def test_the_profile_tuned_nearest_is_taken(rows: int, profile: int) -> None:
    assert choose_profile([IMAGE], [(rows, 3)]) == profile


def test_the_first_of_equal_profiles_is_taken() -> None:
    same = ((1,), (2,), (4,))
    assert choose_profile([tensor("x", (None,), same, same)], [(3,)]) == 0
    assert choose_profile([], []) == 0


@pytest.mark.parametrize("shape", [(0, 3), (33, 3), (1, 4), (1,), (1, 3, 1)])
def test_a_shape_out_of_range_is_told_the_ranges(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        choose_profile([IMAGE], [shape])
    assert str(caught.value) == (
        f"input image has shape {list(shape)}; the engine allows [1..4, 3] or [1..32, 3]"
    )


def test_shapes_that_fit_no_profile_together() -> None:
    with pytest.raises(InputError) as caught:
        choose_profile([IMAGE, MASK], [(5, 3), (2,)])
    assert str(caught.value) == (
        "the inputs have shapes image [5, 3], mask [2], which fit no profile together "
        "(profile 0: image [1..4, 3], mask [1..4]; profile 1: image [1..32, 3], mask [8..32])"
    )
