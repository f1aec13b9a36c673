"""Modules and types that tests of the backends share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from grps.backends.backend import Backend
from tests.onnx_models import ELEMENTS

Load = Callable[..., Backend]
SaveScript = Callable[[torch.nn.Module], Path]
SaveOnnx = Callable[..., Path]


class Affine(torch.nn.Module):
    """y = 2x + 1 over four features."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.full((4,), 2.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + 1


NUMBERS = [(element, dtype) for dtype, element in ELEMENTS.items() if dtype != "string"]
"""Element types of ONNX that are numbers, with what numpy calls them."""
