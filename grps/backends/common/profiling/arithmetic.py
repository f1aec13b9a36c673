"""How many operations an operator needs, by its shapes; multiplying and adding are two."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod


def convolution_flops(
    output: Sequence[int], weights: Sequence[int], output_channels: int
) -> float | None:
    """Return the operations of a convolution, without its bias.

    Args:
        output: The shape of its output.
        weights: The shape of its weights, whatever the order of their dimensions is.
        output_channels: How many channels the weights make, all groups together.
    """
    if not output_channels or not weights or not output:
        return None
    return 2.0 * prod(output) * prod(weights) / output_channels


def product_flops(left: Sequence[int], right: Sequence[int], output: Sequence[int]) -> float | None:
    """Return the operations of a product of matrices, whichever of them are transposed.

    Args:
        left: The shape of the first factor: matrices, or a vector, with any number of batches.
        right: The shape of the second one.
        output: The shape of the result.
    """
    if not left or not right or not output:
        return None
    return 2.0 * prod(output) * _inner(left, right, output)


def _inner(left: Sequence[int], right: Sequence[int], output: Sequence[int]) -> int:
    """Return the length of the sums.

    For matrices of m x k, k x n and m x n, it is the root of the product of the factors' elements
    by those of the result, in whichever order their sizes stand.
    """
    both = 2
    if len(left) >= both and len(right) >= both and len(output) >= both:
        matrices = [prod(shape[-both:]) for shape in (left, right, output)]
        if matrices[2]:
            found = isqrt(matrices[0] * matrices[1] // matrices[2])
            if found * found * matrices[2] == matrices[0] * matrices[1]:
                return found
    return left[-1]
