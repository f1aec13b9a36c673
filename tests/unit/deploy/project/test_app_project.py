"""What flags make of the models of a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.deploy.project.app_project import AppChoices, AppModel, chosen
from grps.inference.app.declaration import declare
from grps.inference.app.described import describe


def arrays(x: np.ndarray) -> np.ndarray:
    return x


def texts(text: list[str]) -> list[str]:
    return text


class Own:
    def infer(self, x: np.ndarray) -> np.ndarray:
        return x


def entry(target: Any, options: dict[str, Any], choices: AppChoices) -> dict[str, Any]:
    facts = describe(declare(target, "m", options), "app.py:m")
    [found] = chosen((AppModel(facts["entry"], facts),), choices)
    return found


@pytest.mark.parametrize(
    ("target", "options", "choices", "threads"),
    [
        (arrays, {}, {}, None),
        (arrays, {"instances": 3}, {}, 3),
        (arrays, {"max_batch_size": 8}, {}, 1),
        (arrays, {"max_batch_size": 8}, {"instances": 2}, 2),
        (arrays, {"max_batch_size": 8}, {"batching": {"type": "none"}}, None),
        (texts, {"max_batch_size": 4}, {"instances": 3}, 3),
        (arrays, {"max_batch_size": 8, "isolation": "process"}, {"instances": 2}, None),
        (arrays, {"converter": "image"}, {"instances": 2}, None),
        (Own, {"max_batch_size": 8}, {"instances": 2}, None),
    ],
)
def test_threads_of_a_function(
    target: Any, options: dict[str, Any], choices: dict[str, Any], threads: int | None
) -> None:
    assert entry(target, options, AppChoices(**choices)).get("max_threads") == threads
