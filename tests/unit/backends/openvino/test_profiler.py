"""Operators by OpenVINO's counters."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grps.backends.operators import TensorForm
from tests.models import file_of
from tests.onnx_models import ELEMENTS, save_node
from tests.unit.backends.profiles import EXPLAINED, profiled, recorded

PITCH = file_of("basic_pitch", "saved_models/icassp_2022/nmp.onnx")
"""A convolutional model of sound."""
ENGINE = "openvino"


def test_operators_explain_the_time_of_a_real_model() -> None:
    profile = profiled(ENGINE, PITCH, np.ones((8, 43844, 1), np.float32))
    assert profile.explained >= EXPLAINED
    found = profile.recording
    # Counters are means in whole microseconds, of which there are some hundred.
    assert found.covered_s <= found.wall_s * 1.02
    kinds = {one.kind for one in found.operators}
    assert "Convolution" in kinds
    assert all(one.calls == found.runs for one in found.operators)
    assert any(one.runs_as for one in found.operators)


def test_dynamic_sizes_are_those_of_the_inputs(tmp_path: Path) -> None:
    kind = ELEMENTS["float32"]
    inputs = [("x", kind, ["n", 64]), ("y", kind, [64, "m"])]
    path = save_node(tmp_path / "m.onnx", "MatMul", inputs, [("z", kind, ["n", "m"])])
    arrays = [np.ones((32, 64), np.float32), np.ones((64, 16), np.float32)]
    found = recorded(ENGINE, path, arrays)
    [product] = [one for one in found.operators if one.flops is not None]
    assert product.flops == 2 * 32 * 16 * 64
    assert product.outputs[0].shape == (32, 16)
    assert TensorForm(product.inputs[0].dtype, (32, 64)) in product.inputs
