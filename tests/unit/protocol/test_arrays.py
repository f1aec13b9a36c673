"""Messages of tensors to arrays and back."""

from __future__ import annotations

import numpy as np
import pytest

from grps.errors import ModelError
from grps.protocol.arrays import to_arrays, to_message

TYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def back(array: np.ndarray) -> np.ndarray:
    ((name, result),) = to_arrays(to_message([("x", array)]))
    assert name == "x"
    return result


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(0,), (), (1,), (2, 3), (31,), (32,), (127, 1), (4096, 5)])
def test_every_type_and_length(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape) - np.array(1, dtype)
    result = back(array)
    assert result.dtype == dtype
    assert np.array_equal(result, array)
    assert result.shape == shape


def test_other_layouts() -> None:
    array = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert np.array_equal(back(array[:, ::2]), array[:, ::2])
    assert np.array_equal(back(array.T), array.T)


def test_special_values_and_texts() -> None:
    special = np.array([np.nan, np.inf, -0.0])
    assert back(special).tobytes() == special.tobytes()
    assert back(np.array([["a"], ["é"]])).tolist() == [["a"], ["é"]]
    assert back(np.array([["a"], [b"b"]], object)).tolist() == [["a"], ["b"]]
    assert back(np.array(["a", b"\xff"], object)).tolist() == [b"a", b"\xff"]
    with pytest.raises(ModelError, match="output x has type complex128"):
        to_message([("x", np.array([1j]))])
