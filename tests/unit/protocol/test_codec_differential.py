"""The native codec against the official protobuf runtime and Python's json."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from grps.protocol.arrays import FIELDS
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage, Status
from grps.server.native import json_to_message, message_to_json

EXAMPLES = 400

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)


def one_nan(value: float) -> float:
    """JSON has one NaN; which bits of one were sent is lost on the way."""
    return math.nan if math.isnan(value) else value


float32 = st.floats(width=32).map(one_nan)
float16 = st.floats(width=16).map(one_nan)
float64 = st.floats().map(one_nan)
ELEMENTS: dict[Any, st.SearchStrategy[Any]] = {
    DataType.DT_UINT8: st.integers(0, 255),
    DataType.DT_INT8: st.integers(-128, 127),
    DataType.DT_INT16: st.integers(-(2**15), 2**15 - 1),
    DataType.DT_INT32: int32,
    DataType.DT_INT64: int64,
    DataType.DT_FLOAT16: float16,
    DataType.DT_FLOAT32: float32,
    DataType.DT_FLOAT64: float64,
    DataType.DT_STRING: text,
}


@st.composite
def tensors(draw: st.DrawFn) -> GenericTensor:
    """A tensor whose dtype goes with its field; its shape is free."""
    dtype = draw(st.sampled_from(sorted(ELEMENTS)))
    values = draw(st.lists(ELEMENTS[dtype], max_size=6))
    shape = draw(st.lists(st.integers(0, 2**32 - 1), max_size=4))
    tensor = GenericTensor(name=draw(text), dtype=dtype, shape=shape)
    getattr(tensor, FIELDS[dtype][0]).extend(values)
    return tensor


@st.composite
def messages(draw: st.DrawFn) -> GrpsMessage:
    """Any message, but for ``bin_data``, which JSON does not carry, and no data at all."""
    message = GrpsMessage(model=draw(text))
    kind = draw(st.sampled_from(["str_data", "gtensors", "gmap"]))
    if kind == "str_data":
        message.str_data = draw(text)
    elif kind == "gtensors":
        message.gtensors.SetInParent()
        message.gtensors.tensors.extend(draw(st.lists(tensors(), max_size=3)))
    else:
        message.gmap.SetInParent()
        maps: dict[str, st.SearchStrategy[Any]] = {
            "s_s": text,
            "s_b": st.binary(max_size=12),
            "s_i32": int32,
            "s_i64": int64,
            "s_f": float32,
            "s_d": float64,
        }
        for field, values in maps.items():
            getattr(message.gmap, field).update(draw(st.dictionaries(text, values, max_size=3)))
    return message


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values that holds for NaN too."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left):
            return math.isnan(right)
        if 0 < abs(left) < float(np.finfo(np.float32).tiny):
            # Of the texts that stand for a subnormal float32 the two choose different ones.
            return bool(left == right or np.float32(left) == np.float32(right))
    return bool(left == right)


@given(messages(), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_message_to_json_says_what_the_official_runtime_says(
    message: GrpsMessage, has_status: bool
) -> None:
    if has_status:
        message.status.CopyFrom(Status(code=200, msg="OK", status=Status.SUCCESS))
    ours = json.loads(message_to_json(message.SerializeToString()))
    theirs = json.loads(json_format.MessageToJson(message, preserving_proto_field_name=True))
    assert same(ours, theirs)


@given(messages(), st.booleans(), st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_json_to_message_reads_what_the_official_runtime_writes(
    message: GrpsMessage, camel_case: bool, ascii_only: bool
) -> None:
    document = json_format.MessageToDict(message, preserving_proto_field_name=not camel_case)
    body = json.dumps(document, ensure_ascii=ascii_only, indent=1).encode()
    ours = json_to_message(body)
    assert GrpsMessage.FromString(ours).SerializeToString(
        deterministic=True
    ) == message.SerializeToString(deterministic=True)


@given(st.recursive(st.floats(-1e30, 1e30) | st.integers(-(2**60), 2**60), st.lists, max_leaves=12))
@settings(max_examples=EXAMPLES, deadline=None)
def test_ndarray_is_what_numpy_makes_of_pythons_json(nested: Any) -> None:
    body = json.dumps({"ndarray": nested})
    try:
        array = np.array(json.loads(body)["ndarray"], dtype=np.float64).astype(np.float32)
    except ValueError:
        with pytest.raises(ValueError, match="ndarray"):
            json_to_message(body.encode())
        return
    (tensor,) = GrpsMessage.FromString(json_to_message(body.encode())).gtensors.tensors
    assert tuple(tensor.shape) == array.shape
    assert list(tensor.flat_float32) == array.ravel().tolist()


@given(st.binary(max_size=200))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (json_to_message, message_to_json):
        try:
            read(data)
        except ValueError as error:
            assert "\n" not in str(error)
