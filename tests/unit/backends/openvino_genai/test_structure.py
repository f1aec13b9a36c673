"""Structures that are passed on to the engine, and those that would end its pipeline."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grps.backends.openvino_genai.structure import structured_output
from grps.errors import InputError

CITY = {
    "$defs": {"City": {"enum": ["Paris", "Rome"]}},
    "title": "Answer",
    "type": "object",
    "properties": {
        "city": {"$ref": "#/$defs/City"},
        "days": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3},
        "more": {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": False}]},
    },
    "required": ["city"],
    "additionalProperties": False,
}


def asked(**inputs: Any) -> dict[str, np.ndarray]:
    return {name: np.array([text], object) for name, text in inputs.items()}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def test_a_schema_is_passed_on() -> None:
    text = json.dumps(CITY)
    made = structured_output(asked(json_schema=text))
    assert made is not None
    assert made.json_schema == text
    assert structured_output({}) is None


def test_a_choice_is_an_expression_of_its_texts() -> None:
    made = structured_output({"choice": np.array(["yes", "no (1.5)", "日本"], object)})
    assert made is not None
    assert made.regex == r"yes|no \u00281\u002e5\u0029|日本"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "nonsense"}, "type must be some of array, boolean"),
        ({"type": []}, "type must be"),
        ({"pattern": "a+"}, "does not know 'pattern'"),
        ({"$ref": "#/$defs/none"}, "leads to none"),
        ({"$ref": 5}, "must be a text"),
        ({"$ref": "#/$defs/A", "type": "string", "maxLength": 3}, "must be alone"),
        ({"anyOf": []}, "a list of schemas"),
        ({"anyOf": [{}], "properties": {}}, "anyOf must be alone"),
        ({"enum": [{"a": 1}]}, "enum must be a list of texts"),
        ({"enum": ['"']}, "enum must be"),
        ({"const": 1.5}, "const must be"),
        ({"properties": {'a"b': {}}}, "names have no quotes"),
        ({"properties": {"": {}}}, "names have no quotes"),
        ({"properties": {"a": 5}}, "at /properties/a: a schema is an object"),
        ({"properties": []}, "properties must be an object"),
        ({"required": ["a"]}, "required names ['a']"),
        ({"required": [[]]}, "a list of names"),
        ({"type": "array", "minItems": 1}, "need items"),
        ({"items": {}, "minItems": 3, "maxItems": 2}, "minItems is over maxItems"),
        ({"maxLength": 129}, "a number from 0 to 128"),
        ({"maxLength": True}, "a number from 0 to 128"),
        ({"properties": {"a": {"maxLength": 65}, "b": {"maxLength": 64}}}, "more than 128 tog"),
        ({"anyOf": [{}] * 256}, "more than 256 schemas"),
        ({"$defs": []}, "$defs must be an object"),
        (nested(33), "more than 32 levels"),
        ([], "a schema is an object"),
    ],
)
def test_what_the_engine_may_not_compile_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        structured_output(asked(json_schema=json.dumps(schema)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [nested(32), {"anyOf": [{}] * 255}, {"maxLength": 128}, {"properties": {"a" * 256: {}}}],
)
def test_limits_are_exact(schema: Any) -> None:
    assert structured_output(asked(json_schema=json.dumps(schema))) is not None


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (asked(json_schema="{"), "not JSON"),
        (asked(json_schema="[" * 60_000), "not JSON"),
        (asked(json_schema='"' + "x" * 65_535 + '"'), "more than 65536 bytes"),
        (asked(json_schema="{}", choice="a"), "used together"),
        (asked(choice=""), "not empty"),
        (asked(regex="a+"), "takes no regex"),
        (asked(grammar="x"), "takes no grammar"),
    ],
)
def test_other_structures_are_refused(inputs: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(InputError, match=words):
        structured_output(inputs)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CITY, "items", "anyOf", "enum", "const", "$ref", "maxLength"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON)
def test_no_json_raises_anything_else(schema: Any) -> None:
    try:
        structured_output(asked(json_schema=json.dumps(schema)))
    except InputError as error:
        assert str(error)
