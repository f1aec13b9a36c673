"""Small PyTorch modules, one per shape of inputs or outputs."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple  # noqa: UP035 - TorchScript reads these

import numpy as np
import torch
from torch import Tensor


class Several(torch.nn.Module):
    """A tuple of tensors."""

    def forward(self, x: Tensor, y: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: UP006
        return x + y, x - y


class Listed(torch.nn.Module):
    """A list of tensors."""

    def forward(self, x: Tensor) -> List[Tensor]:  # noqa: UP006
        return [x, x + 1]


class Named(torch.nn.Module):
    """A dict of tensors."""

    def forward(self, x: Tensor) -> Dict[str, Tensor]:  # noqa: UP006
        return {"logits": x, "scores": x.softmax(-1)}


class Nested(torch.nn.Module):
    """Lists in dicts in a tuple, with numbers among them."""

    def forward(self, x: Tensor) -> Tuple[Tensor, Dict[str, List[Tensor]], int, float, bool]:  # noqa: UP006
        return x, {"a": [x, x + 1]}, 7, 0.5, True


class Options(torch.nn.Module):
    """Optional tensors and numbers after a required one."""

    def forward(
        self,
        x: Tensor,
        times: int = 3,
        y: Optional[Tensor] = None,  # noqa: UP045
        names: Optional[List[int]] = None,  # noqa: UP006, UP045
        plus: float = 0.0,
    ) -> Tensor:
        total = x * times + plus
        if y is not None:
            total = total + y
        return total


class Keyword(torch.nn.Module):
    """A keyword-only argument, and a nullable one without a default."""

    def forward(self, x: Tensor, mask: Optional[Tensor], *, bias: Tensor) -> Tensor:  # noqa: UP045
        return x + bias


class Lists(torch.nn.Module):
    """An argument no tensor can stand for."""

    def forward(self, x: Tensor, many: List[Tensor]) -> Tensor:  # noqa: UP006
        return x + many[0]


class Fails(torch.nn.Module):
    """Raises errors of its own and of PyTorch."""

    def forward(self, x: Tensor) -> Tensor:
        if x.size(0) == 1:
            raise ValueError("one row is too few")
        return x @ x


class Types(torch.nn.Module):
    """Element types the wire lacks."""

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:  # noqa: UP006
        return x.to(torch.bfloat16), x > 0, x.t()


class State(torch.nn.Module):
    """Returns its own buffer after adding to it in place."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        self.total.add_(x)
        return self.total


class Complex(torch.nn.Module):
    """A type that has no place on the wire."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.complex(x, x)


class Nothing(torch.nn.Module):
    """None among the outputs."""

    def forward(self, x: Tensor) -> Tuple[Tensor, Optional[Tensor]]:  # noqa: UP006, UP045
        return x, None


def rows(*values: float) -> np.ndarray:
    return np.array([values], dtype=np.float32)
