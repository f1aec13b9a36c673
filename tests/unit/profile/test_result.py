"""Where operators stand below the roof, and what is outside them."""

from __future__ import annotations

import pytest

from grps.backends.operators import Operator, Recording, TensorForm
from grps.profile.curves import Point
from grps.profile.machine import Roof
from grps.profile.memory import Memory
from grps.profile.result import Measured, Profile, Standing, kinds_of, standing

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


def profile(plain_s: float, wall_s: float, engine_s: float, covered_s: float) -> Profile:
    recording = Recording(
        runs=2, wall_s=wall_s, engine_s=engine_s, covered_s=covered_s, operators=()
    )
    return Profile(
        model="m",
        engine="E",
        device="cpu",
        inputs="x",
        threads=1,
        plain=Point(1, (plain_s, plain_s)),
        recording=recording,
        batches=Measured(),
        thread_counts=Measured(),
        memory=Memory(0, 0, None, 0),
        machine=None,
    )


@pytest.mark.parametrize(
    ("found", "parts", "explained"),
    [
        # As long without the profiler as with it: it took nothing.
        (profile(5.0, 10.0, 9.0, 7.0), [2.0, 1.0, 0.0], 0.7),
        (profile(9.0, 10.0, 9.0, 7.0), [2.0, 1.0, 0.0], 0.7),
        # The profiler takes its time between operators first, then around the engine.
        (profile(4.5, 10.0, 9.0, 7.0), [1.0, 1.0, 1.0], 7 / 9),
        (profile(3.75, 10.0, 9.0, 7.0), [0.0, 0.5, 2.5], 7 / 7.5),
        # It took no time of operators.
        (profile(1.0, 10.0, 9.0, 7.0), [0.0, 0.0, 3.0], 1.0),
        # An engine that reports more than its caller saw, as clocks differ.
        (profile(5.0, 10.0, 11.0, 10.5), [0.0, 0.0, 0.0], 1.0),
    ],
)
def test_time_outside_operators_is_divided(
    found: Profile, parts: list[float], explained: float
) -> None:
    assert [time for _, time in found.outside()] == pytest.approx(parts)
    assert found.explained == pytest.approx(explained)


def test_kinds_are_added_up() -> None:
    operators = [Operator(kind=kind, seconds=time) for kind, time in (("a", 1), ("b", 3), ("a", 1))]
    assert list(kinds_of(operators).items()) == [("b", 3.0), ("a", 2.0)]
