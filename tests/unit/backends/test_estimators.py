"""What estimators of scikit-learn take: numbers, text, both in one table, and columns by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)

from grps.backends.backend import Backend
from grps.converters.labels import LabelArguments, LabelWriter
from grps.errors import InputError, ModelError
from grps.protocol.arrays import to_arrays
from tests.unit.backends.models import Load

TABLE = np.array(
    [["red", 1.0, "a"], ["blue", 2.0, "b"], ["red", 3.0, "b"], ["green", 4.0, "a"]] * 9,
    dtype=object,
)
NUMBERS = np.arange(1.0, 109.0).reshape(36, 3)
TEXTS = np.array(["good film", "bad film", "ok", "bad"] * 9, dtype=object)
KINDS = [0, 1, 0, 1] * 9
FRAME = pandas.DataFrame(
    {"color": TABLE[:, 0], "size": TABLE[:, 1].astype(float), "mark": TABLE[:, 2], "n": range(36)}
)


def columns() -> ColumnTransformer:
    return ColumnTransformer([("c", OneHotEncoder(), [0, 2]), ("n", StandardScaler(), [1])])


def strings(*values: Any) -> np.ndarray:
    return np.array(values, dtype=object)


@pytest.fixture
def serve(load: Load, tmp_path: Path) -> Any:
    """Load an estimator as it is served."""

    def load_estimator(estimator: Any, **arguments: Any) -> Backend:
        joblib.dump(estimator, tmp_path / "model.joblib")
        arguments = {"trusted": True, **arguments}
        return load(tmp_path / "model.joblib", "sklearn", inferer_args=arguments)

    return load_estimator


def only_input(backend: Backend) -> tuple[Any, ...]:
    (spec,) = backend.signature.inputs
    return spec.dtype, spec.shape, spec.values


TABLES = {
    "one-hot": make_pipeline(columns(), LogisticRegression()),
    "imputed": make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), [0, 2]),
            remainder="passthrough",
        ),
        RandomForestClassifier(3),
    ),
    "slices and masks": make_pipeline(
        ColumnTransformer(
            [("c", OneHotEncoder(), slice(0, 1)), ("m", OneHotEncoder(), [False, False, True])],
            remainder=StandardScaler(),
        ),
        LogisticRegression(),
    ),
    "searched": GridSearchCV(
        make_pipeline(columns(), LogisticRegression()), {"logisticregression__C": [1, 2]}, cv=2
    ),
    "calibrated": CalibratedClassifierCV(make_pipeline(columns(), LogisticRegression()), cv=2),
    "voting": VotingClassifier([("a", make_pipeline(columns(), LogisticRegression()))]),
}


@pytest.mark.parametrize("name", TABLES)
def test_text_and_numbers_come_in_one_table_of_strings(serve: Any, name: str) -> None:
    fitted = TABLES[name].fit(TABLE, KINDS)
    backend = serve(fitted)
    assert only_input(backend) == ("string", (None, 3), ("blue", "1.0", "a"))
    table = strings(["red", "1.0", "b"], ["green", "4", "a"])
    known = strings(["red", 1.0, "b"], ["green", 4.0, "a"])
    assert dict(backend.infer([table]))["label"].tolist() == fitted.predict(known).tolist()


def test_requests_that_do_not_fit_a_table_say_which_column(serve: Any) -> None:
    backend = serve(make_pipeline(columns(), LogisticRegression()).fit(TABLE, KINDS))
    with pytest.raises(InputError, match="column 1 takes numbers, got 'x'"):
        backend.infer([strings(["red", "x", "b"])])
    with pytest.raises(InputError, match=r"unknown categories \['pink'\] in column 0"):
        backend.infer([strings(["pink", "1", "b"])])
    with pytest.raises(InputError, match="takes text, got bytes"):
        backend.infer([strings([b"\xff", b"1", b"b"])])


@pytest.mark.parametrize(
    ("estimator", "rows", "expected"),
    [
        (make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, ("string", ("text",))),
        (
            make_pipeline(make_union(TfidfVectorizer(), CountVectorizer()), LogisticRegression()),
            TEXTS,
            ("string", ("text",)),
        ),
        (LabelEncoder(), strings("x", "z"), ("string", ("x",))),
        (LabelEncoder(), np.array([5, 7]), ("float64", (5.0,))),
        (IsotonicRegression(), NUMBERS[:, 0], ("float64", (1.0,))),
    ],
)
def test_lists_of_text_and_of_numbers(
    serve: Any, estimator: Any, rows: np.ndarray, expected: tuple[Any, ...]
) -> None:
    fitted = estimator.fit(rows) if isinstance(estimator, LabelEncoder) else None
    backend = serve(fitted or estimator.fit(rows, KINDS))
    assert only_input(backend) == (expected[0], (None,), expected[1])
    backend.infer([np.array(expected[1], dtype=object if expected[0] == "string" else None)])


@pytest.mark.parametrize(
    ("estimator", "rows", "value"),
    [
        (make_pipeline(FunctionTransformer(np.log), LogisticRegression()), NUMBERS, 1.0),
        (make_pipeline(PowerTransformer("box-cox"), LogisticRegression()), NUMBERS, 1.0),
        (make_pipeline(OneHotEncoder(), LogisticRegression()), NUMBERS % 2 + 5, 5.0),
    ],
)
def test_numbers_that_an_estimator_takes_are_found(
    serve: Any, estimator: Any, rows: np.ndarray, value: float
) -> None:
    dtype, shape, values = only_input(serve(estimator.fit(rows, KINDS)))
    assert (dtype, shape, values[0]) == ("float64", (None, 3), value)


def named_columns() -> Any:
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
            (StandardScaler(), ["size"]),
        ),
        LogisticRegression(),
    )


def test_columns_with_names_come_by_name(serve: Any) -> None:
    fitted = named_columns().fit(FRAME, KINDS)
    backend = serve(fitted)
    signature = backend.signature
    assert [(spec.name, spec.dtype, spec.values) for spec in signature.inputs] == [
        ("color", "string", ("blue",)),
        ("size", "float64", (1.0,)),
        ("mark", "string", ("a",)),
        ("n", "string", ("1.0",)),
    ]
    expected = fitted.predict_proba(FRAME[:3])
    by_name = [FRAME[name][:3].to_numpy() for name in FRAME]
    by_name[1] = by_name[1].reshape(3, 1)
    table = FRAME[:3].astype(str).to_numpy(dtype=object)
    for request in (by_name, [table]):
        np.testing.assert_allclose(dict(backend.infer(request))["probabilities"], expected)
    assert signature.as_table


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        ([strings("red")], "the model takes the columns color, size, mark, n"),
        ([strings("red"), np.ones(1)], "columns are missing: mark, n"),
        ([np.ones((1, 4))], "color takes text, got numbers"),
        ([strings("red"), np.ones(2), strings("a"), np.ones(1)], "column size has shape"),
        ([strings("red"), strings("x"), strings("a"), np.ones(1)], "size takes numbers, got 'x'"),
    ],
)
def test_columns_that_do_not_fit_are_named(serve: Any, request_: list[Any], cause: str) -> None:
    backend = serve(named_columns().fit(FRAME, KINDS))
    with pytest.raises(InputError, match=cause):
        backend.infer(request_)


def test_named_columns_need_pandas(tmp_path: Path) -> None:
    joblib.dump(named_columns().fit(FRAME, KINDS), tmp_path / "model.joblib")
    code = (
        "import sys; sys.modules['pandas'] = None\n"
        "from grps.cli.main import main\n"
        f"sys.argv = ['grpst', 'inspect', '{tmp_path}/model.joblib', '--trusted']\n"
        "sys.exit(main())"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "pandas is not installed; run: pip install 'grpst[sklearn]'" in ran.stderr


def test_a_table_of_numbers_keeps_the_names_of_its_columns(serve: Any) -> None:
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(FRAME[["size", "n"]], KINDS)
    backend = serve(fitted)
    assert only_input(backend) == ("float64", (None, 2), (1.0, 1.0))
    rows = np.array([[1.0, 2.0]])
    expected = fitted.predict(pandas.DataFrame(rows, columns=["size", "n"]))
    np.testing.assert_array_equal(dict(backend.infer([rows]))["prediction"], expected)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        make_pipeline(columns(), Ridge()),
        RandomForestClassifier(),
    ],
)
def test_an_estimator_that_was_not_fitted_is_refused(serve: Any, estimator: Any) -> None:
    with pytest.raises(ModelError, match=r"model.joblib: .* not fitted yet.* Save it after fit"):
        serve(estimator)


def negative_only(rows: Any) -> Any:
    if not (np.asarray(rows, dtype=float) < 0).all():
        raise ValueError("these are not negative")
    return rows


def test_what_no_tried_request_fits_is_refused_unless_it_is_declared(serve: Any) -> None:
    odd = make_pipeline(FunctionTransformer(negative_only), Ridge()).fit(-NUMBERS, KINDS)
    with pytest.raises(ModelError, match=r"not negative.*inferer_args: inputs, such as input:"):
        serve(odd)
    backend = serve(odd, inputs={"input": "float64[-1, 3]"})
    assert only_input(backend) == ("float64", (None, 3), None)
    assert dict(backend.infer([-NUMBERS[:2]]))["prediction"].shape == (2,)
    table = make_pipeline(columns(), LogisticRegression()).fit(TABLE, KINDS)
    declared = serve(table, inputs={"input": "string[-1, 3]"})
    assert dict(declared.infer([strings(["red", "1", "a"])]))["label"].shape == (1,)


@pytest.mark.parametrize(
    ("kinds", "columns"),
    [
        (["yes", "no"] * 18, {"probabilities": ("no", "yes")}),
        ([3, 1, 2] * 12, {"probabilities": ("1", "2", "3")}),
        (
            np.array([["a", "x"], ["b", "y"], ["a", "z"]] * 12),
            {"probabilities_0": ("a", "b"), "probabilities_1": ("x", "y", "z")},
        ),
    ],
)
def test_scores_name_their_classes(serve: Any, kinds: Any, columns: dict[str, Any]) -> None:
    outputs = serve(RandomForestClassifier(2).fit(NUMBERS, kinds)).signature.outputs
    assert {spec.name: spec.columns for spec in outputs if spec.columns} == columns


def test_the_labels_converter_uses_the_classes(serve: Any) -> None:
    kinds = ["low"] * 18 + ["top"] * 18
    backend = serve(RandomForestClassifier(2).fit(NUMBERS, kinds))
    writer = LabelWriter(LabelArguments(top_k=1), backend.signature)
    found = dict(to_arrays(writer.write(dict(backend.infer([NUMBERS[[0, -1]]])))))
    assert found["label"].tolist() == [["low"], ["top"]]


NUMBER_FRAME = pandas.DataFrame(
    {"member": [True, False, True, True] * 9, "size": [1.5, 2, 3, 0] * 9, "n": range(36)}
)


def test_columns_of_numbers_come_by_name_or_in_one_table(serve: Any) -> None:
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBER_FRAME, KINDS)
    expected = fitted.predict_proba(NUMBER_FRAME[:2])
    table = NUMBER_FRAME[:2].to_numpy(float)
    by_name = [strings("True", "false"), np.array([1.5, 2], np.float32), np.arange(2)]
    backend = serve(fitted, columns="named")
    assert [spec.name for spec in backend.signature.inputs] == ["member", "size", "n"]
    for request in (by_name, [table], [table.astype(str).astype(object)]):
        found = dict(backend.infer(request))["probabilities"]
        np.testing.assert_array_equal(found, expected)
    backend = serve(fitted)
    assert only_input(backend) == ("float64", (None, 3), (1.0, 1.0, 1.0))
    assert backend.signature.inputs[0].columns == ("member", "size", "n")
    np.testing.assert_array_equal(dict(backend.infer([table]))["probabilities"], expected)


def test_columns_of_text_come_in_one_table_on_request(serve: Any) -> None:
    backend = serve(named_columns().fit(FRAME, KINDS), columns="table")
    assert [spec.name for spec in backend.signature.inputs] == ["input"]
    assert backend.infer([strings(["red", "1", "a", "2"])])


def test_columns_without_names_can_not_come_by_name(serve: Any) -> None:
    with pytest.raises(ModelError, match="inferer_args: columns: named is for estimators"):
        serve(Ridge().fit(NUMBERS, KINDS), columns="named")


MISSING = pandas.DataFrame(
    {
        "color": ["red", "blue", None] * 12,
        "member": pandas.Series([True, False, None] * 12, dtype=object),
        "level": pandas.Series([1, 2, None] * 12, dtype=object),
        "size": [1.0, 2.0, np.nan] * 12,
    }
)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OrdinalEncoder(encoded_missing_value=-1),
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), ["color"]),
            (OneHotEncoder(), ["member", "level"]),
            (SimpleImputer(), ["size"]),
        ),
    ],
)
def test_truth_values_and_missing_values(serve: Any, encoder: Any) -> None:
    fitted = make_pipeline(encoder, LogisticRegression()).fit(MISSING, KINDS)
    expected = fitted.predict_proba(MISSING[:3])
    backend = serve(fitted)
    color, numbers = strings("red", "blue", ""), np.array([1, 2, np.nan])
    for request in (
        [color, strings("True", "false", ""), strings("1", "2", ""), strings("1", "2", "null")],
        [color, np.array([1, 0, np.nan], np.float32), numbers, numbers],
        [strings(["red", "TRUE", "1", "1"], ["blue", "False", "2", "2"], ["", "", "", "None"])],
    ):
        found = dict(backend.infer(request))["probabilities"]
        np.testing.assert_array_equal(found, expected)


def test_an_empty_text_that_is_a_category_is_no_missing_value(serve: Any) -> None:
    table = np.array([["", "a"], ["x", "b"]] * 18, dtype=object)
    fitted = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(table, KINDS)
    found = dict(serve(fitted).infer([table[:2]]))["probabilities"]
    np.testing.assert_array_equal(found, fitted.predict_proba(table[:2]))
