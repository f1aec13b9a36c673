"""What the engines' converters share: the rows of requests joined for one run, and split again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

Tensor = TypeVar("Tensor")
NamedArrays = list[tuple[str, np.ndarray]]


def by_name_or_position(
    tensors: list[tuple[str, Tensor]],
) -> list[Tensor] | dict[str, Tensor]:
    """Return tensors by name when all have one, as a list when none has.

    Raises:
        InputError: Only some have a name, or two have the same.
    """
    names = [name for name, _ in tensors if name]
    if not names:
        return [tensor for _, tensor in tensors]
    if len(names) < len(tensors) or len(set(names)) < len(names):
        raise InputError("name all tensors, each differently, or none")
    return dict(tensors)


def join_rows(requests: list[GrpsMessage], contexts: list[GrpsContext]) -> NamedArrays:
    """Return the tensors of several requests, joined along their first dimension.

    How many rows each request has is kept in its context, for ``split_rows``.

    Raises:
        InputError: The requests do not fit together.
    """
    given = [to_arrays(request) for request in requests]
    names = [name for name, _ in given[0]]
    for arrays, context in zip(given, contexts, strict=True):
        if [name for name, _ in arrays] != names:
            raise InputError("the requests of a batch name different tensors")
        rows = {array.shape[0] if array.ndim else None for _, array in arrays}
        if len(rows) != 1 or None in rows:
            raise InputError("the tensors of a request of a batch have different numbers of rows")
        context.put_user_data("batch_size", rows.pop())
    return [(name, _join(name, [arrays[i][1] for arrays in given])) for i, name in enumerate(names)]


def split_rows(outputs: NamedArrays, contexts: list[GrpsContext]) -> list[GrpsMessage]:
    """Return each request's rows of the outputs as a message.

    Raises:
        ModelError: An output has not one row for each row of the requests.
    """
    sizes = [context.get_user_data("batch_size") for context in contexts]
    require_rows(outputs, sum(sizes))
    messages, start = [], 0
    for size in sizes:
        end = start + size
        messages.append(to_message((name, array[start:end]) for name, array in outputs))
        start = end
    return messages


def require_rows(outputs: Iterable[tuple[str, np.ndarray]], rows: int) -> None:
    """Check that a model kept one row for each row of its input.

    Raises:
        ModelError: It did not, so that its output can't be divided.
    """
    for name, array in outputs:
        if array.shape[:1] != (rows,):
            raise ModelError(
                f"output {name} has shape {list(array.shape)}, not one row for each of the "
                f"{rows} rows of the batch"
            )


def _join(name: str, parts: list[np.ndarray]) -> np.ndarray:
    kinds = {(array.dtype, array.shape[1:]) for array in parts}
    if len(kinds) > 1:
        raise InputError(f"the requests of a batch differ in type or shape of tensor {name!r}")
    return np.concatenate(parts)
