"""The choice of an optimisation profile by the shapes of a request."""

from __future__ import annotations

import math
from collections.abc import Sequence

from grps.backends.tensorrt.seam import EngineTensor, Shape, ShapeRange
from grps.errors import InputError


def choose_profile(tensors: Sequence[EngineTensor], shapes: Sequence[Shape]) -> int:
    """Return the index of the profile for ``shapes``, the one tuned for the nearest shapes.

    Among equals it is the first.

    Args:
        tensors: The engine's inputs.
        shapes: The shape of each in the request.

    Raises:
        InputError: No profile allows the shapes; the text names those that are allowed.
    """
    count = len(tensors[0].ranges) if tensors else 1
    fitting = [
        index
        for index in range(count)
        if all(
            _allows(tensor.ranges[index], shape)
            for tensor, shape in zip(tensors, shapes, strict=True)
        )
    ]
    if not fitting:
        raise InputError(_refusal(tensors, shapes, count))
    return min(fitting, key=lambda index: _distance(tensors, shapes, index))


def _allows(allowed: ShapeRange, shape: Shape) -> bool:
    return len(shape) == len(allowed.most) and all(
        least <= dim <= most
        for least, dim, most in zip(allowed.least, shape, allowed.most, strict=True)
    )


def _distance(tensors: Sequence[EngineTensor], shapes: Sequence[Shape], index: int) -> float:
    return sum(
        abs(math.log(max(dim, 1) / max(best, 1)))
        for tensor, shape in zip(tensors, shapes, strict=True)
        for dim, best in zip(shape, tensor.ranges[index].best, strict=True)
    )


def _refusal(tensors: Sequence[EngineTensor], shapes: Sequence[Shape], count: int) -> str:
    """Name the input that fits no profile or, if each fits one, the profiles of all inputs."""
    for tensor, shape in zip(tensors, shapes, strict=True):
        if not any(_allows(allowed, shape) for allowed in tensor.ranges):
            ranges = dict.fromkeys(_text(allowed) for allowed in tensor.ranges)
            return (
                f"input {tensor.name} has shape {list(shape)}; "
                f"the engine allows {' or '.join(ranges)}"
            )
    profiles = "; ".join(
        f"profile {index}: "
        + ", ".join(f"{tensor.name} {_text(tensor.ranges[index])}" for tensor in tensors)
        for index in range(count)
    )
    given = ", ".join(
        f"{tensor.name} {list(shape)}" for tensor, shape in zip(tensors, shapes, strict=True)
    )
    return f"the inputs have shapes {given}, which fit no profile together ({profiles})"


def _text(allowed: ShapeRange) -> str:
    dims = zip(allowed.least, allowed.most, strict=True)
    parts = (str(most) if least == most else f"{least}..{most}" for least, most in dims)
    return f"[{', '.join(parts)}]"
