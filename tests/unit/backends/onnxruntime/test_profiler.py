"""Operators by ONNX Runtime's profiler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grps.backends.onnxruntime.profiler import read_events
from grps.backends.operators import TensorForm
from grps.errors import ModelError
from tests.models import MAGIKA
from tests.unit.backends.profiles import EXPLAINED, profiled, recorded

ENGINE = "onnxruntime"


def floats(*shape: int) -> TensorForm:
    return TensorForm("float32", shape)


def save_products(path: Path) -> Path:
    """Write a product of matrices, one with a bias, and a convolution."""
    random = np.random.default_rng(1)
    weights = {"w": (4, 3), "g": (5, 3), "c": (5,), "k": (2, 1, 3)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="product"),
        helper.make_node("Gemm", ["a", "g", "c"], ["b"], name="gemm", transB=1),
        helper.make_node("Unsqueeze", ["b", "axis"], ["d"], name="unsqueeze"),
        helper.make_node("Conv", ["d", "k"], ["y"], name="conv"),
    ]
    constants = [
        numpy_helper.from_array(random.random(shape).astype(np.float32), name)
        for name, shape in weights.items()
    ]
    constants.append(numpy_helper.from_array(np.array([1]), "axis"))
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2, 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def test_operators_explain_the_time_of_a_real_model() -> None:
    profile = profiled(ENGINE, MAGIKA, np.zeros((4, 2048), np.int32))
    assert profile.explained >= EXPLAINED
    found = profile.recording
    assert found.covered_s <= found.engine_s <= found.wall_s
    assert sum(one.seconds for one in found.operators) == pytest.approx(found.covered_s)
    convolution = max(found.operators, key=lambda one: one.seconds)
    assert convolution.kind == "Conv"
    assert convolution.calls == found.runs
    # 508 channels of sums over 5 of 256 each, at 512 places of 4 rows: padding may add some.
    assert convolution.flops == pytest.approx(2 * 4 * 512 * 508 * 5 * 256, rel=0.05)


def test_operators_have_their_shapes_and_operations(tmp_path: Path) -> None:
    found = recorded(ENGINE, save_products(tmp_path / "m.onnx"), [np.ones((2, 4), np.float32)])
    kinds = {one.kind.removeprefix("Fused"): one for one in found.operators}
    product, gemm, conv = kinds["MatMul"], kinds["Gemm"], kinds["Conv"]
    assert (product.name, product.inputs, product.outputs) == (
        "product",
        (floats(2, 4), floats(4, 3)),
        (floats(2, 3),),
    )
    assert (product.flops, product.moved_bytes) == (2 * 2 * 3 * 4, 4 * (8 + 12 + 6))
    assert gemm.flops == 2 * 2 * 5 * 3
    assert gemm.moved_bytes == 4 * (6 + 15 + 5 + 10)
    assert conv.flops == 2 * (2 * 2 * 3) * 3
    assert all(one.calls == found.runs for one in found.operators)
    assert all(one.runs_as == "CPU" for one in found.operators)


def event(name: str, start: int, length: int, **details: object) -> dict[str, object]:
    category = "Session" if name == "model_run" else "Node"
    return {"cat": category, "ph": "X", "name": name, "ts": start, "dur": length, "args": details}


def test_operators_inside_others_are_counted_once() -> None:
    events = [
        event("model_run", 0, 500),
        event("warm_kernel_time", 10, 400, op_name="Loop"),
        event("model_run", 1000, 100),
        event("loop_kernel_time", 1010, 80, op_name="Loop"),
        event("add_kernel_time", 1020, 30, op_name="Add"),
        event("add_fence_before", 1020, 1, op_name="Add"),
    ]
    found = read_events(events, 1, wall_s=200e-6)
    assert {one.name: round(one.seconds * 1e6) for one in found.operators} == {
        "loop": 50,
        "add": 30,
    }
    assert [found.covered_s, found.engine_s] == pytest.approx([80e-6, 100e-6])
    with pytest.raises(ModelError, match="has 2 of 3 runs; try fewer runs"):
        read_events(events, 3, wall_s=1.0)
