"""Outputs of ONNX models that are no tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from grps.backends.backend import TensorSpec
from grps.backends.common.signature import describe
from grps.backends.common.warm_up import warm_up
from grps.converters.labels import LabelArguments, LabelWriter
from grps.errors import ModelError
from grps.protocol.arrays import to_arrays
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


def save(path: Path, *parts: tuple[Any, Any], outputs: Any = None) -> Path:
    graph = helper.make_graph(
        [node for node, _ in parts],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, ["n", 2])],
        outputs or [made for _, made in parts],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


@pytest.mark.parametrize("binds", [False, True])
@pytest.mark.parametrize("key", [INT64, STRING])
def test_maps_become_a_table(load: Load, tmp_path: Path, key: int, binds: bool) -> None:
    path = save(tmp_path / "model.onnx", label(), zipmap("probabilities", key))
    backend = load(path, "onnxruntime", inferer_args={"io_binding": binds})
    labels = ("3", "7") if key == INT64 else ("cat", "dog")
    assert backend.signature.outputs == (
        TensorSpec("label", "int64", (None,)),
        TensorSpec("probabilities", "float32", (None, 2), columns=labels),
    )
    assert describe(backend.signature)["outputs"][1]["columns"] == list(labels)
    assert warm_up(backend)[1].skipped is None
    given = np.array([[0.25, 0.75], [1, 0], [0.5, 0.5]], np.float32)
    found = dict(backend.infer([given]))
    assert found["label"].tolist() == [1, 0, 0]
    # The labels stand in order: 3, 7 and cat, dog.
    expected = given if key == INT64 else given[:, ::-1]
    np.testing.assert_array_equal(found["probabilities"], expected)
    assert found["probabilities"].dtype == np.float32
    assert dict(backend.infer([given[:0]]))["probabilities"].shape == (0, 2)


def test_labels_of_a_model_that_takes_no_example_are_those_of_its_first_request(
    load: Load, tmp_path: Path
) -> None:
    check = helper.make_node("Reshape", ["x", "shape"], ["y"])
    shape = helper.make_node("Constant", [], ["shape"], value_ints=[-1, 6])
    node, output = zipmap("scores", STRING)
    node.input[0] = "z"
    back = helper.make_node("Reshape", ["y", "pairs"], ["z"])
    pairs = helper.make_node("Constant", [], ["pairs"], value_ints=[-1, 2])
    parts = [(one, output) for one in (shape, check, pairs, back, node)]
    path = save(tmp_path / "model.onnx", *parts, outputs=[output])
    backend = load(path, "onnxruntime")
    assert backend.signature.outputs == (TensorSpec("scores", "float32", (None, None)),)
    found = dict(backend.infer([np.ones((3, 2), np.float32)]))
    assert found["scores"].shape == (3, 2)


def test_the_labels_converter_uses_the_labels_of_the_model(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", label(), zipmap("probabilities", STRING))
    backend = load(path, "onnxruntime")
    writer = LabelWriter(LabelArguments(top_k=1), backend.signature)
    given = np.array([[0.25, 0.75], [1, 0]], np.float32)
    found = dict(to_arrays(writer.write(dict(backend.infer([given])))))
    assert found["label"].tolist() == [["cat"], ["dog"]]


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
