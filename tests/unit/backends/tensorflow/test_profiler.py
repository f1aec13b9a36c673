"""Operators by TensorFlow's profiler."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grps.backends.operators import TensorForm
from tests.tensorflow_models import basic_pitch, save_scores
from tests.unit.backends.profiles import EXPLAINED, profiled, recorded

ENGINE = "tensorflow"


def test_operators_explain_the_time_of_a_real_model() -> None:
    profile = profiled(ENGINE, basic_pitch(), np.ones((8, 43844, 1), np.float32))
    assert profile.explained >= EXPLAINED
    found = profile.recording
    assert found.covered_s <= found.wall_s
    [one] = [one for one in found.operators if one.name.endswith("/conv2d_1/BiasAdd")]
    # A processor with instructions for neural networks runs the kernel of oneDNN.
    assert one.kind in ("_FusedConv2D", "_MklNativeFusedConv2D")
    assert one.calls == found.runs
    image, weights, bias = one.inputs
    assert (image.shape, weights.shape[-1], bias.shape) == ((8, 172, 264, 8), 8, (8,))
    assert one.outputs == (TensorForm("float32", (8, 172, 264, 8)),)
    assert one.flops == 2 * np.prod(one.outputs[0].shape) * np.prod(weights.shape) / 8


def test_operators_have_their_shapes_and_operations(tmp_path: Path) -> None:
    inputs = [np.ones((5, 3), np.float32), np.ones((5, 2), np.float32)]
    found = recorded(ENGINE, save_scores(tmp_path / "scores"), inputs)
    [product] = [one for one in found.operators if "MatMul" in one.kind]
    floats = [TensorForm("float32", shape) for shape in ((5, 3), (3, 2), (5, 2))]
    assert ([*product.inputs, *product.outputs], product.flops) == (floats, 2 * 5 * 2 * 3)
    assert product.calls == found.runs
