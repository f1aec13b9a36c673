"""Modules and types that tests of the backends share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from grps.backends import Backend

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
