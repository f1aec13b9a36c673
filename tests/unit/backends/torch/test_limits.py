"""What programs of torch.export need of the sizes of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.export import Dim

from grps.backends.common.signature import describe
from grps.backends.common.warm_up import warm_up
from grps.errors import InputError
from tests.unit.backends.models import Load

Export = Callable[..., Path]
BATCH = Dim("batch", min=1, max=8)
ROWS = Dim("rows")
LENGTH = Dim("length", min=3, max=100)


class Add(torch.nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Shifted(torch.nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x[:, 1:] + y


class Double(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Pairs(torch.nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat([x, y], 1).reshape(x.shape[0], -1, 2)


class Nested(torch.nn.Module):
    def forward(self, given: dict[str, list[Tensor]], other: Tensor) -> Tensor:
        return given["a"][0] + other


class Halves(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[1] // 2
        return x[:, :half] + x[:, half : 2 * half]


class InPairs(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0] // 2, 2, -1)


HALF = "dimension 1 of x divided by 2 (rounded down)"
HALVES = (
    f"({HALF}) is at most dimension 1 of x",
    f"({HALF}) is not 1",
    f"dimension 1 of x is not ({HALF})",
    f"dimension 1 of x is not max(1, {HALF})",
    f"2 times ({HALF}) is at most dimension 1 of x",
)


def zeros(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.zeros(shape, np.float32) for shape in shapes]


CASES: list[tuple[Any, ...]] = [
    (
        Add(),
        ((3, 4), (3, 4)),
        ({0: BATCH}, {0: BATCH}),
        ("dimension 0 of x is at most 8", "dimension 0 of y equals dimension 0 of x"),
        8,
        [
            (((9, 4), (9, 4)), "input x: dimension 0 must be at most 8, got 9"),
            (
                ((2, 4), (3, 4)),
                "input y: dimension 0 of y must equal dimension 0 of x, got 3 and 2",
            ),
            (((2, 5), (2, 5)), "input x: dimension 1 must be exactly 4, got 5"),
        ],
    ),
    (
        Shifted(),
        ((4, 6), (4, 5)),
        ({0: ROWS, 1: LENGTH}, {0: ROWS, 1: LENGTH - 1}),
        (
            "dimension 1 of x is 3 to 100",
            "dimension 0 of y equals dimension 0 of x",
            "dimension 1 of y is at most 99",
            "(-1 + dimension 1 of x) equals dimension 1 of y",
        ),
        None,
        [
            (
                ((2, 6), (2, 6)),
                "the sizes of the inputs do not fit; required: -1 + dimension 1 of x equals "
                "dimension 1 of y; got x [2, 6], y [2, 6]",
            )
        ],
    ),
    (
        Double(),
        ((4, 6),),
        ({0: ROWS, 1: 2 * Dim("half", min=2, max=5)},),
        ("dimension 1 of x is 4 to 10",),
        None,
        [
            (((4, 12),), "input x: dimension 1 must be at most 10, got 12"),
            (((4, 2),), "input x: dimension 1 must be at least 4, got 2"),
        ],
    ),
    (
        Double(),
        ((4, 4),),
        ({0: ROWS, 1: ROWS},),
        ("dimension 1 of x equals dimension 0 of x",),
        None,
        [(((2, 3),), "input x: dimension 1 of x must equal dimension 0 of x, got 3 and 2")],
    ),
    (Double(), ((4, 4),), ({0: ROWS},), (), None, []),
    (
        Double(),
        ((4, 4),),
        ({0: Dim("few", min=2, max=16)},),
        ("dimension 0 of x is at most 16",),
        16,
        [(((17, 4),), "input x: dimension 0 must be at most 16, got 17")],
    ),
    (
        Halves(),
        ((2, 8),),
        ({0: Dim.AUTO, 1: Dim.AUTO},),
        HALVES,
        None,
        [
            (
                ((1, 3),),
                "the sizes of the inputs do not fit; required: dimension 1 of x divided by 2 "
                "(rounded down) is not 1; got x [1, 3]",
            )
        ],
    ),
    (Double(), ((4, 4),), ({0: Dim.AUTO, 1: Dim.AUTO},), (), None, []),
]


@pytest.mark.parametrize(("module", "shapes", "dynamic", "lines", "most", "refused"), CASES)
def test_limits_are_read_shown_and_kept(
    load: Load,
    save_exported: Export,
    module: torch.nn.Module,
    shapes: Any,
    dynamic: Any,
    lines: Any,
    most: int | None,
    refused: Any,
) -> None:
    examples = [torch.zeros(shape) for shape in shapes]
    backend = load(save_exported(module, *examples, dynamic_shapes=dynamic))
    signature, ran = warm_up(backend)
    assert (signature.limits, signature.most_rows) == (lines, most)
    assert describe(signature).get("limits", []) == list(lines)
    assert (ran.skipped, signature.tried) == (None, True)
    backend.infer(zeros(*shapes))
    for wrong, cause in refused:
        with pytest.raises(InputError) as raised:
            backend.infer(zeros(*wrong))
        assert str(raised.value) == cause


def test_nested_inputs_are_named_as_in_the_signature(load: Load, save_exported: Export) -> None:
    shapes = {"given": {"a": [{0: BATCH}]}, "other": {0: BATCH}}
    arguments = ({"a": [torch.zeros(3, 4)]}, torch.zeros(3, 4))
    backend = load(save_exported(Nested(), *arguments, dynamic_shapes=shapes))
    assert [spec.name for spec in backend.signature.inputs] == ["given_a_0", "other"]
    with pytest.raises(
        InputError, match="dimension 0 of other must equal dimension 0 of given_a_0"
    ):
        backend.infer(zeros((2, 4), (3, 4)))


def test_limits_of_several_sizes_are_guards(load: Load, save_exported: Export) -> None:
    automatic = {0: Dim.AUTO, 1: Dim.AUTO}
    arguments = (torch.zeros(4, 6), torch.zeros(4, 2))
    backend = load(save_exported(Pairs(), *arguments, dynamic_shapes=(automatic, automatic)))
    assert any("dimension 1 of x + dimension 1 of y" in line for line in backend.signature.limits)
    assert warm_up(backend)[1].skipped is None
    with pytest.raises(InputError, match=r"do not fit; required: .* got x \[2, 6\], y \[2, 1\]$"):
        backend.infer(zeros((2, 6), (2, 1)))


def test_a_size_that_no_shape_can_be_computed_of_is_refused(
    load: Load, save_exported: Export
) -> None:
    backend = load(save_exported(InPairs(), torch.zeros(8, 6), dynamic_shapes=({0: Dim.AUTO},)))
    signature, ran = warm_up(backend)
    assert ran.skipped is None
    assert [spec.example for spec in signature.inputs] == [(4, 6)]
    with pytest.raises(InputError, match=r"sizes of the inputs do not fit: .* got x \[1, 6\]$"):
        backend.infer(zeros((1, 6)))
