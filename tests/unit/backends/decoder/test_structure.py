"""Texts with a structure: what may come next, and structures that are refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from grps.backends.common.language.options import Options
from grps.backends.decoder.sampling import Sampler
from grps.backends.decoder.structure import Structures
from grps.errors import InputError, ModelError
from tests.text_networks.tiny_decoder import END, VOCABULARY, write_tokenizer

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 10, "maximum": 99}, "b": {"enum": ["x"]}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder)
    return (folder / "tokenizer.json").read_text()


@pytest.fixture(scope="module")
def structures(tokens: str) -> Structures:
    return Structures(tokens, (END,), VOCABULARY)


@pytest.fixture(scope="module")
def characters(tokens: str) -> dict[int, str]:
    """Return the texts of the tokens that are printable ASCII."""
    vocabulary = json.loads(tokens)["model"]["vocab"]
    plain = {chr(code): chr(code) for code in range(33, 127)} | {"Ġ": " "}
    return {number: plain[text] for text, number in vocabulary.items() if text in plain}


def text_of(
    structures: Structures,
    characters: dict[int, str],
    seed: int,
    min_tokens: int = 0,
    **inputs: Any,
) -> str:
    """Return a text of random tokens that has a structure."""
    arrays = {name: np.atleast_1d(np.array(value, object)) for name, value in inputs.items()}
    ends = frozenset({END})
    options = Options(temperature=1, seed=seed, min_tokens=min_tokens, end_tokens=ends)
    sampler = Sampler(options, np.array([0]), structures.guide(arrays))
    # Tokens that are no printable characters are unlikely.
    logits = np.full(VOCABULARY, -20, np.float32)
    logits[[*characters, END]] = 0
    text = ""
    for _ in range(60):
        token = sampler.choose(logits)
        has_ended = sampler.note(token)
        text += characters.get(token, "")
        if has_ended:
            return text
    raise AssertionError(f"no end: {text}")


def test_texts_have_the_structure_that_was_asked_for(
    structures: Structures, characters: dict[int, str]
) -> None:
    for seed in range(5):
        text = text_of(structures, characters, seed, json_schema=json.dumps(SCHEMA))
        assert re.fullmatch(r'\{"a": \d\d, "b": "x"\}', text)
        assert re.fullmatch("[ab]{3}!", text_of(structures, characters, seed, regex="[ab]{3}!"))
        words = ['say "yes"', "no|never", "("]
        assert text_of(structures, characters, seed, choice=words) in words
        lark = text_of(structures, characters, seed, grammar='start: "a" "b"~2')
        gbnf = text_of(structures, characters, seed, grammar='root ::= "x" [0-9]')
        assert lark == "abb" and re.fullmatch("x[0-9]", gbnf)


def test_a_structure_ends_before_the_least_number_of_tokens(
    structures: Structures, characters: dict[int, str]
) -> None:
    assert text_of(structures, characters, 1, min_tokens=9, regex="[ab]?!") in {"a!", "b!", "!"}


def test_without_a_structure_there_is_no_guide(structures: Structures) -> None:
    assert structures.guide({"temperature": np.array([1])}) is None


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"json_schema": "{"}, "json_schema: "),
        ({"json_schema": "5"}, "json_schema: "),
        ({"json_schema": '{"type": "nonsense"}'}, "json_schema: Invalid type: nonsense"),
        ({"json_schema": "[" * 60_000}, "json_schema: "),
        ({"json_schema": '"' + "x" * 65_535 + '"'}, "more than 65536 bytes"),
        ({"json_schema": '{"$ref": "#"}'}, "json_schema: no text has this structure"),
        ({"json_schema": '{"$ref": "file:///etc/hosts"}'}, "does not fetch"),
        ({"regex": "("}, "regex: "),
        ({"regex": ""}, "not empty"),
        ({"grammar": 'start: "a'}, "grammar: "),
        ({"grammar": "root ::= ("}, "grammar: "),
        ({"choice": []}, "not empty"),
        ({"choice": ["a", ""]}, "not empty"),
        ({"choice": ["a"], "regex": "a"}, "can't be used together"),
    ],
)
def test_wrong_structures_are_named(
    structures: Structures, inputs: dict[str, Any], words: str
) -> None:
    arrays = {name: np.atleast_1d(np.array(value, object)) for name, value in inputs.items()}
    with pytest.raises(InputError) as caught:
        structures.guide(arrays)
    assert words in str(caught.value)


def test_a_tokenizer_that_cannot_be_read_is_an_error_of_the_model() -> None:
    with pytest.raises(ModelError, match="needs a tokenizer"):
        Structures("{}", (END,), VOCABULARY).guide({"regex": np.array(["a"], object)})
