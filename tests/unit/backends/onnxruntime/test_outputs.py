"""Outputs of ONNX models that are no tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from grps.backends.backend import TensorSpec
from grps.backends.common.warm_up import warm_up
from grps.errors import ModelError
from tests.unit.backends.models import Load

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def zipmap(name: str, key: int) -> tuple[Any, Any]:
    """The node and the output that skl2onnx makes of the scores of a classifier."""
    labels: dict[str, Any] = {"classlabels_int64s": [3, 7]}
    if key == STRING:
        labels = {"classlabels_strings": ["dog", "cat"]}
    node = helper.make_node("ZipMap", ["x"], [name], domain="ai.onnx.ml", **labels)
    scores = helper.make_tensor_type_proto(FLOAT, None)
    kind = helper.make_sequence_type_proto(helper.make_map_type_proto(key, scores))
    return node, helper.make_value_info(name, kind)


def sequence(name: str) -> tuple[Any, Any]:
    node = helper.make_node("SequenceConstruct", ["x"], [name])
    return node, helper.make_tensor_sequence_value_info(name, FLOAT, None)


def label() -> tuple[Any, Any]:
    node = helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)
    return node, helper.make_tensor_value_info("label", INT64, ["n"])


def save(path: Path, *parts: tuple[Any, Any]) -> Path:
    graph = helper.make_graph(
        [node for node, _ in parts],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 2])],
        [made for _, made in parts],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


@pytest.mark.parametrize("binds", [False, True])
@pytest.mark.parametrize("key", [INT64, STRING])
def test_maps_become_a_table(load: Load, tmp_path: Path, key: int, binds: bool) -> None:
    path = save(tmp_path / "model.onnx", label(), zipmap("probabilities", key))
    backend = load(path, "onnxruntime", inferer_args={"io_binding": binds})
    assert backend.signature.outputs == (
        TensorSpec("label", "int64", (None,)),
        TensorSpec("probabilities", "float32", (None, None)),
    )
    assert warm_up(backend)[1].skipped is None
    given = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]], np.float32)
    found = dict(backend.infer([given]))
    assert found["label"].tolist() == [1, 0, 0]
    # The labels stand in order: 3, 7 and cat, dog.
    expected = given if key == INT64 else given[:, ::-1]
    np.testing.assert_array_equal(found["probabilities"], expected)
    assert found["probabilities"].dtype == np.float32
    assert dict(backend.infer([given[:0]]))["probabilities"].shape[0] == 0


def test_what_is_no_tensor_is_left_out(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backend = load(save(tmp_path / "model.onnx", sequence("parts"), label()), "onnxruntime")
    assert [spec.name for spec in backend.signature.outputs] == ["label"]
    assert "output parts is of type seq(tensor(float)) and is left out" in caplog.text
    assert [name for name, _ in backend.infer([np.ones((1, 2), np.float32)])] == ["label"]


def test_a_model_of_nothing_else_is_told_what_to_do(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", sequence("parts"))
    with pytest.raises(ModelError, match=r"seq\(tensor\(float\)\).*ZipMap.*\{\"zipmap\": False\}"):
        load(path, "onnxruntime")
