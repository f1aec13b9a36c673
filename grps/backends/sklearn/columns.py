"""The columns that an estimator was fitted on: numbers or text, and a value that each takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

_INNER = (
    "best_estimator_",
    "estimator_",
    "regressor_",
    "estimators_",
    "calibrated_classifiers_",
    "_preprocessor",
)
"""Attributes of estimators that pass their columns on to others."""
_MOST_INNER = 32
_UNUSED = (None, "drop", "passthrough")
SOME_TEXT = "text"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table that an estimator takes."""

    name: str
    is_text: bool = False
    is_used: bool = True
    """False when all that is in it is dropped: it may hold anything."""
    value: str | float = 1.0
    """One that the estimator knows, such as the first of its categories."""
    missing: Any = ""
    """What an empty text stands for: the missing value that the estimator knows, else itself."""
    objects: tuple[Any, ...] = ()
    """Values that are no text in a column of Python objects, such as True, False and ``None``."""

    @property
    def text(self) -> str:
        """The value as it is written in a table of strings."""
        return str(self.value)


def count_of(estimator: Any) -> int | None:
    """Return the number of columns that an estimator was fitted on; ``None`` when it has none."""
    count = getattr(estimator, "n_features_in_", None)
    return int(count) if isinstance(count, (int, np.integer)) else None


def later_count_of(estimator: Any) -> int | None:
    """Return the number of columns of the first step of a pipeline that has one.

    What comes before it may keep columns as they are, such as a function.
    """
    counts = (count_of(step) for step in _steps(estimator))
    return next((count for count in counts if count is not None), None)


def names_of(estimator: Any, count: int) -> list[str] | None:
    """Return the names of the columns; ``None`` when the estimator was fitted without names."""
    names = getattr(estimator, "feature_names_in_", None)
    return [str(name) for name in names] if names is not None and len(names) == count else None


def columns_of(estimator: Any, count: int) -> list[Column]:
    """Return the columns of an estimator, as far as its fitted steps show what they take."""
    names = names_of(estimator, count) or [f"column {index}" for index in range(count)]
    found = {index: Column(name) for index, name in enumerate(names)}
    _walk(estimator, range(count), found)
    return [found[index] for index in range(count)]


def is_vectorizer(step: Any) -> bool:
    """Return whether a step makes numbers of texts."""
    return callable(getattr(step, "build_analyzer", None))


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline that do something; nothing for other estimators."""
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list):
        return []
    return [step[-1] for step in steps if not _is_unused(step[-1])]


def _is_unused(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step in _UNUSED)


def _drops(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def _walk(step: Any, at: Sequence[int], found: dict[int, Column]) -> None:
    """Note what the fitted ``step`` shows of its columns, which are ``at`` these indices."""
    if _is_unused(step):
        return
    if is_vectorizer(step):
        for index in at:
            found[index] = replace(found[index], is_text=True, value=SOME_TEXT)
    elif steps := _steps(step):
        for inner in steps:
            _walk(inner, at, found)
            if not hasattr(inner, "statistics_") or count_of(inner) != len(at):
                break  # behind it, columns are others; an imputer keeps them
    elif isinstance(getattr(step, "transformers_", None), list):
        _walk_columns(step, at, found)
    elif isinstance(union := getattr(step, "transformer_list", None), list):
        for _, inner in union:
            _walk(inner, at, found)
    elif (known := _known_values(step)) is not None:
        for index, values in zip(at, known, strict=False):
            column = _of_values(found[index], values)
            # An imputer of text has seen missing values or may see some.
            is_filled = column.is_text and hasattr(step, "missing_values")
            found[index] = replace(column, missing=step.missing_values) if is_filled else column
    else:
        _walk_inner(step, at, found)


def _known_values(step: Any) -> list[Any] | None:
    """Return values of each column that an encoder or imputer knows; ``None`` for other steps."""
    categories = getattr(step, "categories_", None)
    if isinstance(categories, list):
        return categories
    statistics = getattr(step, "statistics_", None)
    if statistics is None:
        return None
    return [[value] if isinstance(value, str) else [] for value in statistics]


def _walk_columns(step: Any, at: Sequence[int], found: dict[int, Column]) -> None:
    """Note what the parts of a ``ColumnTransformer`` show of the columns that each is given."""
    parts = [
        (inner, [at[index] for index in _indices(step, chosen, len(at))])
        for _, inner, chosen in step.transformers_
    ]
    used = {index for inner, chosen in parts for index in chosen if not _drops(inner)}
    for index in set(at) - used:
        found[index] = replace(found[index], is_used=False)
    for inner, chosen in parts:
        _walk(inner, chosen, found)


def _walk_inner(step: Any, at: Sequence[int], found: dict[int, Column]) -> None:
    for name in _INNER:
        inner = getattr(step, name, None)
        if inner is not None and not isinstance(inner, type):
            members = inner if isinstance(inner, (list, tuple)) else [inner]
            for member in members[:_MOST_INNER]:
                known = member if hasattr(member, "fit") else getattr(member, "estimator", None)
                if hasattr(known, "fit") and count_of(known) in (None, len(at)):
                    _walk(known, at, found)


def _indices(step: Any, chosen: Any, count: int) -> list[int]:
    """Return the places of the columns that a ``ColumnTransformer`` gives to one of its parts."""
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            names = _names(step, count)
            start = names.index(chosen.start) if chosen.start is not None else 0
            stop = names.index(chosen.stop) + 1 if chosen.stop is not None else count
            return list(range(start, stop, chosen.step or 1))
        return list(range(count))[chosen]
    members = [chosen] if isinstance(chosen, (str, int, np.integer)) else list(chosen)
    if members and all(isinstance(one, (bool, np.bool_)) for one in members):
        return [index for index, wanted in enumerate(members) if wanted]
    if any(isinstance(one, str) for one in members):
        names = _names(step, count)
        return [names.index(str(one)) for one in members if one in names]
    return [range(count)[int(one)] for one in members]


def _names(step: Any, count: int) -> list[str]:
    return names_of(step, count) or [str(index) for index in range(count)]


def _of_values(column: Column, known: Iterable[Any]) -> Column:
    """Return a column that takes these values."""
    values = list(known)
    texts = [value for value in values if isinstance(value, (str, np.str_))]
    if texts:
        missing = [value for value in values if _is_missing(value)]
        empty = "" if "" in texts or not missing else missing[0]
        column = replace(column, missing=empty) if missing or "" in texts else column
        return replace(column, is_text=True, value=next(filter(None, texts), texts[0]))
    if isinstance(known, np.ndarray) and known.dtype.hasobject:
        missing = [*(value for value in values if _is_missing(value)), float("nan")][0]
        objects = tuple(value for value in values if not _is_missing(value))
        column = replace(column, objects=objects, missing=missing)
    numbers = [float(value) for value in values if _is_number(value)]
    return replace(column, value=numbers[0]) if numbers else column


def _is_missing(value: Any) -> bool:
    """Return whether a value is ``None``, a NaN, or pandas's NA, which has no truth value."""
    if value is None or isinstance(value, str):
        return value is None
    try:
        return bool(value != value)  # noqa: PLR0124 - only a NaN is unequal to itself
    except TypeError:
        return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number, np.bool_)) and bool(np.isfinite(value))
