"""Engines in the user's own code: inferers to derive from, and the torch converter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grps.backends.onnxruntime.inferer import OnnxModelInferer
from grps.backends.torch.converter import TorchTensorConverter
from grps.backends.torch.inferer import TorchModelInferer
from grps.errors import DeviceError, InputError, ModelError
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.onnx_models import save_identity


class Sum(torch.nn.Module):
    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a + b


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = str(tmp_path / "sum.pt")
    torch.jit.script(Sum()).save(path)
    return path


class Bare(TorchModelInferer):
    """Never calls the constructor of its base, as projects of GRPS 1.x do."""

    def __init__(self) -> None:
        self.own = 1

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        super().init(path, device, args)
        self.own = args["own"]


def loaded(path: str) -> Bare:
    inferer = Bare()
    inferer.init(path, "cpu", {"own": 7})
    assert inferer.load()
    return inferer


def values(message: GrpsMessage) -> dict[str, Any]:
    return {name: array.tolist() for name, array in to_arrays(message)}


def test_tensors_by_position_by_name_and_as_a_message(script: str) -> None:
    inferer = loaded(script)
    one, two = torch.ones(2), torch.full((2,), 2.0)
    context = GrpsContext()
    assert inferer.own == 7
    assert inferer.infer([one, two], context).tolist() == [3, 3]
    assert inferer.infer({"b": two, "a": one}, context).tolist() == [3, 3]
    request = to_message([("", one.numpy()), ("", two.numpy())])
    assert values(inferer.infer(request, context)) == {"output": [3, 3]}


def test_batches_of_messages_are_joined_and_split(script: str) -> None:
    def request(*rows: float) -> GrpsMessage:
        column = np.array(rows, np.float32).reshape(-1, 1)
        return to_message([("a", column), ("b", column)])

    contexts = [GrpsContext(), GrpsContext()]
    answers = loaded(script).batch_infer([request(1), request(2, 3)], contexts)
    assert [values(answer) for answer in answers] == [
        {"output": [[2]]},
        {"output": [[4], [6]]},
    ]


def test_a_wrong_device_or_file_is_told(tmp_path: Path, script: str) -> None:
    with pytest.raises(DeviceError, match="allowed"):
        Bare().init(script, "tpu", {"own": 1})
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no model")
    inferer = Bare()
    inferer.init(str(broken), "cpu", {"own": 1})
    with pytest.raises(ModelError):
        inferer.load()


def enter(arrays: list[tuple[str, Any]]) -> Any:
    return TorchTensorConverter().preprocess(to_message(arrays), GrpsContext())


def leave(result: Any) -> list[tuple[str, Any]]:
    return to_arrays(TorchTensorConverter().postprocess(result, GrpsContext()))


def test_arrays_enter_by_name_or_as_a_list() -> None:
    array = np.ones(2, np.float32)
    assert isinstance(enter([("", array), ("", array)]), list)
    named = enter([("a", array), ("b", array)])
    assert isinstance(named, dict)
    assert list(named) == ["a", "b"]
    for names in (("a", ""), ("a", "a")):
        with pytest.raises(InputError, match="name all tensors"):
            enter([(name, array) for name in names])


def test_what_tensors_leave_as() -> None:
    left = leave((torch.ones(1), {"k": torch.zeros(1)}))
    assert [name for name, _ in left] == ["output_0", "output_1_k"]


def test_a_batch_of_different_names_is_refused() -> None:
    array = np.ones((1, 1), np.float32)
    requests = [to_message([("a", array)]), to_message([("b", array)])]
    with pytest.raises(InputError, match="different tensors"):
        TorchTensorConverter().batch_preprocess(requests, [GrpsContext(), GrpsContext()])


def test_onnx_arrays_in_every_form(tmp_path: Path) -> None:
    inferer = OnnxModelInferer()
    inferer.init(str(save_identity(tmp_path / "identity.onnx", "float32")), "cpu", None)
    array = np.ones(2, np.float32)
    with pytest.raises(ModelError, match="not called"):
        inferer.infer(array, GrpsContext())
    assert inferer.load()
    for given in (array, [array], {"x": array}):
        assert inferer.infer(given, GrpsContext())["y"].tolist() == [1, 1]
    with pytest.raises(InputError, match=r"inputs are \['x'\], got \['z'\]"):
        inferer.infer({"z": array}, GrpsContext())
