"""Outputs of ONNX models that are no tensors: a table is made of maps, others are left out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from grps.backends.backend import TensorSpec
from grps.errors import ModelError
from grps.log import logger

_ROW_MAPS = re.compile(r"seq\(map\((?:int64|string),tensor\((?P<type>float|double)\)\)\)")
"""What ZipMap returns: a map from labels to scores for each row."""
_DTYPES = {"float": "float32", "double": "float64"}
_WITHOUT_ZIPMAP = 'options={id(model): {"zipmap": False}}'


def is_tensor(node: Any) -> bool:
    """Return whether an output is a tensor."""
    return str(node.type).startswith("tensor(")


def map_spec(node: Any) -> TensorSpec | None:
    """Return the table that is made of an output of ZipMap; ``None`` for other outputs."""
    found = _ROW_MAPS.fullmatch(node.type)
    return None if found is None else TensorSpec(node.name, _DTYPES[found["type"]], (None, None))


def served(nodes: Sequence[Any]) -> list[Any]:
    """Return the outputs that are served: all but those that are neither tensors nor maps.

    Raises:
        ModelError: There are none.
    """
    kept = [node for node in nodes if is_tensor(node) or map_spec(node) is not None]
    others = [node for node in nodes if node not in kept]
    for node in others:
        if kept:
            logger.warning(
                "output %s is of type %s and is left out: outputs are tensors", node.name, node.type
            )
    if others and not kept:
        node = others[0]
        raise ModelError(
            f"output {node.name} has the unsupported type {node.type}: outputs are tensors; if it "
            f"comes from ZipMap, convert the model with {_WITHOUT_ZIPMAP}"
        )
    for node in kept:
        if not is_tensor(node):
            logger.info(
                "output %s comes from ZipMap: its maps are served as a table with a column for "
                "each label, sorted; a model that is converted with %s is faster",
                node.name,
                _WITHOUT_ZIPMAP,
            )
    return kept


def labels_of(maps: Sequence[dict[Any, float]]) -> list[Any]:
    """Return the labels of maps, which all have the same, sorted; they are all texts or numbers."""
    return sorted(maps[0]) if maps else []


def with_labels(spec: TensorSpec, labels: Sequence[Any]) -> TensorSpec:
    """Return the table of maps with these labels."""
    names = tuple(str(label) for label in labels)
    return dataclasses.replace(spec, shape=(None, len(names)), columns=names)


def table_of(
    maps: Sequence[dict[Any, float]], dtype: str, labels: Sequence[Any] = ()
) -> np.ndarray:
    """Return the values of maps, one row for each, with a column for each label.

    Args:
        maps: What ZipMap returned.
        dtype: The type of its scores.
        labels: Those of all maps, sorted, if they are known.
    """
    keys = labels or labels_of(maps)
    rows = [[row[key] for key in keys] for row in maps]
    return np.array(rows, dtype=dtype).reshape(len(rows), len(keys))
