"""What a step model declares that writes down what is said."""

from __future__ import annotations

from typing import Any

import pytest

from grps import Transcriber


def test_one_language_and_half_a_minute_are_the_least() -> None:
    found = Transcriber(languages=("en",))
    assert (found.max_seconds, found.options) == (30, ())
    assert Transcriber(languages=("en", "de"), max_seconds=1, options=("prompt",)).max_seconds == 1


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"languages": ()}, "a tuple such as"),
        ({"languages": "en"}, "a tuple such as"),
        ({"languages": ("en",), "max_seconds": 0.9}, "max_seconds=0.9: 1 or more"),
        ({"languages": ("en",), "max_seconds": float("inf")}, "max_seconds=inf: 1 or more"),
        ({"languages": ("en",), "options": ("words",)}, "options: unknown words"),
    ],
)
def test_wrong_values_are_named(values: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Transcriber(**values)
