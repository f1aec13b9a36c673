"""Requests to the values of parameters, and what functions return to responses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from grps.errors import InputError, ModelError
from grps.inference.app.parameters import parameters_of
from grps.inference.app.values import answer_of, values_of
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage


def text(text: str) -> None: ...
def data(data: bytes) -> None: ...
def body(body: dict) -> None: ...  # type: ignore[type-arg]
def items(items: list[int]) -> None: ...
def number(number: float = 1.0) -> None: ...
def several(name: str, times: int = 1, loud: bool = False) -> None: ...
def mixed(image: np.ndarray, prompt: str) -> None: ...
def nullable(name: str | None, size: int = None, of: dict[str, int] = {}) -> None: ...  # type: ignore[assignment] # noqa: B006, RUF013
def message(message: GrpsMessage) -> None: ...


TEXT, DATA = GrpsMessage(str_data="hi"), GrpsMessage(bin_data=b"hi")


def of(function: Any, request: GrpsMessage) -> dict[str, Any]:
    return values_of(request, parameters_of(function, is_method=False))


def as_json(value: Any) -> GrpsMessage:
    return GrpsMessage(str_data=json.dumps(value))


def test_one_parameter_is_the_whole_request() -> None:
    word = to_message([("any", np.array(["hi"], object))])
    assert [of(text, one) for one in (TEXT, DATA, word)] == [{"text": "hi"}] * 3
    assert [of(data, one) for one in (TEXT, DATA)] == [{"data": b"hi"}] * 2
    assert of(body, as_json({"a": 1})) == {"body": {"a": 1}}
    mapped = GrpsMessage()
    mapped.gmap.s_s["a"] = "b"
    mapped.gmap.s_i64["n"] = 2
    assert of(body, mapped) == {"body": {"a": "b", "n": 2}}
    assert of(items, as_json([1, 2])) == {"items": [1, 2]}
    assert of(items, as_json({"items": [1, 2]})) == {"items": [1, 2]}
    assert of(number, as_json(2)) == {"number": 2.0}
    assert of(number, GrpsMessage()) == {}
    assert of(message, TEXT) == {"message": TEXT}


def test_several_parameters_are_filled_by_name() -> None:
    assert of(several, as_json({"name": "Ann", "times": 2})) == {"name": "Ann", "times": 2}
    mapped = GrpsMessage()
    mapped.gmap.s_s["name"] = "Bob"
    assert of(several, mapped) == {"name": "Bob"}
    image = np.array([[1, 2]], np.float32)
    tensors = to_message([("prompt", np.array(["what"], object)), ("image", image)])
    found = of(mixed, tensors)
    assert found["prompt"] == "what"
    assert np.array_equal(found["image"], image)
    found = of(mixed, as_json({"image": [[1, 2]], "prompt": "what"}))
    assert np.array_equal(found["image"], image)


def test_null_is_none_where_the_annotation_or_the_default_says_so() -> None:
    assert of(nullable, as_json({"name": None, "size": None})) == {"name": None, "size": None}
    with pytest.raises(InputError, match="takes of \\(JSON\\), got null"):
        of(nullable, as_json({"name": "Ann", "of": None}))


@pytest.mark.parametrize(
    ("function", "request_", "text"),
    [
        (
            several,
            as_json({"nam": "Ann"}),
            "has no 'name'; the model takes: name \\(text\\), times",
        ),
        (several, as_json({"name": "Ann", "more": 1}), "the request has 'more'"),
        (several, as_json({"name": "Ann", "times": 1.5}), "takes times \\(int\\), got 1.5"),
        (several, as_json({"name": "Ann", "loud": "yes"}), "takes loud \\(bool\\), got 'yes'"),
        (several, as_json({"name": 3}), "takes name \\(text\\), got int"),
        (several, as_json([1]), "is no JSON object"),
        (several, TEXT, "is no JSON"),
        (body, as_json([1]), "takes body \\(JSON\\), got list"),
        (text, GrpsMessage(bin_data=b"\xff"), "text is not UTF-8 text"),
        (text, to_message([("", np.zeros(2))]), "got 2 values of it"),
        (mixed, to_message([("", np.zeros(1))]), "has no 'prompt'"),
        (mixed, as_json({"image": [[1], [2, 3]], "prompt": "x"}), "can't be made of the request"),
        (
            mixed,
            as_json({"image": {"a": 1}, "prompt": "x"}),
            "takes image \\(array\\), got {'a': 1}",
        ),
        (mixed, as_json({"image": [[None]], "prompt": "x"}), "takes image \\(array\\), got"),
        (several, as_json({"name": None}), "takes name \\(text\\), got null"),
        (
            several,
            as_json({"name": "Ann", "times": float("nan")}),
            "takes times \\(int\\), got nan",
        ),
        (
            several,
            as_json({"name": "Ann", "times": float("inf")}),
            "takes times \\(int\\), got inf",
        ),
        (body, GrpsMessage(str_data="[" * 100_000), "is no JSON \\("),
    ],
)
def test_requests_that_do_not_fit_are_refused(
    function: Any, request_: GrpsMessage, text: str
) -> None:
    with pytest.raises(InputError, match=text):
        of(function, request_)


def test_arrays_are_cast_only_where_no_value_changes() -> None:
    def function(x: np.ndarray[Any, np.dtype[np.int32]]) -> None: ...

    assert of(function, as_json({"x": [1, 2]}))["x"].dtype == np.int32
    with pytest.raises(InputError, match="input 'x' is int32, got float64"):
        of(function, as_json({"x": [1.5]}))


def test_what_is_returned_becomes_a_response() -> None:
    assert answer_of(None) is None
    assert answer_of(TEXT) is TEXT
    assert answer_of("hi") == TEXT
    assert answer_of(b"hi") == DATA
    assert answer_of({"a": np.float32(1), "b": [1]}) == GrpsMessage(str_data='{"a": 1.0, "b": [1]}')
    assert answer_of({}) == GrpsMessage(str_data="{}")
    whole = answer_of({"y": np.arange(2)})
    assert whole is not None
    assert [name for name, _ in to_arrays(whole)] == ["y"]
    whole = answer_of(np.zeros(2, np.float32))
    assert whole is not None
    assert [name for name, _ in to_arrays(whole)] == ["output"]
    with pytest.raises(ModelError, match="returned set, of which no response can be made"):
        answer_of({1})
