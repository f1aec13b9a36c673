"""Operators by PyTorch's profiler."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from grps.backends.operators import TensorForm
from grps.backends.torch.profiler import read_events
from grps.errors import ModelError
from tests.models import efficientnet
from tests.unit.backends.models import SaveScript
from tests.unit.backends.profiles import EXPLAINED, profiled, recorded

ENGINE = "torch"


class Layers(torch.nn.Module):
    """A convolution, a product and an addition with a broadcast."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.linear = torch.nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.conv(x)).mean([2, 3])
        return self.linear(y) + torch.ones(1)


def floats(*shape: int) -> TensorForm:
    return TensorForm("float32", shape)


def test_operators_explain_the_time_of_a_real_model(tmp_path: Path) -> None:
    images = torch.zeros(4, 3, 224, 224)
    path = tmp_path / "efficientnet.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(efficientnet(), images, check_trace=False), str(path))
    profile = profiled(ENGINE, path, images.numpy())
    assert profile.explained >= EXPLAINED
    found = profile.recording
    assert found.covered_s <= found.engine_s <= found.wall_s
    assert sum(one.seconds for one in found.operators) == pytest.approx(found.covered_s)
    assert {"_convolution", "batch_norm", "linear"} <= {one.kind for one in found.operators}
    # EfficientNet-Lite0 has 407 million multiplications and additions.
    flops = sum(one.calls * (one.flops or 0) for one in found.operators) / found.runs
    assert flops == pytest.approx(4 * 2 * 407e6, rel=0.1)


def test_operators_have_their_shapes_and_operations(save_script: SaveScript) -> None:
    found = recorded(ENGINE, save_script(Layers()), [np.ones((2, 3, 8, 8), np.float32)])
    kinds = {one.kind: one for one in found.operators}
    convolution, linear, add = kinds["conv2d"], kinds["linear"], kinds["add"]
    assert convolution.inputs == (floats(2, 3, 8, 8), floats(4, 3, 3, 3), floats(4))
    assert convolution.outputs == (floats(2, 4, 4, 4),)
    assert convolution.flops == 2 * (2 * 4 * 4 * 4) * 27
    assert (linear.flops, linear.outputs) == (2 * 2 * 5 * 4, (floats(2, 5),))
    assert (add.flops, add.outputs) == (None, (floats(2, 5),))
    assert all(one.calls == found.runs for one in (convolution, linear, add))


def test_a_trace_without_its_runs_is_refused() -> None:
    with pytest.raises(ModelError, match="has 0 of 2 runs"):
        read_events([], 2, 1.0)
