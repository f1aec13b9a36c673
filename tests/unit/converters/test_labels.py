"""Scores to labels, and tensors that come as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grps.backends.backend import TensorSpec
from grps.errors import InputError, ModelError
from grps.protocol.arrays import to_message
from tests.unit.converters.support import after, before, converter, signature

ROWS = signature(TensorSpec("x", "float32", (None, 2)))
SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.5, np.nan]], np.float32)


def test_the_best_labels_with_scores_and_indices(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("cat\n dog \n\nbird\n")
    found = after(converter("labels", ROWS, labels=str(names), top_k=2), scores=SCORES)
    assert list(found) == ["label", "score", "index"]
    assert found["label"].tolist() == [["dog", "bird"], ["cat", "dog"]]
    assert found["index"].tolist() == [[1, 2], [0, 1]]
    np.testing.assert_array_equal(found["score"], np.array([[0.7, 0.2], [0.5, 0.5]], np.float32))


def test_without_names_the_indices_are_the_labels() -> None:
    found = after(converter("labels", ROWS), scores=SCORES[:1])
    assert found["label"].tolist() == [["1", "2", "0"]]
    found = after(converter("labels", ROWS, top_k=1), scores=np.array([[3, 9]], np.int64))
    assert (found["label"].tolist(), found["score"].tolist()) == ([["1"]], [[9.0]])


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 3, 1, 1)])
def test_shapes_of_scores(shape: tuple[int, ...]) -> None:
    found = after(converter("labels", ROWS, top_k=1), scores=SCORES[0].reshape(shape))
    assert found["index"].tolist() == [[1]]


def test_activations() -> None:
    logits = np.array([[1000.0, 999.0, -1000.0]], np.float32)
    found = after(converter("labels", ROWS, activation="softmax"), scores=logits)
    np.testing.assert_allclose(found["score"], [[0.7310586, 0.26894143, 0.0]], rtol=1e-6)
    found = after(
        converter("labels", ROWS, activation="sigmoid"), scores=np.array([[0, -999]], np.float32)
    )
    np.testing.assert_allclose(found["score"], [[0.5, 0.0]])


def test_low_scores_are_left_out() -> None:
    found = after(converter("labels", ROWS, min_score=0.3), scores=SCORES)
    assert found["label"].tolist() == [["1", "", ""], ["0", "1", ""]]
    assert found["index"].tolist() == [[1, -1, -1], [0, 1, -1]]


@pytest.mark.parametrize(
    "data",
    [
        ["a", "b", "c"],
        {"2": "c", "0": "a", "1": "b"},
        {"id2label": {"0": "a", "1": "b", "2": "c"}, "model_type": "bert"},
    ],
)
def test_files_of_json(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(data))
    found = after(converter("labels", ROWS, labels=str(path), top_k=1), scores=SCORES[:1])
    assert found["label"].tolist() == [["b"]]


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("a.txt", " \n", "names nothing"),
        ("a.json", "{", "is no JSON"),
        ("a.json", "3", "must be a list of names"),
        ("a.json", "[1, 2]", "must be a list of names"),
        ("a.json", '{"0": "a", "2": "b"}', "the keys must be the indices from 0 to 1"),
        ("a.json", "[]", "names nothing"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, text: str, cause: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ModelError, match=cause):
        converter("labels", ROWS, labels=str(path))


def test_files_that_can_not_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"labels: .* can't be read"):
        converter("labels", ROWS, labels=str(tmp_path / "absent.txt"))
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9")
    with pytest.raises(ModelError, match=r"labels: .* can't be read"):
        converter("labels", ROWS, labels=str(tmp_path / "latin.txt"))
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(10_000_001)
    with pytest.raises(ModelError, match="is larger than 10000000 bytes"):
        converter("labels", ROWS, labels=str(large))


def test_the_output_is_chosen() -> None:
    two = signature(
        TensorSpec("x", "float32", (None, 2)), outputs=(TensorSpec("boxes"), TensorSpec("scores"))
    )
    with pytest.raises(ModelError, match="say which holds the scores: boxes, scores"):
        converter("labels", two)
    with pytest.raises(ModelError, match="no output 'score'; it has boxes, scores"):
        converter("labels", two, output="score")
    made = converter("labels", two, output="scores", top_k=1)
    assert after(made, boxes=np.zeros((1, 9)), scores=SCORES[:1])["index"].tolist() == [[1]]


@pytest.mark.parametrize(
    ("scores", "cause"),
    [
        (np.array([["a"]], dtype=object), "holds no scores"),
        (np.float32(3), "holds no scores"),
        (np.zeros((0, 3), np.float32), "holds no scores"),
        (np.zeros((1, 4), np.float32), "4 scores a row, but .* names 3"),
    ],
)
def test_outputs_that_are_no_scores_are_refused(tmp_path: Path, scores: Any, cause: str) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    with pytest.raises(ModelError, match=cause):
        after(converter("labels", ROWS, labels=str(names)), scores=np.asarray(scores))


def test_tensors_by_name_by_order_and_as_the_inputs_type() -> None:
    two = signature(
        TensorSpec("x", "float32", (None, 2)), TensorSpec("n", "int64", (None,)), TensorSpec("k")
    )
    made = converter("labels", two, constants={"k": 3})
    x, n = np.array([[1, 2]], np.float64), np.array([7], np.int32)
    requests: list[Any] = [[("x", x), ("n", n)], [("n", n), ("x", x)], [("", x), ("", n)]]
    for given in requests:
        found = before(made, to_message(given))
        assert {name: array.dtype.name for name, array in found.items()} == {
            "x": "float32",
            "n": "int64",
        }
        assert found["x"].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("tensors", "cause"),
    [
        ([("y", np.array([[1, 2]], np.float32))], r"inputs are \['x'\], got \['y'\]"),
        ([("x", np.array([[1, 2]], np.float32))] * 2, "has 1 inputs, got 2 tensors"),
        ([("x", np.array([1, 2], np.float32))], r"has shape \[-1, 2\], got \[2\]"),
        ([("x", np.array([[1, 2, 3]], np.float32))], r"got \[1, 3\]"),
        ([("x", np.array([[0.1, 2]], np.float64))], "input 'x' is float32, got float64"),
        ([("x", np.array([["a", "b"]], dtype=object))], "is float32, got strings"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tensors: Any, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        before(converter("labels", ROWS), to_message(tensors))


@pytest.mark.parametrize(
    ("shape", "cause"),
    [
        ((None, 4), "has 4 scores a row, but .*names.txt names 3"),
        ((4,), "has 4 scores a row"),
        ((None, 4, 1, 1), "has 4 scores a row"),
        (
            (None, 3, 8, 8),
            r"has shape \[-1, 3, 8, 8\]: labels are for one score of each label a row",
        ),
        ((None, None, 3, 8), "not for the scores of each pixel or token"),
        ((), "holds no scores"),
    ],
)
def test_outputs_that_labels_do_not_fit_are_refused_at_the_start(
    tmp_path: Path, shape: tuple[int | None, ...], cause: str
) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\nbird\n")
    outputs = (TensorSpec("scores", "float32", shape),)
    found = signature(TensorSpec("x", "float32", (None, 2)), outputs=outputs)
    with pytest.raises(ModelError, match=cause):
        converter("labels", found, labels=str(tmp_path / "names.txt"))


@pytest.mark.parametrize("shape", [(None, 3), (None, 3, 1, 1), (3,), (None, None), (1, 3), None])
def test_outputs_that_labels_may_fit_are_taken(
    tmp_path: Path, shape: tuple[int | None, ...] | None
) -> None:
    (tmp_path / "names.txt").write_text("cat\ndog\nbird\n")
    outputs = (TensorSpec("scores", "float32", shape),)
    found = signature(TensorSpec("x", "float32", (None, 2)), outputs=outputs)
    converter("labels", found, labels=str(tmp_path / "names.txt"))


def test_scores_of_pixels_are_not_flattened() -> None:
    made = converter("labels", ROWS, top_k=1)
    with pytest.raises(ModelError, match=r"has shape \[1, 3, 2\]"):
        after(made, scores=np.zeros((1, 3, 2), np.float32))
