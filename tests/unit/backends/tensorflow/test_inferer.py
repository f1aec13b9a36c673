"""TensorFlow in the user's own code: the inferer to derive from, and the tensor converter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from grps.backends.tensorflow.converter import TfTensorConverter
from grps.backends.tensorflow.inferer import TfModelInferer
from grps.errors import DeviceError, InputError, ModelError
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.tensorflow_models import Identity, Pairs, basic_pitch, save, save_graphs, save_scores


class Bare(TfModelInferer):
    """Never calls the constructor of its base, as projects of GRPS 1.x do."""

    def __init__(self) -> None:
        self.own = 0

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        super().init(path, device, args)
        self.own = args["own"]


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_scores(tmp_path_factory.mktemp("scores") / "scores")


def loaded(path: Path, **arguments: Any) -> Bare:
    inferer = Bare()
    inferer.init(str(path), "cpu", {"own": 7, **arguments})
    assert inferer.load()
    return inferer


def values(message: GrpsMessage) -> dict[str, Any]:
    return {name: array.tolist() for name, array in to_arrays(message)}


def test_what_was_saved_is_called_by_position_by_name_and_with_a_message(scores: Path) -> None:
    inferer = loaded(scores)
    x, bias = tf.ones([1, 3]), tf.ones([1, 2])
    context = GrpsContext()
    assert inferer.own == 7
    for given in ([x, bias], (x, bias), {"bias": bias, "x": x}):
        assert inferer.infer(given, context)["logits"].numpy().tolist() == [[8, 11]]
    request = to_message([("", x.numpy()), ("", bias.numpy())])
    assert values(inferer.infer(request, context)) == {"best": [1], "logits": [[8, 11]]}


def test_one_tensor_alone(tmp_path: Path) -> None:
    module = tf.Module()
    module.__dict__["double"] = tf.function(
        lambda x: {"y": x * 2}, input_signature=[tf.TensorSpec([None], tf.float32, "x")]
    )
    path = save(tmp_path / "double", module, serving_default=module.__dict__["double"])
    inferer = loaded(path)
    assert inferer.infer(tf.ones(2), GrpsContext())["y"].numpy().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "expected"), [({}, 2), ({"tags": "serve,half"}, 0.5), ({"tags": ["serve"]}, 2)]
)
def test_a_signature_is_called_when_nothing_else_can_be(
    tmp_path: Path, arguments: dict[str, Any], expected: float
) -> None:
    inferer = loaded(save_graphs(tmp_path / "graphs"), **arguments)
    for given in ([tf.ones(1)], {"x": np.ones(1, np.float32)}):
        assert inferer.infer(given, GrpsContext())["y"].numpy().tolist() == [expected]


def test_a_signature_by_its_name(scores: Path) -> None:
    inferer = loaded(scores, signature="upper")
    request = to_message([("texts", np.array(["é", "b"], dtype=object))])
    assert values(inferer.infer(request, GrpsContext())) == {"length": [2, 1], "upper": ["é", "B"]}
    for wrong, cause in (({"text": tf.constant(["a"])}, r"\['text'\]"), ([], "0 without names")):
        with pytest.raises(InputError, match=rf"inputs are \['texts'\], got {cause}"):
            inferer.infer(wrong, GrpsContext())


def test_a_signature_of_bools(tmp_path: Path) -> None:
    module = Identity(tf.bool)
    path = save(tmp_path / "identity", module, serving_default=module.call)
    answer = loaded(path).infer(to_message([("x", np.array([0, 2], np.uint8))]), GrpsContext())
    assert values(answer) == {"y": [0, 1]}


def test_a_model_of_the_loader_of_tensorflow_1() -> None:
    inferer = loaded(basic_pitch())
    outputs = inferer.infer([tf.zeros([1, 43844, 1])], GrpsContext())
    assert sorted(outputs) == ["contour", "note", "onset"]
    assert outputs["note"].shape == (1, 172, 88)


def test_batches_of_messages_are_joined_and_split(tmp_path: Path) -> None:
    def request(*rows: int) -> GrpsMessage:
        column = np.array(rows, np.int64)
        return to_message([("a", column), ("b", column)])

    contexts = [GrpsContext(), GrpsContext()]
    inferer = loaded(save(tmp_path / "pairs", Pairs()))
    answers = inferer.batch_infer([request(1), request(2, 3)], contexts)
    assert [values(answer) for answer in answers] == [{"output": [2]}, {"output": [4, 6]}]
    joined = inferer.batch_infer([tf.constant([1], tf.int64)] * 2, contexts)
    assert joined.numpy().tolist() == [2]


def test_errors_are_one_line(tmp_path: Path, scores: Path) -> None:
    inferer = loaded(save(tmp_path / "pairs", Pairs()))
    unlike = [tf.ones(2, tf.int64), tf.ones(3, tf.int64)]
    with pytest.raises(ModelError, match=r"^node \S+: [^\n]*\[2\] vs\. \[3\]$"):
        inferer.infer(unlike, GrpsContext())
    with pytest.raises(DeviceError, match="allowed"):
        Bare().init(str(scores), "tpu", {"own": 1})
    with pytest.raises(ModelError, match="tags: Expected"):
        Bare().init(str(scores), "cpu", {"own": 1, "tags": 3})
    for path, arguments, cause in (
        (tmp_path, {}, "a directory with no saved_model"),
        (scores, {"tags": "gpu"}, "no graph has the tags gpu"),
        (scores, {"signature": "lower"}, "no signature is called 'lower'"),
    ):
        inferer = Bare()
        inferer.init(str(path), "cpu", {"own": 1, **arguments})
        with pytest.raises(ModelError, match=cause):
            inferer.load()


def enter(arrays: list[tuple[str, Any]]) -> Any:
    return TfTensorConverter().preprocess(to_message(arrays), GrpsContext())


def leave(result: Any) -> list[tuple[str, Any]]:
    return to_arrays(TfTensorConverter().postprocess(result, GrpsContext()))


def test_arrays_enter_by_name_or_as_a_list() -> None:
    array = np.ones(2, np.float32)
    unnamed = enter([("", array), ("", array)])
    assert isinstance(unnamed, list)
    assert all(isinstance(tensor, tf.Tensor) for tensor in unnamed)
    named = enter([("a", array), ("b", np.array(["é"], dtype=object))])
    assert isinstance(named, dict)
    assert named["b"].numpy().tolist() == ["é".encode()]
    for names in (("a", ""), ("a", "a")):
        with pytest.raises(InputError, match="name all tensors"):
            enter([(name, array) for name in names])


def test_what_tensors_leave_as() -> None:
    left = leave((tf.ones(1), {"k": tf.constant(["é"])}))
    assert [(name, array.tolist()) for name, array in left] == [
        ("output_0", [1]),
        ("output_1_k", ["é"]),
    ]


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ({"a": (1, 1)}, {"b": (1, 1)}, "name different tensors"),
        ({"a": (1, 1)}, {"a": (1, 2)}, "differ in type or shape of tensor 'a'"),
        ({"a": (1, 1), "b": (2, 1)}, {"a": (1, 1), "b": (2, 1)}, "different numbers of rows"),
        ({"a": ()}, {"a": ()}, "different numbers of rows"),
    ],
)
def test_requests_that_do_not_fit_in_a_batch(first: Any, second: Any, cause: str) -> None:
    requests = [
        to_message((name, np.ones(shape, np.float32)) for name, shape in request.items())
        for request in (first, second)
    ]
    with pytest.raises(InputError, match=cause):
        TfTensorConverter().batch_preprocess(requests, [GrpsContext(), GrpsContext()])


def test_a_batch_whose_answer_has_other_rows() -> None:
    converter = TfTensorConverter()
    contexts = [GrpsContext(), GrpsContext()]
    request = to_message([("a", np.ones((1, 2), np.float32))])
    converter.batch_preprocess([request, request], contexts)
    for shape in ((3, 1), (1, 1), ()):
        with pytest.raises(ModelError, match="not one row for each of the 2 rows"):
            converter.batch_postprocess(tf.ones(shape), contexts)
