"""Forms of requests that estimators take: tables of numbers, of text, of both, and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from grps.backends.backend import MOST_INPUTS, TensorSpec
from grps.backends.common.arrays import texts_of
from grps.backends.common.examples import example_of
from grps.backends.sklearn.columns import (
    SOME_TEXT,
    Column,
    columns_of,
    count_of,
    later_count_of,
    names_of,
)
from grps.errors import InputError, ModelError
from grps.log import logger

ColumnsAs = Literal["auto", "named", "table"]
_NUMBERS_IN_WORDS = {
    "true": 1.0,
    "false": 0.0,
    **dict.fromkeys(("", "null", "none", "na", "<na>"), float("nan")),
}
"""What texts in columns of numbers stand for, in any case, beside numbers."""
_NUMBERS = (None, 1.0, 0.0, 0.5, 10.0)
"""What columns of numbers are tried with; ``None`` stands for the value that each knows."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of requests."""

    inputs: tuple[TensorSpec, ...]
    rows: Callable[[Sequence[np.ndarray]], Any]
    """Makes what the estimator takes of the tensors of a request."""
    as_table: bool = False
    """Whether one tensor with all columns may stand in for all inputs."""
    examples: tuple[tuple[np.ndarray, ...], ...] = ()
    """Tensors that the estimator has to take; those of ``inputs`` when empty."""

    def tried_with(self) -> list[tuple[np.ndarray, ...]]:
        """Return the tensors of requests that the estimator has to take, each of one row."""
        return list(self.examples) or [tuple(example_of(spec) for spec in self.inputs)]


def forms_of(estimator: Any, chosen: ColumnsAs = "auto") -> Iterator[Form]:
    """Yield forms that an estimator may take, the likeliest first, each with its example.

    Raises:
        ModelError: The columns are to come by name, but they have no names.
    """
    count = count_of(estimator)
    if chosen == "named" and not _has_names(estimator, count):
        raise ModelError(
            "inferer_args: columns: named is for estimators that were fitted on a table with names "
            f"of 2 to {MOST_INPUTS} columns; leave it out"
        )
    if count is None:
        yield from _lists(estimator)
        count = later_count_of(estimator)
    if count is not None:
        yield from _tables(estimator, count, chosen)


def _has_names(estimator: Any, count: int | None) -> bool:
    return count is not None and bool(names_of(estimator, count)) and 1 < count <= MOST_INPUTS


def _tables(estimator: Any, count: int, chosen: ColumnsAs) -> Iterator[Form]:
    columns = columns_of(estimator, count)
    make = _table_maker(estimator, count, columns)
    has_text = any(column.is_text or column.objects for column in columns)
    if chosen == "named":
        for number in _NUMBERS:
            yield _by_name([_with_number(column, number) for column in columns], make)
        return
    if has_text:
        if chosen == "auto" and _has_names(estimator, count):
            yield _by_name(columns, make)
        yield _strings(columns, make)
    for number in _NUMBERS:
        values = tuple(
            column.value if number is None and not column.is_text else number or 0.0
            for column in columns
        )
        yield _numbers(values, make, names_of(estimator, count))
    if not has_text:
        for text in (SOME_TEXT, "1"):
            yield _strings([replace(one, is_text=True, value=text) for one in columns], make)


def _with_number(column: Column, number: float | None) -> Column:
    return column if number is None or column.is_text else replace(column, value=number)


def declared_form(estimator: Any, spec: TensorSpec) -> Form:
    """Return the form that the user declares."""
    count = count_of(estimator)
    wide = spec.shape is not None and len(spec.shape) == 2
    columns = columns_of(estimator, count) if wide and count is not None else []
    make = _table_maker(estimator, count, columns) if wide and count is not None else _only
    if spec.dtype != "string":
        return Form((spec,), lambda tensors: make(tensors[0]))
    return Form((spec,), lambda tensors: make(_typed(texts_of(spec.name, tensors[0]), columns)))


def _lists(estimator: Any) -> Iterator[Form]:
    """Yield the forms of estimators without columns: lists of texts or of numbers."""
    text = np.array([SOME_TEXT], dtype=object)
    yield Form((TensorSpec("input"),), _first, examples=((np.ones(1),), (text,)))
    known = getattr(estimator, "classes_", None)
    values = [] if known is None else list(known)[:1]
    texts = [str(value) for value in values if isinstance(value, (str, np.str_))]
    for number in (*(float(value) for value in values if not texts), 1.0, 0.0):
        spec = TensorSpec("input", "float64", (None,), example=(1,), values=(number,))
        yield Form((spec,), _first)
    for one in (*texts, SOME_TEXT, "1"):
        spec = TensorSpec("input", "string", (None,), example=(1,), values=(one,))
        yield Form((spec,), lambda tensors: texts_of("input", tensors[0]))


def _numbers(
    values: tuple[Any, ...], make: Callable[[np.ndarray], Any], names: list[str] | None
) -> Form:
    shape = (1, len(values))
    known = None if names is None else tuple(names)
    spec = TensorSpec("input", "float64", (None, len(values)), True, shape, values, known)
    return Form((spec,), lambda tensors: make(tensors[0]))


def _strings(columns: list[Column], make: Callable[[np.ndarray], Any]) -> Form:
    values = tuple(column.text for column in columns)
    shape = (1, len(columns))
    spec = TensorSpec("input", "string", (None, len(columns)), example=shape, values=values)
    return Form((spec,), lambda tensors: make(_typed(texts_of("input", tensors[0]), columns)))


def _by_name(columns: list[Column], make: Callable[[np.ndarray], Any]) -> Form:
    """Return the form of a tensor for each column; one table may come in their place."""
    inputs = tuple(
        TensorSpec(
            column.name,
            "float64" if column.is_used and not column.is_text else "string",
            (None,),
            example=(1,),
            values=(column.value if column.is_used else column.text,),
        )
        for column in columns
    )

    def rows(tensors: Sequence[np.ndarray]) -> Any:
        return make(_joined(tensors, columns))

    return Form(inputs, rows, as_table=True)


def _joined(tensors: Sequence[np.ndarray], columns: list[Column]) -> np.ndarray:
    """Return the table of the columns, which came each by itself or all in one tensor."""
    if len(tensors) == 1:
        table = tensors[0]
        if table.ndim != 2 or table.shape[1] != len(columns):
            names = ", ".join(column.name for column in columns)
            raise InputError(
                f"the model takes the columns {names}, each as a tensor of its name or all in one "
                f"tensor of shape [-1, {len(columns)}]; got one of shape {list(table.shape)}"
            )
        return _typed(texts_of("input", table) if table.dtype == object else table, columns)
    if len(tensors) != len(columns):
        missing = ", ".join(column.name for column in columns[len(tensors) :])
        raise InputError(f"columns are missing: {missing}")
    rows = len(tensors[0]) if tensors[0].ndim else 1
    table = np.empty((rows, len(columns)), dtype=object)
    for index, (tensor, column) in enumerate(zip(tensors, columns, strict=True)):
        if tensor.size != rows or tensor.ndim > 2:
            raise InputError(
                f"column {column.name} has shape {list(tensor.shape)}; expected [{rows}], as many "
                "rows as the first column"
            )
        flat = tensor.reshape(rows)
        table[:, index] = texts_of(column.name, flat) if flat.dtype == object else flat
    return _typed(table, columns)


def _typed(table: np.ndarray, columns: list[Column]) -> np.ndarray:
    """Return a table in which numbers are numbers and text is text.

    Raises:
        InputError: A column of numbers holds another text, or one of text holds numbers.
    """
    typed = table.astype(object)
    for index, column in enumerate(columns):
        values = typed[:, index]
        if not column.is_used:
            continue
        if column.is_text:
            if any(not isinstance(value, str) for value in values):
                raise InputError(f"{column.name} takes text, got numbers")
            if column.missing != "":
                typed[:, index] = [value or column.missing for value in values]
        else:
            numbers = [_number(column.name, value) for value in values]
            typed[:, index] = [_object(column, number) for number in numbers]
    return typed


def _object(column: Column, number: float) -> Any:
    """Return what stands for a number in a column of Python objects; itself in other columns."""
    if not column.objects:
        return number
    if number != number:  # noqa: PLR0124 - it is NaN
        return column.missing
    return next((value for value in column.objects if value == number), number)


def _number(name: str, value: Any) -> float:
    if (
        isinstance(value, str)
        and (known := _NUMBERS_IN_WORDS.get(value.strip().lower())) is not None
    ):
        return known
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{name} takes numbers, got {value!r:.60}") from error


def _table_maker(
    estimator: Any, count: int, columns: Sequence[Column]
) -> Callable[[np.ndarray], Any]:
    """Return what makes the estimator's input of a table.

    One that was fitted on a table with names is given such a table, if pandas is there.
    """
    names = names_of(estimator, count)
    if names is None:
        return _only
    pandas = import_pandas()
    if pandas is None:
        logger.info("pandas is not installed: the model gets its columns by position")
        return _only

    def table(array: np.ndarray) -> Any:
        if array.dtype != object:
            return pandas.DataFrame(array, columns=names, copy=False)
        return pandas.DataFrame(
            {
                column.name: array[:, index] if column.objects else _column(array[:, index])
                for index, column in enumerate(columns)
            }
        )

    return table


def import_pandas() -> Any:
    """Return the module; ``None`` where it is not installed."""
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def _column(values: np.ndarray) -> Any:
    """Return a column with the type of its values."""
    if len(values) and isinstance(values[0], float):
        return values.astype(np.float64)
    return values


def _only(array: np.ndarray) -> Any:
    return array


def _first(tensors: Sequence[np.ndarray]) -> Any:
    return tensors[0]
