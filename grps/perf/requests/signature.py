"""Inputs that are generated from what a server says about a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grps.perf.errors import PerfError

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]
_OIP = {"BYTES": "string", "BOOL": "bool"} | {
    f"{short}{bits}": f"{long}{bits}"
    for short, long in (("FP", "float"), ("INT", "int"), ("UINT", "uint"))
    for bits in (8, 16, 32, 64)
}
_NUMBERS = re.compile(r"bool|float(16|32|64)|u?int(8|16|32|64)")
_LARGEST_INTEGER = 100
"""Integers are often numbers of tokens or classes: small ones fit most models."""
_WORDS = ("model", "server", "request", "tensor", "batch", "queue", "latency", "token", "river")
MOST_ELEMENTS = 1 << 28


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a model: ``None`` in a shape is a size that each request chooses."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


def read_inputs(description: Mapping[str, Any]) -> tuple[Input, ...]:
    """Return the inputs of a model; none if the description does not name them.

    Args:
        description: The metadata of a model, of GRPS or of the Open Inference Protocol.
    """
    entries = description.get("inputs")
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("shape"), list):
            return ()
        dtype = str(entry.get("dtype") or "").lower().removeprefix("dt_")
        dtype = _OIP.get(str(entry.get("datatype")), dtype)
        sizes = tuple(_size(size) for size in entry["shape"])
        found.append(Input(str(entry.get("name") or ""), dtype, sizes))
    return tuple(found)


def _size(size: object) -> int | None:
    return size if isinstance(size, int) and size >= 0 else None


def generate(
    inputs: tuple[Input, ...],
    random: np.random.Generator,
    *,
    batch: int,
    shapes: Mapping[str, tuple[int, ...]],
) -> Arrays:
    """Make the inputs of one request.

    Args:
        inputs: The inputs of the model.
        random: Where the elements come from.
        batch: The first size of inputs that leave it open.
        shapes: Whole shapes of inputs by name; one without a name is for a model with one input.

    Raises:
        PerfError: A shape is not known, or does not fit.
    """
    _check_names(inputs, shapes)
    arrays = {}
    for one in inputs:
        given = shapes.get(one.name, shapes.get("") if len(inputs) == 1 else None)
        shape = _shape(one, batch) if given is None else _checked(one, given)
        if np.prod(shape, dtype=np.float64) > MOST_ELEMENTS:
            raise PerfError(f"input {one.name!r}: a shape of {shape} is too large")
        arrays[one.name] = _elements(one, shape, random)
    return arrays


def _check_names(inputs: tuple[Input, ...], shapes: Mapping[str, tuple[int, ...]]) -> None:
    names = [one.name for one in inputs]
    for name in shapes:
        if name not in names and not (name == "" and len(inputs) == 1):
            known = ", ".join(f"{name}=…" for name in names)
            raise PerfError(f"--shape: the model has no input {name!r}; give {known}")


def _shape(one: Input, batch: int) -> tuple[int, ...]:
    sizes = list(one.shape)
    if sizes and sizes[0] is None:
        sizes[0] = batch
    known = tuple(size for size in sizes if size is not None)
    if len(known) < len(sizes):
        shown = ",".join("?" if size is None else str(size) for size in sizes)
        name = f"{one.name}=" if one.name else ""
        raise PerfError(
            f"input {one.name!r} has the shape {shown}: give the sizes that each request chooses "
            f"by --shape {name}{shown.replace('?', 'N')}"
        )
    return known


def _checked(one: Input, given: tuple[int, ...]) -> tuple[int, ...]:
    fits = len(given) == len(one.shape) and all(
        size is None or size == asked for size, asked in zip(one.shape, given, strict=True)
    )
    if not fits:
        shown = ",".join("?" if size is None else str(size) for size in one.shape)
        asked = ",".join(map(str, given))
        raise PerfError(f"--shape: input {one.name!r} has the shape {shown}, not {asked}")
    return given


def _elements(
    one: Input, shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray[Any, np.dtype[Any]]:
    if one.dtype in ("string", "object"):
        flat = np.empty(int(np.prod(shape)), dtype=object)
        flat[:] = [words(random, 8) for _ in range(flat.size)]
        return flat.reshape(shape)
    if not _NUMBERS.fullmatch(one.dtype):
        raise PerfError(
            f"input {one.name!r} has the element type {one.dtype!r}, which can't be generated; "
            "give inputs, or a file of requests by --input"
        )
    dtype = np.dtype(one.dtype)
    if dtype.kind == "f":
        return random.random(shape).astype(dtype)
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    largest = 256 if dtype == np.uint8 else _LARGEST_INTEGER
    return random.integers(0, largest, shape).astype(dtype)


def words(random: np.random.Generator, count: int) -> str:
    """Return a text of random words."""
    return " ".join(_WORDS[at] for at in random.integers(0, len(_WORDS), count))
