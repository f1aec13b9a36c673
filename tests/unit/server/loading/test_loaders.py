"""Loading of models as their configuration says."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from grps.config.parts.batching import BatchingConfig
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_message
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.loaders import copy_loaders
from grps.server.loading.local_entry import LocalBatch, LocalEntry
from tests.onnx_models import save_graph, save_node

FLOAT = TensorProto.FLOAT


def load(path: Path, **keys: Any) -> LoadedCopy:
    keys = {"inferer_type": "onnxruntime", "converter_type": "numpy", **keys}
    config = ModelConfig(name="m", version="1", device="cpu", inferer_path=str(path), **keys)
    [load_copy] = copy_loaders(config, lambda phase, text: None)
    return load_copy()


@pytest.mark.parametrize(
    ("rows", "axis", "cause"),
    [
        (1, 1, "the first dimension of input x is fixed to 1"),
        ("n", 0, "the first dimension of output y is fixed to 1"),
    ],
)
def test_batches_of_a_model_that_can_not_be_batched_are_refused(
    tmp_path: Path, rows: int | str, axis: int, cause: str
) -> None:
    outputs = [("y", FLOAT, [None, None])]
    path = save_node(
        tmp_path / "m.onnx", "ReduceMax", [("x", FLOAT, [rows, 2])], outputs, axes=[axis]
    )
    with pytest.raises(ModelError, match=rf"model m-1: batching.type dynamic: {cause}"):
        load(path, batching=BatchingConfig(type="dynamic"))
    load(path, batching=BatchingConfig(type="none"))


def test_a_model_without_inputs_runs_on_no_tensor(tmp_path: Path) -> None:
    value = helper.make_tensor("value", FLOAT, [1], [5])
    node = helper.make_node("Constant", [], ["y"], value=value)
    path = save_graph(tmp_path / "m.onnx", [node], [], [("y", FLOAT, [1])])
    copy = load(path)
    answers = []
    for tensors in ([], [("x", np.ones(1, np.float32))]):
        entry = LocalEntry(to_message(tensors), GrpsContext(), copy.signature)
        copy.runners[0].run(LocalBatch(entry))
        answers.append(entry)
    assert answers[0].answer.gtensors.tensors[0].flat_float32 == [5]
    assert isinstance(answers[1].raised, InputError)
    with pytest.raises(ModelError, match=r"batching\.type dynamic: the model has no inputs"):
        load(path, batching=BatchingConfig(type="dynamic"))


def test_batches_larger_than_the_model_takes_are_refused(tmp_path: Path) -> None:
    rows = {0: torch.export.Dim("rows", min=1, max=8)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(torch.nn.ReLU(), (torch.zeros(2, 4),), dynamic_shapes=(rows,))
        torch.export.save(program, tmp_path / "m.pt2")
    with pytest.raises(ModelError, match="max_batch_size 16 is more than the 8 rows"):
        load(tmp_path / "m.pt2", inferer_type="torch", batching=BatchingConfig(type="dynamic"))
    batching = BatchingConfig(type="dynamic", max_batch_size=8)
    load(tmp_path / "m.pt2", inferer_type="torch", batching=batching)


def products(path: Path) -> Path:
    nodes = [
        helper.make_node("Transpose", ["b"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["a", "t"], ["y"]),
    ]
    inputs = [("a", FLOAT, ["n", 2]), ("b", FLOAT, ["m", 2])]
    return save_graph(path, nodes, inputs, [("y", FLOAT, ["n", "m"])])


def softmax_of_rows(path: Path) -> Path:
    shape = ["n", 2]
    return save_node(path, "Softmax", [("x", FLOAT, shape)], [("y", FLOAT, shape)], axis=0)


def places(path: Path) -> Path:
    nodes = [
        helper.make_node("NonZero", ["x"], ["found"]),
        helper.make_node("Transpose", ["found"], ["y"], perm=[1, 0]),
    ]
    outputs = [("y", TensorProto.INT64, ["a", 2])]
    return save_graph(path, nodes, [("x", FLOAT, ["n", 2])], outputs)


@pytest.mark.parametrize(
    ("save", "cause"),
    [
        (products, "the shape of output y depends on the rows that run together"),
        (softmax_of_rows, "output y of a row depends on the other rows that run with it"),
        (places, "output y has not one row for each row of the inputs"),
    ],
)
@pytest.mark.parametrize("converter", ["numpy", "labels"])
def test_batches_of_rows_that_depend_on_each_other_are_refused(
    tmp_path: Path, save: Callable[[Path], Path], cause: str, converter: str
) -> None:
    path = save(tmp_path / "m.onnx")
    batching = BatchingConfig(type="dynamic")
    with pytest.raises(ModelError, match=f"model m-1: batching.type dynamic: {cause}"):
        load(path, batching=batching, converter_type=converter)
    load(path, batching=BatchingConfig(type="none"), converter_type=converter)
    load(path, batching=batching, converter_type=converter, warm_up=False)


def test_batches_of_independent_rows_are_accepted(tmp_path: Path) -> None:
    shape = ["n", 2]
    path = save_node(
        tmp_path / "m.onnx", "Softmax", [("x", FLOAT, shape)], [("y", FLOAT, shape)], axis=1
    )
    load(path, batching=BatchingConfig(type="dynamic"))
    load(path, batching=BatchingConfig(type="dynamic", allowed_sizes=(4, 16)))
    load(path, batching=BatchingConfig(type="dynamic"), converter_type="labels")


class OverRows(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, 0)


def test_a_recorded_request_shows_whether_rows_depend_on_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(OverRows()).save(str(tmp_path / "m.pt"))
    (tmp_path / "a.json").write_text('{"ndarray": [[1.0, 2.0]]}')
    batching = BatchingConfig(type="dynamic")
    load(tmp_path / "m.pt", inferer_type="torch", batching=batching)
    assert "whether its requests can be joined is not checked" in caplog.text
    with pytest.raises(ModelError, match=r"output .* depends on the other rows"):
        recorded = (str(tmp_path / "a.json"),)
        load(tmp_path / "m.pt", inferer_type="torch", batching=batching, warm_up_requests=recorded)
