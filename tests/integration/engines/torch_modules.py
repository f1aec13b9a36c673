"""Modules of PyTorch that models are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Same(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + x


class Named(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        return {"sum": a + b, "transposed": (a - b).t()}


class Nested(nn.Module):
    def forward(self, a: Tensor) -> tuple[Tensor, list[Tensor], int, float, bool]:
        return a, [a + 1, a[:, :1]], a.size(0), 0.5, True


class Nothing(nn.Module):
    def forward(self, a: Tensor) -> Tensor | None:
        return None if a.numel() > 0 else a


class Numbers(nn.Module):
    def forward(
        self, x: Tensor, times: int, scale: float = 1.0, mask: Tensor | None = None
    ) -> Tensor:
        y = x * times * scale
        return y if mask is None else y * mask


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 10:
            raise ValueError("the sum is too large")
        assert x.numel() > 0
        return x


class Keeps(nn.Module):
    """Returns what the request before it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        before = self.last
        self.last = x
        return before


class Counts(nn.Module):
    """Returns its state, which the next request changes in place."""

    def __init__(self) -> None:
        super().__init__()
        self.count = nn.Parameter(torch.zeros(2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        self.count += x
        return self.count


class Writes(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.clone()
        x.add_(1)
        return x, y


class Brain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.bfloat16) * 3


class Complex(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.complex(x, x)


class Float(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.float64)


class Nullary(nn.Module):
    def forward(self) -> Tensor:
        return torch.ones(1)


class Row(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class Several(nn.Module):
    def forward(self, x: list[Tensor]) -> Tensor:
        return x[0]


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(4, 2)

    def forward(self, x: Tensor, pair: tuple[Tensor, Tensor], *, z: Tensor) -> dict[str, Any]:
        return {"a": self.linear(x), "b": (x + pair[0], [pair[1] * z])}


class PackedWrites(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x.add_(1)
        return x * 2


MODULES: dict[str, nn.Module] = {
    "same": Same(),
    "twice": Twice(),
    "named": Named(),
    "nested": Nested(),
    "nothing": Nothing(),
    "numbers": Numbers(),
    "raises": Raises(),
    "keeps": Keeps(),
    "counts": Counts(),
    "writes": Writes(),
    "brain": Brain(),
    "complex": Complex(),
    "float": Float(),
    "nullary": Nullary(),
    "linear": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
    "convolution": nn.Conv2d(2, 3, 3),
    "look": nn.Embedding(3, 2),
}
"""Those that are saved as TorchScript."""
