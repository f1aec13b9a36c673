"""Whose fault a failed run is."""

from __future__ import annotations

import pytest

from grps.backends.common.causes import run_error
from grps.errors import InputError, ModelError


@pytest.mark.parametrize(
    "cause",
    [
        "Add node: Attempting to broadcast an axis by a dimension other than 1. 2 by 3",
        "Gather node: indices element out of data bounds, idx=1",
        "Conv node: Input channels C is not equal to kernel channels * group. C: 2",
        "The size of tensor a (2) must match the size of tensor b (3) at dimension 0",
        "mat1 and mat2 must have the same dtype, but got Double and Float",
        "index out of range in self",
        "running_mean should contain 2 elements not 3",
        "batch1 must be a 3D tensor",
        "\"bitwise_and_cpu\" not implemented for 'Float'",
    ],
)
def test_what_does_not_fit_is_the_inputs(cause: str) -> None:
    assert type(run_error(cause)) is InputError


@pytest.mark.parametrize(
    "cause",
    [
        "ValueError: one row is too few",
        "CUDA out of memory. Tried to allocate 2.00 GiB for a tensor of shape [8]",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte of size 4",
        "the file is gone",
    ],
)
def test_all_else_is_the_models(cause: str) -> None:
    assert type(run_error(cause)) is ModelError


def test_what_the_engine_says_counts() -> None:
    assert type(run_error("no", is_input=True)) is InputError
    assert type(run_error("out of memory", is_input=True)) is ModelError
