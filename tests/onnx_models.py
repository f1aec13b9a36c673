"""Tiny ONNX models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

ELEMENTS = {
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "string": TensorProto.STRING,
}


def save_graph(path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Any) -> Path:
    """Write a model; tensors are name, element type, shape."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*item) for item in inputs],
        [helper.make_tensor_value_info(*item) for item in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def save_node(
    path: Path, operator: str, inputs: Sequence[Any], outputs: Sequence[Any], **attributes: Any
) -> Path:
    """Write a model of one node."""
    names = [[item[0] for item in items] for items in (inputs, outputs)]
    return save_graph(path, [helper.make_node(operator, *names, **attributes)], inputs, outputs)


def save_identity(path: Path, dtype: str) -> Path:
    """Write ``y = x`` over vectors of one element type."""
    kind = (ELEMENTS[dtype], ["n"])
    return save_node(path, "Identity", [("x", *kind)], [("y", *kind)])


def save_identities(path: Path) -> Path:
    """Write a model that takes and returns one vector of every element type."""
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in ELEMENTS]
    inputs = [(f"in_{name}", element, ["n"]) for name, element in ELEMENTS.items()]
    outputs = [(f"out_{name}", element, ["n"]) for name, element in ELEMENTS.items()]
    return save_graph(path, nodes, inputs, outputs)
