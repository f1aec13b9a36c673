"""Weights in files beside an ONNX model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from grps.backends.backend import Backend
from grps.backends.common.onnx import external_data
from grps.errors import ModelError
from tests.unit.backends.models import Load

ROWS = 4096


def save(folder: Path, value: float, location: str = "weights.bin") -> Path:
    """Write a model that looks rows up in a table of one value, in a file of its own."""
    folder.mkdir(exist_ok=True)
    table = numpy_helper.from_array(np.full((ROWS, 64), value, np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "index"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("index", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [table],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(
        model,
        str(folder / "model.onnx"),
        save_as_external_data=True,
        location=location,
        size_threshold=0,
    )
    return folder / "model.onnx"


def row(backend: Backend, index: int) -> float:
    [(_, value)] = backend.infer([np.array([index])])
    return float(value[0, 0])


def test_a_loaded_model_does_not_depend_on_its_files(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "one", 1)
    backend = load(path, "onnxruntime")
    weights = path.with_name("weights.bin")
    other = save(tmp_path / "two", 2).with_name("weights.bin").read_bytes()
    with weights.open("r+b") as file:
        file.write(other)
    assert row(backend, 7) == 1
    assert row(load(path, "onnxruntime"), 7) == 2
    for emptied in (weights, path):
        emptied.write_bytes(b"")
    assert row(backend, ROWS - 1) == 1


def test_links_and_folders_lead_to_the_files(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "one", 3)
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot" / "data").mkdir(parents=True)
    for moved in (path, path.with_name("weights.bin")):
        moved.rename(tmp_path / "blobs" / moved.name[:3])
        (tmp_path / "snapshot" / moved.name).symlink_to(f"../blobs/{moved.name[:3]}")
    assert row(load(tmp_path / "snapshot" / "model.onnx", "onnxruntime"), 5) == 3
    (tmp_path / "deep" / "data").mkdir(parents=True)
    deep = save(tmp_path / "deep", 4, "data/weights.bin")
    assert row(load(deep, "onnxruntime"), 5) == 4


def test_copies_of_a_model_share_what_is_in_memory(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "one", 1)
    one, two = load(path, "onnxruntime"), load(path, "onnxruntime")
    assert one._weights[0] is two._weights[0]  # type: ignore[attr-defined]


def test_a_name_at_the_end_of_a_part_is_found(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "one", 1)
    backend = load(path, "onnxruntime")
    for size in (1, 7, 50):
        monkeypatch.setattr(external_data, "_PART_BYTES", size)
        assert external_data.external_names(path) == ["weights.bin"]
    assert row(backend, 0) == 1


def test_files_that_are_absent_or_elsewhere_are_refused(load: Load, tmp_path: Path) -> None:
    path = save(tmp_path / "one", 1)
    path.with_name("weights.bin").rename(tmp_path / "weights.bin")
    with pytest.raises(ModelError, match=r"model\.onnx: [^\n]*weights\.bin"):
        load(path, "onnxruntime")
    model = onnx.load(str(path), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../weights.bin"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="escapes"):
        load(path, "onnxruntime")
