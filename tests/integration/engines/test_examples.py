"""Each model that is ready takes the request that is printed for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
import pytest
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from grps.cli.output.example import Asked, example_of
from tests.onnx_models import save_graph, save_node
from tests.support import RunningServer, serving, write_project

TABLE = np.array([["red", 1.0], ["blue", 2.0], ["red", 3.0], ["green", 4.0]] * 9, dtype=object)
FRAME = pandas.DataFrame({"color": TABLE[:, 0], "size": TABLE[:, 1].astype(float)})
KINDS = [0, 1, 0, 1] * 9
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def pipeline(color: Any, size: Any) -> Any:
    parts = [("c", OneHotEncoder(), [color]), ("n", StandardScaler(), [size])]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression())


def save_models(folder: Path) -> None:
    joblib.dump(pipeline(0, 1).fit(TABLE, KINDS), folder / "table.joblib")
    joblib.dump(pipeline("color", "size").fit(FRAME, KINDS), folder / "columns.joblib")
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad"], [0, 1])
    joblib.dump(texts, folder / "texts.joblib")
    value = helper.make_tensor("value", FLOAT, [2], [1, 2])
    constant = helper.make_node("Constant", [], ["y"], value=value)
    save_graph(folder / "nothing.onnx", [constant], [], [("y", FLOAT, [2])])
    weights = helper.make_tensor("value", FLOAT, [1, 4], [1, 2, 3, 4])
    nodes = [
        helper.make_node("Constant", [], ["table"], value=weights),
        helper.make_node("Gather", ["table", "index"], ["y"]),
    ]
    index = [("index", INT64, ["n"])]
    save_graph(folder / "one-row.onnx", nodes, index, [("y", FLOAT, ["n", 4])])
    save_node(folder / "strings.onnx", "Identity", [("x", STRING, ["n"])], [("y", STRING, ["n"])])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("examples")
    save_models(folder)
    models = [
        {
            "name": file.stem,
            "version": "1",
            "device": "cpu",
            "inferer_type": "sklearn" if file.suffix == ".joblib" else "onnxruntime",
            "inferer_path": str(file),
            "inferer_args": {"trusted": True} if file.suffix == ".joblib" else {},
        }
        for file in sorted(folder.iterdir())
    ]
    with serving(write_project(folder, models)) as running:
        yield running


NAMES = ("table", "columns", "texts", "nothing", "one-row", "strings")


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_request_passes(server: RunningServer, name: str) -> None:
    found = example_of("127.0.0.1", server.ports[0], Asked(f"{name}-1"))
    assert found.exact
    line = found.line.replace("infer/predict", f"infer/predict?model={name}")
    ran = subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    assert json.loads(ran.stdout)["status"]["code"] == 200


def tensor(name: str, dtype: str, values: list[Any], shape: list[int]) -> dict[str, Any]:
    return {"name": name, "dtype": f"DT_{dtype}", "shape": shape, f"flat_{dtype.lower()}": values}


@pytest.mark.parametrize(
    ("model", "tensors"),
    [
        ("table", [tensor("input", "STRING", ["red", "1.0"], [1, 2])]),
        ("columns", [tensor("", "STRING", ["red", "1.0"], [1, 2])]),
        ("columns", [tensor("table", "STRING", ["red", "1.0"], [1, 2])]),
        (
            "columns",
            [tensor("size", "FLOAT32", [1.0], [1, 1]), tensor("color", "STRING", ["red"], [1])],
        ),
        (
            "columns",
            [tensor("color", "STRING", ["red"], [1]), tensor("size", "INT64", [1], [1])],
        ),
    ],
)
def test_columns_come_as_a_table_or_by_name(
    server: RunningServer, model: str, tensors: list[Any]
) -> None:
    answer = server.post({"model": model, "gtensors": {"tensors": tensors}}).json()
    label, scores = answer["gtensors"]["tensors"]
    assert (label["flat_int64"], len(scores["flat_float64"])) == (["0"], 2)


@pytest.mark.parametrize(
    ("model", "tensors", "cause"),
    [
        ("columns", [tensor("color", "STRING", ["red"], [1])], "the model takes the columns"),
        ("columns", [tensor("colour", "STRING", ["red"], [1])] * 2, "given twice|size takes"),
        ("table", [tensor("input", "STRING", ["red", "x"], [1, 2])], "takes numbers, got 'x'"),
        ("nothing", [tensor("", "FLOAT32", [1.0], [1])], "the model takes no input"),
        ("one-row", [tensor("", "INT64", [1], [1])], "out of data bounds"),
    ],
)
def test_what_does_not_fit_is_the_clients_fault(
    server: RunningServer, model: str, tensors: list[Any], cause: str
) -> None:
    answer = server.post({"model": model, "gtensors": {"tensors": tensors}})
    assert answer.status_code == 400, answer.text
    message = answer.json()["status"]["msg"]
    assert any(part in message for part in cause.split("|")), message
