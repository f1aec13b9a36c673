"""Estimators of scikit-learn, and whatever else is pickled and has its methods."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import joblib
import msgspec
import numpy as np
import sklearn

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import as_list, read_arguments
from grps.backends.common.causes import one_line
from grps.backends.common.device import parse_device, require_cpu
from grps.backends.common.learned_outputs import learn_outputs
from grps.backends.common.wire import wire_array
from grps.backends.formats import expect_format
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.log import logger

_NAMES = {
    "predict": "prediction",
    "predict_proba": "probabilities",
    "transform": "output",
}
"""What the outputs of an estimator's methods are called; a classifier's prediction is a label."""
_DEFAULTS = (("predict", "predict_proba"), ("transform",))
"""Methods that are called unless the user says which: the first of these that there are."""


class SklearnArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a pickled estimator."""

    trusted: bool = False
    """That the file comes from a source you trust: loading it runs whatever code it holds."""
    methods: str | tuple[str, ...] = ()
    """Methods whose results are the outputs; ``predict`` and, if there is, ``predict_proba``."""
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads of estimators that know ``n_jobs``; those that the file says when absent."""


class SklearnBackend:
    """One estimator."""

    def __init__(self, estimator: Any, methods: Sequence[str]) -> None:
        """Serve the ``methods`` of ``estimator``."""
        self._calls: list[tuple[str, Callable[[Any], Any]]] = [
            (_name_of(name, estimator), getattr(estimator, name)) for name in methods
        ]
        self._columns = _columns_of(estimator)
        features = getattr(estimator, "n_features_in_", None)
        columns = features if isinstance(features, int) else None
        # A model that has no fixed number of features, such as one of texts, takes them in a row.
        shape = (None, columns) if columns is not None else None
        inputs = (TensorSpec("input", "float64" if columns is not None else None, shape),)
        outputs = learn_outputs(inputs, self.infer) or tuple(
            TensorSpec(name) for name, _ in self._calls
        )
        self._signature = Signature(inputs, outputs, strict_names=True, device="cpu")

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the estimator's methods on the rows; see ``Backend.infer``."""
        try:
            rows = self._columns(inputs[0])
            return [found for name, call in self._calls for found in _arrays(name, call(rows))]
        except ModelError:
            raise
        except ValueError as error:
            raise InputError(one_line(str(error))) from error
        except Exception as error:
            raise ModelError(f"{type(error).__name__}: {one_line(str(error))}") from error


def load(model: ModelConfig) -> SklearnBackend:
    """Load one copy of ``model`` from a file that pickle or joblib wrote.

    Raises:
        DeviceError: The device is not the CPU.
        ModelError: The file is not trusted, no such file, or holds no fitted estimator.
    """
    arguments = read_arguments(SklearnArguments, model.inferer_args)
    require_cpu(parse_device(model.device, model.inp_device), "scikit-learn")
    path = Path(model.inferer_path or "")
    expect_format(path, "sklearn")
    if not arguments.trusted:
        raise ModelError(
            f"{path}: a Python pickle, which runs whatever code it holds as it is loaded; if you "
            "trust where it comes from, set inferer_args: trusted: true (--trusted)"
        )
    estimator = _unpickle(path)
    methods = as_list(arguments.methods) or _default_methods(estimator)
    for name in methods:
        if not callable(getattr(estimator, name, None)):
            raise ModelError(f"{path}: {type(estimator).__name__} has no method {name}")
    if not methods:
        raise ModelError(
            f"{path}: {type(estimator).__module__}.{type(estimator).__name__} has neither predict "
            "nor transform; save a fitted estimator or pipeline"
        )
    if arguments.intra_op_threads and "n_jobs" in getattr(estimator, "__dict__", {}):
        estimator.n_jobs = arguments.intra_op_threads
    return SklearnBackend(estimator, methods)


def _unpickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator = joblib.load(path)
    except ModuleNotFoundError as error:
        raise ModelError(f"{path}: it needs the module {error.name}; install that") from error
    except Exception as error:
        raise ModelError(
            f"{path}: can't be unpickled with scikit-learn {sklearn.__version__}: "
            f"{type(error).__name__}: {one_line(str(error))}"
        ) from error
    for warning in caught:
        logger.warning("%s: %s", path, one_line(str(warning.message)))
    return estimator


def _name_of(method: str, estimator: Any) -> str:
    if method == "predict" and hasattr(estimator, "classes_"):
        return "label"
    return _NAMES.get(method, method)


def _default_methods(estimator: Any) -> list[str]:
    for names in _DEFAULTS:
        # Some methods are there only with certain settings: a lookup shows it.
        found = [name for name in names if callable(getattr(estimator, name, None))]
        if found:
            return found
    return []


def _columns_of(estimator: Any) -> Callable[[np.ndarray], Any]:
    """Return what makes the estimator's input of an array.

    One that was fitted on a table with names is given such a table, if pandas is there.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return _plain
    try:
        import pandas
    except ImportError:
        logger.info("pandas is not installed: the model gets its columns by position")
        return _plain
    columns = [str(name) for name in names]

    def table(array: np.ndarray) -> Any:
        return pandas.DataFrame(array, columns=columns, copy=False)

    return table


def _plain(array: np.ndarray) -> Any:
    return array


def _arrays(name: str, value: Any) -> list[tuple[str, np.ndarray]]:
    """Return the result of a method; one of several targets is a list with a table for each."""
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return [(f"{name}_{index}", _array(name, table)) for index, table in enumerate(value)]
    return [(name, _array(name, value))]


def _array(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "toarray"):
        value = value.toarray()
    array = wire_array(value)
    if array.dtype.kind not in "iufO":
        raise ModelError(f"output {name} is of type {array.dtype}, which the wire can't carry")
    return array
