"""Estimators of scikit-learn, and whatever else is pickled and has its methods."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import joblib
import msgspec
import numpy as np
import sklearn
from sklearn.exceptions import NotFittedError

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import as_list, read_arguments
from grps.backends.common.arrays import wire_array
from grps.backends.common.causes import one_line
from grps.backends.common.declared_inputs import declare_inputs
from grps.backends.common.device import parse_device, require_cpu
from grps.backends.common.learned_outputs import learn_outputs, outputs_of
from grps.backends.formats import expect_format
from grps.backends.sklearn.forms import ColumnsAs, Form, declared_form, forms_of, import_pandas
from grps.config.schema import ModelConfig
from grps.errors import GrpsError, InputError, MissingExtraError, ModelError
from grps.log import logger

_NAMES = {
    "predict": "prediction",
    "predict_proba": "probabilities",
    "transform": "output",
}
"""What the outputs of an estimator's methods are called; a classifier's prediction is a label."""
_SCORES = ("probabilities", "predict_log_proba", "decision_function")
"""Outputs that may have a column for each class."""
_DEFAULTS = (("predict", "predict_proba"), ("transform",))
"""Methods that are called unless the user says which: the first of these that there are."""


class SklearnArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a pickled estimator."""

    trusted: bool = False
    """That the file comes from a source you trust: loading it runs whatever code it holds."""
    methods: str | tuple[str, ...] = ()
    """Methods whose results are the outputs; ``predict`` and, if there is, ``predict_proba``."""
    inputs: dict[str, str] = {}
    """Type and shape of ``input``, such as ``string[-1, 3]``, where the file does not show them."""
    columns: ColumnsAs = "auto"
    """How columns with names come: ``named``, as a tensor each or all in one; ``table``, all in one
    tensor; ``auto`` is ``named`` where some of them are text."""
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads of estimators that know ``n_jobs``; those that the file says when absent."""


class SklearnBackend:
    """One estimator."""

    def __init__(
        self,
        estimator: Any,
        methods: Sequence[str],
        inputs: Mapping[str, str] | None = None,
        columns: ColumnsAs = "auto",
    ) -> None:
        """Serve the ``methods`` of ``estimator``.

        Args:
            estimator: What was unpickled.
            methods: Those whose results are the outputs.
            inputs: What the user declares of ``input``.
            columns: How columns with names come.

        Raises:
            ModelError: No form of requests is found that the estimator takes.
        """
        self._calls: list[tuple[str, Callable[[Any], Any]]] = [
            (_name_of(name, estimator), getattr(estimator, name)) for name in methods
        ]
        self._form, outputs = self._choose(estimator, inputs or {}, columns)
        self._signature = Signature(
            self._form.inputs,
            tuple(_with_labels(spec, estimator) for spec in outputs)
            or tuple(TensorSpec(name) for name, _ in self._calls),
            strict_names=True,
            as_table=self._form.as_table,
            device="cpu",
        )

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the estimator's methods on the rows; see ``Backend.infer``."""
        return self._run(self._form, inputs)

    def _run(self, form: Form, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        try:
            rows = form.rows(inputs)
            return [found for name, call in self._calls for found in _arrays(name, call(rows))]
        except GrpsError:
            raise
        except NotFittedError as error:
            raise ModelError(one_line(str(error))) from error
        except ValueError as error:
            raise InputError(one_line(str(error))) from error
        except Exception as error:
            raise ModelError(f"{type(error).__name__}: {one_line(str(error))}") from error

    def _learn(self, form: Form) -> tuple[TensorSpec, ...]:
        """Return the outputs for a form of requests that the estimator takes."""
        ran = []
        for tensors in form.tried_with():
            for rows in (1, 2):
                ran.append(self._run(form, [np.repeat(one, rows, axis=0) for one in tensors]))
        return outputs_of(ran[-2], ran[-1]) if len(ran) == 2 else ()

    def _choose(
        self, estimator: Any, declared: Mapping[str, str], columns: ColumnsAs
    ) -> tuple[Form, tuple[TensorSpec, ...]]:
        """Return the first form of requests that the estimator takes, and what it returns."""
        if declared:
            plain = Signature((TensorSpec("input"),), (), strict_names=True)
            form = declared_form(estimator, declare_inputs(plain, declared).inputs[0])
            return form, learn_outputs(form.inputs, partial(self._run, form))
        causes: dict[str, str] = {}
        for form in forms_of(estimator, columns):
            try:
                return form, self._learn(form)
            except GrpsError as error:
                if isinstance(error.__cause__, NotFittedError):
                    raise ModelError(f"{error} Save it after fit().") from error
                causes.setdefault(_words(form), str(error))
        tried = "; ".join(f"{words}: {cause}" for words, cause in causes.items())
        if not hasattr(estimator, "get_params"):
            logger.warning("the model refused all examples of requests (%s)", tried)
            return Form((TensorSpec("input"),), lambda tensors: tensors[0]), ()
        if hasattr(estimator, "feature_names_in_") and import_pandas() is None:
            raise MissingExtraError("pandas", "sklearn")
        raise ModelError(
            f"the model takes none of the requests that were tried ({tried}); say what it takes "
            "in inferer_args: inputs, such as input: string[-1, 3]"
        )


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
    try:
        return SklearnBackend(estimator, methods, arguments.inputs, arguments.columns)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


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


def _with_labels(spec: TensorSpec, estimator: Any) -> TensorSpec:
    """Return an output with the labels of its columns, where it has a score for each class."""
    classes = getattr(estimator, "classes_", None)
    name, _, target = spec.name.rpartition("_")
    if isinstance(classes, list) and target.isdecimal() and int(target) < len(classes):
        classes = classes[int(target)]
    else:
        name = spec.name
    if name not in _SCORES or not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return spec
    if spec.shape is None or spec.shape[1:] != classes.shape:
        return spec
    return dataclasses.replace(spec, columns=tuple(str(one) for one in classes.tolist()))


def _words(form: Form) -> str:
    spec = form.inputs[0]
    if spec.dtype is None:
        return "numbers and text alike"
    shape = [-1 if size is None else size for size in spec.shape or ()]
    return f"{spec.dtype}{shape}" if len(form.inputs) == 1 else "its columns"


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
