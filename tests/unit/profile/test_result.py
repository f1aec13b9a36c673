"""Where operators stand below the roof, and what is outside them."""

from __future__ import annotations

import pytest

from grps.backends.operators import Operator, Recording, TensorForm
from grps.profile.machine import Roof
from grps.profile.result import Standing, kinds_of, outside, standing

ROOF = Roof(1, flops_per_s=100.0, bytes_per_s=10.0)
FORM = TensorForm("float32", (5,))
"""20 bytes."""


def operator(seconds: float, flops: float | None, *forms: TensorForm) -> Operator:
    return Operator(kind="MatMul", inputs=forms, seconds=2 * seconds, calls=2, flops=flops)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # The ridge is at 10 operations for each byte.
        (operator(1.0, 50.0, FORM), Standing(50.0, 20.0, 2.5, "memory", 50.0 / 25.0)),
        (operator(10.0, 400.0, FORM), Standing(40.0, 2.0, 20.0, "compute", 0.4)),
        (operator(4.0, 200.0, FORM), Standing(50.0, 5.0, 10.0, "compute", 0.5)),
        (operator(4.0, None, FORM), Standing(None, 5.0, None, "memory", 0.5)),
        (operator(4.0, 40.0), Standing(10.0, None, None, "", None)),
        (operator(0.0, 40.0, FORM), Standing(None, None, None, "", None)),
    ],
)
def test_standing(found: Operator, expected: Standing) -> None:
    assert standing(found, ROOF) == expected


def test_without_a_roof_there_are_rates_only() -> None:
    assert standing(operator(1.0, 50.0, FORM), None) == Standing(50.0, 20.0, 2.5, "", None)


def test_time_outside_operators_is_divided() -> None:
    found = Recording(runs=1, wall_s=10.0, engine_s=9.0, covered_s=7.0, operators=())
    assert [time for _, time in outside(found)] == [2.0, 1.0]
    # An engine that reports more than its caller saw, as clocks differ.
    found = Recording(runs=1, wall_s=10.0, engine_s=11.0, covered_s=10.5, operators=())
    assert [time for _, time in outside(found)] == [0.0, 0.0]


def test_kinds_are_added_up() -> None:
    operators = [Operator(kind=kind, seconds=time) for kind, time in (("a", 1), ("b", 3), ("a", 1))]
    assert list(kinds_of(operators).items()) == [("b", 3.0), ("a", 2.0)]
