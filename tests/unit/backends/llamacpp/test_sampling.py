"""What requests ask of llama.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.backends.llamacpp.sampling import body_of
from grps.errors import InputError


def body(room: int = 10, **inputs: Any) -> dict[str, Any]:
    return body_of({name: np.asarray(value) for name, value in inputs.items()}, room)


def test_without_wishes_the_likeliest_token_is_taken() -> None:
    made = body()
    assert (made["temperature"], made["top_k"], made["top_p"], made["min_p"]) == (0, 0, 1, 0)
    assert made["n_predict"] == 10
    assert "seed" not in made


@pytest.mark.parametrize(("asked", "given"), [(9, 9), (10, 10), (11, 10)])
def test_the_room_limits_the_answer(asked: int, given: int) -> None:
    assert body(max_tokens=[asked])["n_predict"] == given


def test_a_choice_is_a_grammar_of_its_texts() -> None:
    assert body(choice=['a"b', "é"])["grammar"] == 'root ::= "a\\x22b" | "é"'


def test_a_schema_is_passed_on() -> None:
    assert body(json_schema=['{"type": "object"}'])["json_schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"temperature": [-0.1]}, "temperature is -0.1"),
        ({"temperature": [float("nan")]}, "temperature is nan"),
        ({"temperature": ["hot"]}, "not one number"),
        ({"top_p": [1.1]}, "top_p is 1.1"),
        ({"top_k": [0]}, "top_k is 0"),
        ({"seed": [1, 2]}, "not one number"),
        ({"seed": [float("nan")]}, "seed is nan, not a whole number"),
        ({"json_schema": np.array([], object)}, "json_schema has 0 texts"),
        ({"min_tokens": [1]}, "no min_tokens"),
        ({"regex": ["a"]}, "no regex"),
        ({"choice": [""]}, "not empty"),
        ({"grammar": ["root ::= " + "(" * 60_000]}, "no grammar"),
        ({"choice": ["a"], "json_schema": ["{}"]}, "can't be used together"),
        ({"json_schema": ["{"]}, "not JSON"),
        ({"json_schema": ['{"type": "nonsense"}']}, "type must be"),
        ({"json_schema": ['{"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}']}, "ref"),
    ],
)
def test_what_is_refused(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        body(**inputs)
