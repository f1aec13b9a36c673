from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grps.client.messages import grps_json, grps_protobuf, oip_tensors, wire
from grps.client.messages.content import (
    Binary,
    Content,
    Map,
    NdArray,
    Tensors,
    Text,
    content_of,
    tensors_of,
)
from grps.protocol.pb.grps_pb2 import GrpsMessage

ARRAYS = (
    np.array([0, 255], np.uint8),
    np.array([-128, 127], np.int8),
    np.array([-(2**15), 2**15 - 1], np.int16),
    np.array([-(2**31), 2**31 - 1], np.int32),
    np.array([-(2**63), 2**63 - 1, 9007199254740993], np.int64),
    np.array([0.5, -0.0, np.nan, np.inf], np.float16),
    np.array([0.1, -np.inf, np.nan], np.float32),
    np.array([[0.1, 1e300], [-1e-300, np.inf]], np.float64),
    np.array(["a", "", "é", b"\xff"], object),
    np.empty((0, 3), np.float32),
    np.array(7, np.int32),
    np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
)


def by_json(content: Content) -> Content:
    return grps_json.decode(grps_json.parse(grps_json.encode(content)))


def by_protobuf(content: Content) -> Content:
    encoded = grps_protobuf.encode(content, "m")
    assert GrpsMessage.FromString(encoded).model == "m"
    return grps_protobuf.decode(grps_protobuf.parse(encoded))


@pytest.mark.parametrize("there_and_back", [by_json, by_protobuf])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_tensors_come_back_as_they_were(there_and_back: Any, array: np.ndarray) -> None:
    back = there_and_back(Tensors((("x", array),)))
    ((name, got),) = back.items
    assert (name, got.dtype, got.shape) == ("x", array.dtype, array.shape)
    if array.dtype == object:
        assert got.tolist() == array.tolist()
    else:
        np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_tensors_of_the_open_inference_protocol_come_back(array: np.ndarray) -> None:
    datatype, elements = oip_tensors.encode(array)
    got = oip_tensors.decode(datatype, list(array.shape), memoryview(elements))
    assert got.shape == array.shape
    assert repr(got.tolist()) == repr(array.tolist())


@pytest.mark.parametrize("there_and_back", [by_json, by_protobuf])
@pytest.mark.parametrize(
    "content",
    [
        Text("héllo"),
        Text(""),
        Binary(b"\xff\x00"),
        Map({"s": "a", "b": b"\xff", "i": 1, "l": 2**40, "f": 0.5, "d": 0.1}),
    ],
)
def test_other_content_comes_back(there_and_back: Any, content: Content) -> None:
    assert there_and_back(content) == content


def test_numbers_without_a_form_in_json_are_texts() -> None:
    text = grps_json.encode(Tensors((("", np.array([np.nan, -np.inf, 1], np.float32)),)))
    assert json.loads(text)["gtensors"]["tensors"][0]["flat_float32"] == ["NaN", "-Infinity", 1]


@given(st.integers(-(2**63), 2**64 - 1))
def test_varints_are_read_as_written(value: int) -> None:
    field = memoryview(wire.number(3, value))
    assert list(wire.fields(field)) == [(3, value % 2**64)]


@given(st.binary(max_size=40))
def test_malformed_messages_are_refused(message: bytes) -> None:
    try:
        list(wire.fields(memoryview(message)))
    except ValueError as error:
        assert "message" in str(error)


@pytest.mark.parametrize(
    ("inputs", "content"),
    [
        ("a", Text("a")),
        (b"a", Binary(b"a")),
        ([[1, 2]], NdArray([[1, 2]])),
        ({"a": "x", "b": 1}, Map({"a": "x", "b": 1})),
    ],
)
def test_inputs_become_content(inputs: Any, content: Content) -> None:
    assert content_of(inputs) == content


def test_arrays_of_other_libraries_share_their_memory() -> None:
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    content = content_of({"x": tensor.requires_grad_()})
    assert isinstance(content, Tensors)
    ((name, array),) = content.items
    assert name == "x"
    assert array.ctypes.data == tensor.data_ptr()


def test_lists_of_named_tensors_become_float32() -> None:
    content = content_of({"x": [[0.5, 1.5]], "n": [1, 2]})
    assert isinstance(content, Tensors)
    assert [array.dtype for _, array in content.items] == [np.float32, np.int64]


def test_a_map_is_a_tensor_for_each_value() -> None:
    tensors = tensors_of(Map({"a": "x", "n": 3}))
    assert [(name, array.tolist()) for name, array in tensors.items] == [("a", [b"x"]), ("n", [3])]


@pytest.mark.parametrize("inputs", [object(), {"x": object()}])
def test_what_is_no_array_is_refused(inputs: Any) -> None:
    with pytest.raises(TypeError, match="object"):
        content_of(inputs)


@pytest.mark.parametrize("element", [{}, [1], None])
def test_elements_that_are_neither_text_nor_numbers_are_refused(element: Any) -> None:
    array = np.empty(1, object)
    array[0] = element
    for encode in (
        oip_tensors.encode,
        lambda given: grps_json.encode(Tensors((("", given),))),
        lambda given: grps_protobuf.encode(Tensors((("", given),)), "echo"),
    ):
        with pytest.raises(TypeError, match="element of a tensor of strings"):
            encode(array)


def test_numbers_among_texts_are_sent_as_text() -> None:
    array = np.array(["red", 1.5], object)
    assert b'["red","1.5"]' in grps_json.encode(Tensors((("", array),)))


def test_types_that_messages_lack_are_refused_with_the_others() -> None:
    with pytest.raises(TypeError, match=r"uint16.*float64"):
        grps_json.encode(Tensors((("", np.zeros(1, np.uint16)),)))
    assert oip_tensors.encode(np.zeros(1, np.uint16))[0] == "UINT16"
