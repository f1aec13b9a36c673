"""How much memory a model gets, and when it gets none."""

from __future__ import annotations

from typing import Any

import pytest

from grps.backends.decoder.memory import Wanted, plan_memory
from grps.errors import ModelError


def wanted(**changes: Any) -> Wanted:
    needs: dict[str, Any] = {
        "weights_bytes": 1000,
        "position_bytes": 10,
        "model_context": 100,
        "context_length": None,
        "cache_bytes": None,
        "sequences": 4,
        "copies": 1,
    }
    return Wanted(**{**needs, **changes})


@pytest.mark.parametrize(
    ("changes", "free", "planned"),
    [
        ({}, 100_000, (100, 4000)),
        ({"context_length": 50}, 100_000, (50, 2000)),
        ({}, 2600, (80, 800)),
        ({"copies": 2}, 2600, (40, 400)),
        ({}, 1320, (16, 160)),
        ({"context_length": 5}, 1100, (5, 50)),
        ({"cache_bytes": 600}, 1600, (60, 600)),
        ({"cache_bytes": 1000, "context_length": 100}, 2000, (100, 1000)),
        ({"cache_bytes": 9000}, 100_000, (100, 9000)),
    ],
)
def test_plans(changes: dict[str, Any], free: int, planned: tuple[int, int]) -> None:
    assert plan_memory(wanted(**changes), free) == planned


@pytest.mark.parametrize(
    ("changes", "free", "words"),
    [
        ({}, 999, "the weights take 0.00 GiB"),
        ({}, 1319, "has room for 15 tokens, but the context is 16"),
        ({"cache_bytes": 601}, 1600, "are free beside the weights"),
        ({"context_length": 101}, 100_000, "the model was made for 100 at most"),
        ({"cache_bytes": 499, "context_length": 50}, 9000, "has room for 49 tokens"),
        ({"context_length": 100}, 2600, "set a smaller context_length"),
    ],
)
def test_what_has_no_room_is_refused(changes: dict[str, Any], free: int, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        plan_memory(wanted(**changes), free)
