"""Programs of torch.export and packages of AOTInductor."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from grps.backends.backend import TensorSpec
from grps.errors import InputError
from tests.unit.backends.models import Affine, Load
from tests.unit.backends.torch.modules import State, rows

Export = Callable[..., Path]


def test_exported_program_tells_everything(load: Load, save_exported: Export) -> None:
    batch = torch.export.Dim("batch", min=1, max=8)
    path = save_exported(Affine(), torch.zeros(2, 4), dynamic_shapes={"x": {0: batch}})
    backend = load(path)
    assert backend.signature.inputs == (TensorSpec("x", "float32", (None, 4)),)
    assert backend.signature.outputs == (TensorSpec("output", "float32", (None, 4)),)
    np.testing.assert_array_equal(backend.infer([rows(1, 2, 3, 4)])[0][1], rows(3, 5, 7, 9))
    with pytest.raises(InputError, match=r"^input x: dimension 0 must be at most 8, got 9$"):
        backend.infer([np.zeros((9, 4), np.float32)])


def test_exported_program_of_nested_structures(load: Load, save_exported: Export) -> None:
    class Deep(torch.nn.Module):
        def forward(self, pair: list[Tensor], flag: bool, scale: Tensor) -> dict[str, object]:
            total = pair[0] + pair[1] if flag else pair[0]
            return {"sum": total * scale, "parts": [pair[0] > 0, pair[1].to(torch.bfloat16)]}

    path = save_exported(Deep(), [torch.zeros(2), torch.zeros(2)], True, torch.ones(1))
    backend = load(path)
    assert [spec.name for spec in backend.signature.inputs] == ["pair_0", "pair_1", "scale"]
    assert [(spec.name, spec.dtype) for spec in backend.signature.outputs] == [
        ("sum", "float32"),
        ("parts_0", "bool"),
        ("parts_1", "float32"),
    ]
    ones = np.ones(2, np.float32)
    found = dict(backend.infer([ones, ones * 2, np.array([10], np.float32)]))
    np.testing.assert_array_equal(found["sum"], [30, 30])
    np.testing.assert_array_equal(found["parts_0"], [1, 1])


def test_exported_program_takes_bool_and_bfloat16(load: Load, save_exported: Export) -> None:
    class Masked(torch.nn.Module):
        def forward(self, x: Tensor, *, mask: Tensor) -> Tensor:
            return torch.where(mask, x, 0)

    example = torch.ones(3, dtype=torch.bfloat16)
    path = save_exported(Masked(), example, kwargs={"mask": torch.ones(3, dtype=torch.bool)})
    backend = load(path)
    assert [spec.dtype for spec in backend.signature.inputs] == ["float32", "bool"]
    mask = np.array([1, 0, 2], np.uint8)
    np.testing.assert_array_equal(backend.infer([np.ones(3, np.float32), mask])[0][1], [1, 0, 1])


@pytest.mark.slow
def test_aotinductor_package(load: Load, tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", min=2, max=8)
    exported = torch.export.export(Affine(), (torch.zeros(3, 4),), dynamic_shapes={"x": {0: batch}})
    path = tmp_path / "package.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
    backend = load(path)
    assert backend.signature.inputs == (TensorSpec("input_0"),)
    assert backend.signature.outputs == ()
    array = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(backend.infer([array])[0][1], array * 2 + 1)
    with pytest.raises(InputError, match=r"^[^\n]*unmatched dim value at 1[^\n]*$"):
        backend.infer([np.zeros((2, 3), np.float32)])


def test_exported_state_is_kept_and_not_shared(load: Load, save_exported: Export) -> None:
    backend = load(save_exported(State(), torch.zeros(2)))
    ones = np.ones(2, np.float32)
    first, second = backend.infer([ones])[0][1], backend.infer([ones])[0][1]
    np.testing.assert_array_equal(first, [1, 1])
    np.testing.assert_array_equal(second, [2, 2])
