"""Every pair of converter and inferer, with and without batching, over real calls."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from tests.onnx_models import save_identity
from tests.support import RunningServer, serving, user_model, write_project

CODE = """
import time
from pathlib import Path

import numpy as np

from grps import Converter, ModelInferer, converter_register, inferer_register
from grps.protocol.arrays import to_arrays, to_message


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class NumpyDouble(Plain):
    def infer(self, inp, context):
        with Path("sizes").open("a") as file:
            file.write(f"{len(inp['input'])} ")
        time.sleep(0.01)
        return inp["input"] * 2


class NumpyNamed(Plain):
    def infer(self, inp, context):
        return {"sum": inp["a"] + inp["b"], "count": np.array(2)}


class NumpyFailing(Plain):
    def infer(self, inp, context):
        context.set_err_msg("not today")


class TorchDouble(Plain):
    def infer(self, inp, context):
        (tensor,) = inp
        return [tensor * 2, tensor.sum()]


for cls in (NumpyDouble, NumpyNamed, NumpyFailing, TorchDouble):
    inferer_register.register(cls.__name__.lower(), cls())
"""

CONVERTERS = '''
import torch

from grps import Converter, converter_register
from grps.protocol.arrays import to_arrays, to_message


class PlusOne(Converter):
    """Adds one on the way in; hands arrays or torch tensors on, as args say."""

    def init(self, path=None, args=None):
        super().init(path, args)

    def preprocess(self, inp, context):
        (_, array), = to_arrays(inp)
        return torch.from_numpy(array + 1) if self._args["torch"] else array + 1

    def postprocess(self, inp, context):
        value = inp.numpy() if self._args["torch"] else inp["y"]
        return to_message([("made", value)])


converter_register.register("plus_one", PlusOne())
'''


def model(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "version": "1", **keys}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server with all pairs."""
    folder = tmp_path_factory.mktemp("pairs")
    onnx = str(save_identity(folder / "identity.onnx", "float32"))
    script = str(folder / "double.pt")
    torch.jit.save(torch.jit.trace(torch.nn.Flatten(), torch.zeros(1, 2)), script)
    custom = {"converter_type": "customized", "converter_name": "plus_one"}
    batching = {"type": "dynamic", "max_batch_size": 8}
    models = [
        user_model("numpydouble", converter_type="numpy"),
        {**user_model("numpydouble", converter_type="numpy", batching=batching), "name": "batched"},
        user_model("numpynamed", converter_type="numpy"),
        user_model("numpyfailing", converter_type="numpy"),
        user_model("torchdouble", converter_type="torch"),
        model("torch", inferer_type="torch", inferer_path=script, **custom)
        | {"device": "cpu", "converter_args": {"torch": True}},
        model("onnx", inferer_type="onnxruntime", inferer_path=onnx, **custom)
        | {"device": "cpu", "converter_args": {"torch": False}},
        model("engine", inferer_type="onnxruntime", inferer_path=onnx, batching=batching),
    ]
    write_project(folder, models)
    (folder / "src").mkdir()
    (folder / "src" / "customized_converter.py").write_text(CONVERTERS)
    (folder / "src" / "customized_inferer.py").write_text(CODE)
    with serving(folder) as running:
        yield running


def tensors(server: RunningServer, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer's tensors by name: shape and values."""
    answer = server.post(body, f"?model={name}").json()
    return {
        tensor["name"]: next(value for key, value in tensor.items() if key.startswith("flat_"))
        for tensor in answer["gtensors"]["tensors"]
    }


def test_numpy_arrays_into_the_users_inferer(server: RunningServer) -> None:
    assert tensors(server, "numpydouble", {"ndarray": [[1, 2]]}) == {"output": [2, 4]}


def test_named_arrays_in_and_out(server: RunningServer) -> None:
    one = {"dtype": "DT_INT64", "shape": [1]}
    given = [{**one, "name": "a", "flat_int64": [3]}, {**one, "name": "b", "flat_int64": [4]}]
    found = tensors(server, "numpynamed", {"gtensors": {"tensors": given}})
    assert found == {"sum": ["7"], "count": ["2"]}


def test_an_error_set_by_the_inferer(server: RunningServer) -> None:
    answer = server.post({"ndarray": [1]}, "?model=numpyfailing")
    assert (answer.status_code, answer.json()["status"]["msg"]) == (500, "not today")


def test_text_for_a_model_of_tensors_is_400(server: RunningServer) -> None:
    answer = server.post({"str_data": "x"}, "?model=numpydouble")
    assert answer.status_code == 400
    assert "the model takes tensors" in answer.json()["status"]["msg"]


def test_torch_tensors_into_the_users_inferer(server: RunningServer) -> None:
    found = tensors(server, "torchdouble", {"ndarray": [[1, 2]]})
    assert found == {"output_0": [2, 4], "output_1": [3]}


@pytest.mark.parametrize(("name", "ndarray"), [("torch", [[1, 2]]), ("onnx", [1, 2])])
def test_the_users_converter_around_an_engine(
    server: RunningServer, name: str, ndarray: list[Any]
) -> None:
    assert tensors(server, name, {"ndarray": ndarray}) == {"made": [2, 3]}


@pytest.mark.parametrize(("name", "factor"), [("batched", 2), ("engine", 1)])
def test_batches_keep_every_answer_with_its_request(
    server: RunningServer, name: str, factor: int
) -> None:
    sizes = server.folder / "sizes"
    sizes.write_text("")

    def ask(number: int) -> list[float]:
        vector = [number, -number]
        ndarray = [vector] if name == "batched" else vector
        (values,) = tensors(server, name, {"ndarray": ndarray}).values()
        return list(values)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(64)))
    assert answers == [[factor * number, -factor * number] for number in range(64)]
    if name == "batched":
        seen = [int(size) for size in sizes.read_text().split()]
        assert sum(seen) == 64
        assert 1 < max(seen) <= 8
