"""Operations of operators by their shapes."""

from __future__ import annotations

import pytest

from grps.backends.common.profiling.arithmetic import convolution_flops, product_flops


@pytest.mark.parametrize(
    ("output", "weights", "channels", "expected"),
    [
        ((1, 8, 5, 5), (8, 3, 3, 3), 8, 2 * 200 * 27),
        # Each channel by itself, as in depthwise convolutions.
        ((2, 8, 5, 5), (8, 1, 3, 3), 8, 2 * 400 * 9),
        ((1, 8, 5, 5), (), 0, None),
        ((), (8, 3, 3, 3), 8, None),
    ],
)
def test_convolutions(
    output: tuple[int, ...], weights: tuple[int, ...], channels: int, expected: float | None
) -> None:
    assert convolution_flops(output, weights, channels) == expected


@pytest.mark.parametrize(
    ("left", "right", "output", "sums"),
    [
        ((2, 3), (3, 5), (2, 5), 3),
        ((2, 3), (5, 3), (2, 5), 3),
        ((3, 2), (3, 5), (2, 5), 3),
        ((7, 2, 3), (3, 5), (7, 2, 5), 3),
        ((7, 2, 3), (7, 3, 5), (7, 2, 5), 3),
        ((3,), (3, 5), (5,), 3),
    ],
)
def test_products(
    left: tuple[int, ...], right: tuple[int, ...], output: tuple[int, ...], sums: int
) -> None:
    elements = 1
    for size in output:
        elements *= size
    assert product_flops(left, right, output) == 2 * elements * sums


def test_a_product_of_unknown_shapes_is_not_counted() -> None:
    assert product_flops((), (3, 5), (2, 5)) is None
    assert product_flops((2, 3), (3, 5), ()) is None
