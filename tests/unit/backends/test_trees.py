"""The backends of scikit-learn, XGBoost and LightGBM."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from grps.backends.backend import TensorSpec
from grps.backends.formats import recognise
from grps.errors import DeviceError, InputError, ModelError
from tests.unit.backends.models import Load

ROWS, CLASSES = load_iris(return_X_y=True)
TRUSTED = {"trusted": True}


def save_pickle(path: Path, model: Any) -> Path:
    joblib.dump(model, path)
    return path


def answers(backend: Any, rows: np.ndarray) -> dict[str, np.ndarray]:
    return dict(backend.infer([np.ascontiguousarray(rows)]))


@pytest.mark.parametrize("how", ["joblib", "compressed", "pickle"])
def test_a_classifier_answers_as_the_engine(load: Load, tmp_path: Path, how: str) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, CLASSES)
    path = tmp_path / "model.joblib"
    if how == "pickle":
        path = tmp_path / "model.dat"
        path.write_bytes(pickle.dumps(model))
    else:
        joblib.dump(model, path, compress=3 if how == "compressed" else 0)
    assert recognise(path) == "sklearn"
    backend = load(path, "sklearn", inferer_args=TRUSTED)
    spec = TensorSpec("input", "float64", (None, 4), example=(1, 4), values=(1.0,) * 4)
    assert backend.signature.inputs == (spec,)
    assert backend.signature.outputs == (
        TensorSpec("label", "int64", (None,)),
        TensorSpec("probabilities", "float64", (None, 3), columns=("0", "1", "2")),
    )
    found = answers(backend, ROWS)
    np.testing.assert_array_equal(found["label"], model.predict(ROWS))
    np.testing.assert_array_equal(found["probabilities"], model.predict_proba(ROWS))


def test_labels_may_be_text_and_rows_lists_of_text(load: Load, tmp_path: Path) -> None:
    names = np.array(["setosa", "versicolor", "virginica"])[CLASSES]
    forest = RandomForestClassifier(5, random_state=1).fit(ROWS, names)
    found = load(save_pickle(tmp_path / "a.joblib", forest), "sklearn", inferer_args=TRUSTED)
    assert found.signature.outputs[0] == TensorSpec("label", "string", (None,))
    assert answers(found, ROWS)["label"].tolist() == forest.predict(ROWS).tolist()
    words = make_pipeline(CountVectorizer(), LogisticRegression())
    texts = np.array(["good film", "bad film", "good", "bad"], dtype=object)
    words.fit(texts, [1, 0, 1, 0])
    found = load(save_pickle(tmp_path / "b.joblib", words), "sklearn", inferer_args=TRUSTED)
    spec = TensorSpec("input", "string", (None,), example=(1,), values=("text",))
    assert found.signature.inputs == (spec,)
    assert answers(found, texts)["label"].tolist() == [1, 0, 1, 0]


def test_regressors_clusters_and_transformers(load: Load, tmp_path: Path) -> None:
    rows, values = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(5, random_state=1).fit(rows, values)
    path = save_pickle(tmp_path / "a.joblib", forest)
    found = answers(load(path, "sklearn", inferer_args=TRUSTED), rows)
    assert list(found) == ["prediction"]
    np.testing.assert_array_equal(found["prediction"], forest.predict(rows))
    clusters = KMeans(2, n_init=1, random_state=1).fit(rows)
    path = save_pickle(tmp_path / "b.joblib", clusters)
    arguments = {**TRUSTED, "methods": "predict,transform"}
    found = answers(load(path, "sklearn", inferer_args=arguments), rows)
    np.testing.assert_array_equal(found["prediction"], clusters.predict(rows))
    np.testing.assert_array_equal(found["output"], clusters.transform(rows))
    scaler = StandardScaler().fit(rows)
    path = save_pickle(tmp_path / "c.joblib", scaler)
    found = answers(load(path, "sklearn", inferer_args=TRUSTED), rows)
    np.testing.assert_array_equal(found["output"], scaler.transform(rows))


def test_several_targets_and_sparse_results(load: Load, tmp_path: Path) -> None:
    both = np.c_[CLASSES, CLASSES > 0]
    model = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(ROWS, both)
    path = save_pickle(tmp_path / "a.joblib", model)
    found = answers(load(path, "sklearn", inferer_args=TRUSTED), ROWS)
    assert list(found) == ["label", "probabilities_0", "probabilities_1"]
    for index, table in enumerate(model.predict_proba(ROWS)):
        np.testing.assert_array_equal(found[f"probabilities_{index}"], table)
    kinds = OneHotEncoder().fit(CLASSES[:, None])
    path = save_pickle(tmp_path / "b.joblib", kinds)
    found = answers(load(path, "sklearn", inferer_args=TRUSTED), CLASSES[:, None].astype(float))
    np.testing.assert_array_equal(found["output"], np.eye(3)[CLASSES])


def test_a_pickle_is_not_touched_unless_it_is_trusted(load: Load, tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "model.pkl"

    class Runs:
        def __reduce__(self) -> Any:
            return (Path.touch, (marker,))

    path.write_bytes(pickle.dumps(Runs()))
    for arguments in (None, {"trusted": False}):
        with pytest.raises(ModelError, match=r"runs whatever code it holds.*trusted: true"):
            load(path, "sklearn", inferer_args=arguments)
        assert not marker.exists()
    with pytest.raises(ModelError, match="has neither predict nor transform"):
        load(path, "sklearn", inferer_args=TRUSTED)
    assert marker.exists()


def test_causes_of_bad_pickles_are_told(load: Load, tmp_path: Path) -> None:
    def cause(model: Any, **arguments: Any) -> str:
        path = tmp_path / "model.pkl"
        path.write_bytes(model if isinstance(model, bytes) else pickle.dumps(model))
        with pytest.raises(ModelError) as refused:
            load(path, "sklearn", inferer_args={**TRUSTED, **arguments})
        assert "\n" not in str(refused.value)
        return str(refused.value)

    fitted = LogisticRegression(max_iter=1000).fit(ROWS, CLASSES)
    assert "can't be unpickled with scikit-learn" in cause(pickle.dumps(fitted)[:200])
    assert "LogisticRegression has no method score_all" in cause(fitted, methods="score_all")
    absent = pickle.dumps(fitted).replace(b"sklearn.linear_model._logistic", b"no_such_module" * 2)
    assert "can't be unpickled" in cause(absent) or "needs the module" in cause(absent)


def test_another_versions_warning_reaches_the_log(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = LogisticRegression(max_iter=1000).fit(ROWS, CLASSES)
    state = dict(model.__getstate__(), _sklearn_version="0.1")
    monkeypatch.setattr(LogisticRegression, "__getstate__", lambda self: state)
    path = save_pickle(tmp_path / "model.joblib", model)
    monkeypatch.undo()
    load(path, "sklearn", inferer_args=TRUSTED)
    assert "from version 0.1" in caplog.text


def test_input_that_an_estimator_refuses_is_the_clients_fault(load: Load, tmp_path: Path) -> None:
    path = save_pickle(tmp_path / "a.joblib", LogisticRegression(max_iter=1000).fit(ROWS, CLASSES))
    backend = load(path, "sklearn", inferer_args=TRUSTED)
    with pytest.raises(InputError, match="NaN"):
        answers(backend, np.full((1, 4), np.nan))


def train_xgboost(**settings: Any) -> xgboost.Booster:
    settings = {"max_depth": 3, "nthread": 1, **settings}
    return xgboost.train(settings, xgboost.DMatrix(ROWS, CLASSES), 8)


@pytest.mark.parametrize("suffix", [".ubj", ".json"])
def test_xgboost_answers_as_the_engine(load: Load, tmp_path: Path, suffix: str) -> None:
    booster = train_xgboost(objective="multi:softprob", num_class=3)
    path = tmp_path / f"model{suffix}"
    booster.save_model(path)
    assert recognise(path) == "xgboost"
    backend = load(path, "xgboost", inferer_args={"intra_op_threads": 1})
    assert backend.signature.inputs == (TensorSpec("input", "float32", (None, 4)),)
    assert backend.signature.outputs == (TensorSpec("output", "float32", (None, 3)),)
    rows = ROWS.astype(np.float32)
    found = answers(backend, rows)["output"]
    np.testing.assert_array_equal(found, booster.predict(xgboost.DMatrix(rows)))


def test_xgboosts_arguments(load: Load, tmp_path: Path) -> None:
    booster = train_xgboost(objective="reg:squarederror")
    booster.save_model(path := tmp_path / "model.ubj")
    matrix, rows = xgboost.DMatrix(ROWS), ROWS.astype(np.float32)
    backend = load(path, "xgboost", inferer_args={"output_margin": True, "iteration_range": [0, 2]})
    expected = booster.predict(matrix, output_margin=True, iteration_range=(0, 2))
    np.testing.assert_array_equal(answers(backend, rows)["output"], expected)
    booster.set_attr(best_iteration="2")
    booster.save_model(path)
    expected = booster.predict(matrix, iteration_range=(0, 3))
    np.testing.assert_array_equal(answers(load(path, "xgboost"), rows)["output"], expected)
    missing = rows.copy()
    missing[0, 1] = np.nan
    expected = booster.predict(xgboost.DMatrix(missing), iteration_range=(0, 3))
    np.testing.assert_array_equal(answers(load(path, "xgboost"), missing)["output"], expected)


@pytest.mark.parametrize("kind", ["gbtree", "dart", "gblinear"])
def test_every_kind_of_booster(load: Load, tmp_path: Path, kind: str) -> None:
    settings = {"booster": kind, "objective": "reg:squarederror", "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(ROWS, CLASSES), 4)
    booster.save_model(path := tmp_path / "model.ubj")
    rows = ROWS.astype(np.float32)
    own = xgboost.Booster(model_file=path)
    expected = own.predict(xgboost.DMatrix(rows))
    backend = load(path, "xgboost")
    assert backend.signature.outputs == (TensorSpec("output", "float32", (None,)),)
    # DART adds its trees up in another order when rows are predicted where they are.
    tolerance = 2e-7 if kind == "dart" else 0
    found = answers(backend, rows)["output"]
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    if kind == "dart":
        np.testing.assert_array_equal(found, own.inplace_predict(rows))


@pytest.mark.parametrize("objective", ["multiclass", "binary", "regression"])
def test_lightgbm_answers_as_the_engine(load: Load, tmp_path: Path, objective: str) -> None:
    rows, values = (
        (ROWS, CLASSES) if objective == "multiclass" else load_breast_cancer(return_X_y=True)
    )
    settings = {"objective": objective, "verbose": -1, "num_threads": 1}
    settings |= {"num_class": 3} if objective == "multiclass" else {}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, values), 8)
    path = tmp_path / "model.txt"
    booster.save_model(path)
    assert recognise(path) == "lightgbm"
    backend = load(path, "lightgbm", inferer_args={"intra_op_threads": 1})
    assert backend.signature.inputs == (TensorSpec("input", "float64", (None, rows.shape[1])),)
    found = answers(backend, rows)["output"]
    np.testing.assert_array_equal(found, booster.predict(rows))
    shape = (None, 3) if objective == "multiclass" else (None,)
    assert backend.signature.outputs == (TensorSpec("output", "float64", shape),)
    raw = load(path, "lightgbm", inferer_args={"raw_score": True, "num_iteration": 2})
    expected = booster.predict(rows, raw_score=True, num_iteration=2)
    np.testing.assert_array_equal(answers(raw, rows)["output"], expected)


@pytest.mark.parametrize(
    ("engine", "name", "content"),
    [
        ("xgboost", "model.json", b'{"learner": {}}'),
        ("xgboost", "model.ubj", b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner"),
        ("lightgbm", "model.txt", b"tree\nversion=v4\nnum_class=1\n"),
    ],
)
def test_damaged_files_are_one_line(
    load: Load, tmp_path: Path, engine: str, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name) as refused:
        load(tmp_path / name, engine)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("engine", ["sklearn", "lightgbm", "xgboost"])
def test_the_cpu_alone(load: Load, tmp_path: Path, engine: str) -> None:
    with pytest.raises(DeviceError, match=r"device cuda:0: .*use device: cpu"):
        load(tmp_path / "absent", engine, device="cuda")
    with pytest.raises(DeviceError, match="device npu:0: "):
        load(tmp_path / "absent", engine, device="npu")
