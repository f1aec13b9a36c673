"""The converter of engines in the user's own code; no TensorRT is needed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from grps.backends.tensorrt.converter import TrtTensorConverter
from grps.errors import InputError
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

ONE = np.ones((1, 2), np.float32)


def test_upstreams_paths_lead_here() -> None:
    from grps_framework.converter import trt_tensor_converter
    from grps_framework.model_infer import trt_inferer

    assert trt_tensor_converter.TrtTensorConverter is TrtTensorConverter
    assert trt_inferer.TrtModelInferer.__module__ == "grps.backends.tensorrt.inferer"
    assert trt_inferer.g_trt_inferer_dbg is False
    assert "tensorrt" not in sys.modules


def enter(arrays: list[tuple[str, Any]]) -> Any:
    return TrtTensorConverter().preprocess(to_message(arrays), GrpsContext())


def leave(result: Any) -> list[tuple[str, Any]]:
    return to_arrays(TrtTensorConverter().postprocess(result, GrpsContext()))


def test_arrays_enter_by_name_or_as_a_list() -> None:
    assert isinstance(enter([("", ONE), ("", ONE)]), list)
    named = enter([("b", ONE), ("a", ONE)])
    assert isinstance(named, dict)
    assert list(named) == ["b", "a"]
    for names in (("a", ""), ("a", "a")):
        with pytest.raises(InputError, match="name all tensors"):
            enter([(name, ONE) for name in names])


def test_what_arrays_leave_as() -> None:
    assert leave({"y": ONE})[0][0] == "y"
    assert [name for name, _ in leave([ONE, ONE])] == ["output_0", "output_1"]


def test_a_message_becomes_arrays_and_back() -> None:
    converter = TrtTensorConverter()
    converter.init()
    arrays = converter.preprocess(to_message([("x", ONE)]), GrpsContext())
    message = converter.postprocess(arrays, GrpsContext())
    [(name, array)] = to_arrays(message)
    assert (name, array.dtype.name, array.tolist()) == ("x", "float32", [[1, 1]])


def test_batches_are_joined_and_split() -> None:
    converter = TrtTensorConverter()
    contexts = [GrpsContext(), GrpsContext()]
    requests = [to_message([("x", ONE)]), to_message([("x", np.zeros((2, 2), np.float32))])]
    joined = converter.batch_preprocess(requests, contexts)
    assert isinstance(joined, dict)
    assert joined["x"].shape == (3, 2)
    answers = converter.batch_postprocess({"y": joined["x"]}, contexts)
    assert [to_arrays(answer)[0][1].tolist() for answer in answers] == [
        [[1, 1]],
        [[0, 0], [0, 0]],
    ]


def batch(*tensors: list[tuple[str, Any]]) -> list[GrpsMessage]:
    return [to_message(arrays) for arrays in tensors]


@pytest.mark.parametrize(
    ("requests", "text"),
    [
        (batch([("x", ONE)], [("y", ONE)]), "different tensors"),
        (batch([("x", ONE)], [("x", ONE.astype(np.int32))]), "differ in type or shape"),
        (batch([("x", ONE)], [("x", np.ones((1, 3), np.float32))]), "differ in type or shape"),
        (batch([("x", ONE)], [("x", ONE), ("y", ONE)]), "different tensors"),
        (batch([("x", ONE), ("y", np.ones((2, 2), np.float32))]), "different numbers of rows"),
        (batch([("x", np.float32(1).reshape(()))]), "different numbers of rows"),
    ],
)
def test_batches_that_do_not_go_together(requests: list[GrpsMessage], text: str) -> None:
    with pytest.raises(InputError, match=text):
        TrtTensorConverter().batch_preprocess(requests, [GrpsContext() for _ in requests])
