"""SavedModels over HTTP and gRPC, alone and in projects; answers equal TensorFlow's own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.support import (
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    user_model,
    write_project,
    write_user_project,
)
from tests.tensorflow_models import (
    Pairs,
    basic_pitch,
    operator_library,
    save,
    save_scores,
    save_triple,
)
from tests.tensors import arrays_of, arrays_of_message, gtensors, to_message

CODE = """
import tensorflow as tf

from grps_framework.converter.tf_tensor_converter import TfTensorConverter
from grps_framework.model_infer.inferer import ModelInferer, inferer_register
from grps_framework.model_infer.tf_inferer import TfModelInferer


class Best(TfModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)
        self.extra = args["extra"]

    def infer(self, inp, context):
        outputs = super().infer(inp, context)
        return {"best": outputs["best"] + self.extra}


class Double(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        (tensor,) = inp
        assert isinstance(tensor, tf.Tensor)
        return [tensor * 2, tf.reduce_sum(tensor)]


class Message(TfModelInferer):
    pass


for cls in (Best, Double, Message):
    inferer_register.register(cls.__name__.lower(), cls())
"""

CONVERTERS = '''
import tensorflow as tf

from grps_framework.apis.grps_pb2 import GrpsMessage
from grps_framework.converter.converter import Converter, converter_register


class Words(Converter):
    """Text to two vectors of numbers; tensors to text."""

    def init(self, path=None, args=None):
        super().init(path, args)

    def preprocess(self, inp, context):
        numbers = tf.constant([int(word) for word in inp.str_data.split()], tf.int64)
        return {"a": numbers, "b": numbers}

    def postprocess(self, inp, context):
        return GrpsMessage(str_data=" ".join(str(number) for number in inp.numpy()))


converter_register.register("words", Words())
'''


def model(name: str, path: Path, **keys: Any) -> dict[str, Any]:
    engine = {"inferer_type": "tensorflow", "converter_type": "tensorflow", "device": "cpu"}
    return {"name": name, "version": "1.0.0", "inferer_path": str(path), **engine, **keys}


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scores(tmp_path_factory.mktemp("scores") / "scores")


@pytest.fixture(scope="module")
def server(scores: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server with models alone, and with user code on either side."""
    folder = tmp_path_factory.mktemp("tensorflow")
    pairs = save(folder / "pairs", Pairs())
    triple = save_triple(folder / "triple")
    threads = {"intra_op_threads": 1, "inter_op_threads": 2}
    batching = {"type": "dynamic", "max_batch_size": 8}
    on_scores = {"inferer_path": str(scores), "device": "cpu"}
    best = {"inferer_args": {"extra": 10}, "converter_type": "tensorflow"}
    models = [
        model("scores", scores, inferer_args=threads),
        model("batched", scores, batching=batching, instances=2),
        model("upper", scores, inferer_args={"signature": "upper"}, converter_type="none"),
        model("pairs", pairs),
        model("triple", triple, inferer_args={"customized_op_paths": [str(operator_library())]}),
        model("pitch", basic_pitch()),
        model("words", pairs, converter_type="customized", converter_name="words"),
        user_model("double", converter_type="tensorflow"),
        user_model("best", **on_scores, **best),
        user_model("message", **on_scores),
    ]
    write_user_project(folder, models, code=CODE)
    (folder / "src" / "customized_converter.py").write_text(CONVERTERS)
    with serving(folder) as running:
        yield running


def by_http(server: RunningServer, name: str, inputs: Any) -> dict[str, np.ndarray]:
    answer = server.post({"model": name, "gtensors": gtensors(inputs)}).json()
    assert answer["status"]["code"] == 200, answer
    return arrays_of(answer["gtensors"])


def by_grpc(server: RunningServer, name: str, inputs: Any) -> dict[str, np.ndarray]:
    with server.stub() as stub:
        answer = stub.Predict(to_message(inputs, name))
    assert answer.status.code == 200, answer.status
    return arrays_of_message(answer)


CLIENTS = pytest.mark.parametrize("ask", [by_http, by_grpc])


def assert_same(found: dict[str, np.ndarray], expected: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


def inputs_of(rows: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(rows)
    return {
        "x": chance.standard_normal((rows, 3), dtype=np.float32),
        "bias": chance.standard_normal((rows, 2), dtype=np.float32),
    }


def direct(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    answer = tf.saved_model.load(str(path)).signatures["serving_default"](**inputs)
    return {name: value.numpy() for name, value in answer.items()}


@CLIENTS
@pytest.mark.parametrize("rows", [1, 4])
def test_answers_equal_tensorflows(
    server: RunningServer, scores: Path, ask: Any, rows: int
) -> None:
    inputs = inputs_of(rows)
    expected = direct(scores, inputs)
    assert_same(ask(server, "scores", inputs), expected)
    assert_same(ask(server, "scores", list(inputs.values())), expected)
    assert_same(ask(server, "message", inputs), expected)


@CLIENTS
def test_strings(server: RunningServer, ask: Any) -> None:
    found = ask(server, "upper", {"texts": np.array(["ab", "é"], dtype=object)})
    assert found["upper"].tolist() == ["AB", "é"]
    assert found["length"].tolist() == [2, 2]


def test_joined_rows_keep_their_answers(server: RunningServer, scores: Path) -> None:
    def ask(number: int) -> None:
        inputs = inputs_of(number % 3 + 1)
        found, expected = by_http(server, "batched", inputs), direct(scores, inputs)
        assert found["best"].tolist() == expected["best"].tolist()
        # A product of more rows is summed in another order.
        np.testing.assert_allclose(found["logits"], expected["logits"], rtol=1e-5, atol=1e-6)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(24)))


@CLIENTS
def test_basic_pitch(server: RunningServer, ask: Any) -> None:
    sound = np.random.default_rng(0).standard_normal((1, 43844, 1), dtype=np.float32)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        definition = v1.saved_model.load(session, ["serve"], str(basic_pitch())).signature_def
        outputs = definition["serving_default"].outputs
        fetches = {name: info.name for name, info in outputs.items()}
        expected = session.run(fetches, {"serving_default_input_2:0": sound})
    found = ask(server, "pitch", {"input_2": sound})
    assert set(found) == {"contour", "note", "onset"}
    for name, value in found.items():
        # The server has fewer threads, which sum in another order.
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)


def test_custom_operators(server: RunningServer) -> None:
    found = by_http(server, "triple", {"x": np.array([1, 2], np.float32)})
    assert_same(found, {"y": np.array([3, 6], np.float32)})


def test_tensors_that_do_not_fit_are_400(server: RunningServer) -> None:
    inputs = {**inputs_of(1), "x": np.ones((1, 3))}
    response = server.post({"model": "scores", "gtensors": gtensors(inputs)})
    assert response.status_code == 400
    assert "input 'x' is float32, got float64" in response.json()["status"]["msg"]


def test_an_error_of_the_engine_is_one_line(server: RunningServer) -> None:
    inputs = {"a": np.ones(2, np.int64), "b": np.ones(3, np.int64)}
    response = server.post({"model": "pairs", "gtensors": gtensors(inputs)})
    message = response.json()["status"]["msg"]
    assert response.status_code == 400
    assert "[2] vs. [3]" in message
    assert "\n" not in message
    # TensorFlow tells some processors' features whatever its log level is.
    assert "[2] vs. [3]" not in server.stderr()


def test_the_users_converter_around_the_engine(server: RunningServer) -> None:
    answer = server.post({"model": "words", "str_data": "1 2 30"}).json()
    assert answer["str_data"] == "2 4 60"
    response = server.post({"model": "words", "str_data": "0"})
    assert response.status_code == 500
    assert "assertion failed" in response.json()["status"]["msg"]


def test_tensors_into_the_users_inferer(server: RunningServer) -> None:
    found = by_http(server, "double", [np.array([[1, 2]], np.float32)])
    assert_same(found, {"output_0": np.array([[2, 4]], np.float32), "output_1": np.float32(3)})


@CLIENTS
def test_an_inferer_that_derives_from_upstreams(
    server: RunningServer, scores: Path, ask: Any
) -> None:
    inputs = inputs_of(2)
    assert_same(ask(server, "best", inputs), {"best": direct(scores, inputs)["best"] + 10})


def test_a_model_without_its_operators_does_not_start(tmp_path: Path) -> None:
    write_project(tmp_path, [model("triple", save_triple(tmp_path / "triple"))])
    process = launch(tmp_path)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert state.error is not None
    assert "the operator GrpsTriple is not known to TensorFlow" in state.error
    written = (tmp_path / "stderr.log").read_text()
    assert f"\nerror: {state.error}\nsee: docs/" in f"\n{written}"
    assert written.count("GrpsTriple") == 1
