from __future__ import annotations

import numpy as np
import pytest
import torch

from grps.client import Result
from grps.client.messages.content import Binary, Content, Map, NdArray, Tensors, Text


def result(content: Content) -> Result:
    return Result(lambda: content)


def strings(*values: str | bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    "content", [Text("é"), Binary("é".encode()), Tensors((("y", strings("é")),))]
)
def test_text_and_bytes_are_of_what_has_one(content: Content) -> None:
    assert (result(content).text, result(content).bytes) == ("é", "é".encode())


def test_tensors_have_names() -> None:
    one, two = np.zeros(1), np.ones(2)
    tensors = result(Tensors((("a", one), ("", two)))).tensors
    assert list(tensors) == ["a", "1"]
    assert result(Tensors((("", one),))).array is one
    assert result(Tensors((("a", two),))).ndarray == [1, 1]
    assert result(NdArray([[1]])).ndarray == [[1]]
    assert result(Map({"a": 1})).map == {"a": 1}


@pytest.mark.parametrize(
    ("content", "field", "hint"),
    [
        (Text("a"), "tensors", "use its .text"),
        (Tensors((("a", np.zeros(1)),)), "text", "use its .tensors"),
        (Tensors((("a", np.zeros(1)), ("b", np.zeros(1)))), "array", "2 tensors"),
        (Binary(b""), "map", "use its .bytes"),
    ],
)
def test_a_wrong_accessor_names_the_right_one(content: Content, field: str, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        getattr(result(content), field)


def test_other_libraries_use_the_memory_of_the_result() -> None:
    array = np.arange(3, dtype=np.float32)
    tensor = result(Tensors((("y", array),))).to(torch.from_dlpack)
    assert tensor.data_ptr() == array.ctypes.data
    read_only = np.frombuffer(array.tobytes(), np.float32)
    assert result(Tensors((("y", read_only),))).to(torch.from_dlpack, "y").tolist() == [0, 1, 2]
