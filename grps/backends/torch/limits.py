"""What a program of torch.export needs of the sizes of its inputs, beyond their shapes.

Dimensions that are free may share a size, or be at most or at least something. The program checks
that itself when it is called; here it is read, for people and for an example that fits.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np
import torch

from grps.backends.backend import TensorSpec
from grps.backends.torch.guards import allows, in_words, named_sizes

_FAILED = "Guard failed: "
_BY_ZERO = "by zero"
"""What Python says when a guard or a shape is computed with a size that is too small."""
_DIMENSION = r"dimension \d+ of \S+"
_COMPARED = re.compile(rf"^(?P<left>{_DIMENSION}) (?P<operator><=|>=|==) (?P<right>\d+)$")
_EQUAL = re.compile(rf"^(?P<left>{_DIMENSION}) == (?P<right>{_DIMENSION})$")
_RELATIONS = {"<=": "at most", ">=": "at least", "==": "exactly"}
_ROOMY = 64
"""Size of an example's free dimensions but the first."""
_MOST_GUARDS = 8
"""Most lines of what is neither a range nor an equality."""
_ASSUMED = 2
"""A least size that export assumes by itself; such programs take 1 as well."""
_MOST = 500
"""Most combinations of sizes that are tried for an example."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of the sizes of a program's inputs."""

    lines: tuple[str, ...] = ()
    """In words."""
    most_rows: int | None = None
    """The largest first dimension; ``None`` for no limit."""


def read_limits(exported: Any, specs: Sequence[TensorSpec]) -> Limits:
    """Return the limits of a program.

    Args:
        exported: The program.
        specs: Its inputs.
    """
    sizes = list(_sizes_of(exported, specs))
    seen: dict[Any, str] = {}
    lines: list[str] = []
    rows: list[int] = []
    for name, axis, expression in sizes:
        place = f"dimension {axis} of {name}"
        if expression in seen:
            lines.append(f"{place} equals {seen[expression]}")
            continue
        seen[expression] = place
        least, most = _range_of(exported, expression)
        if most is not None and axis == 0:
            rows.append(most)
        if expression.is_Symbol and least <= _ASSUMED:
            least = 0  # export's own assumption, which the program does not check
        if words := _range_words(least, most):
            lines.append(f"{place} is {words}")
    texts = [named_sizes(code) for code in _guards_of(exported)]
    others = [text for text in texts if not _COMPARED.match(text) and not _EQUAL.match(text)]
    lines += [in_words(text) for text in others[:_MOST_GUARDS]]
    if len(others) > _MOST_GUARDS:
        lines.append(f"and {len(others) - _MOST_GUARDS} more that the program checks")
    return Limits(tuple(lines), min(rows, default=None))


def with_examples(exported: Any, specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Return the inputs with shapes that fit together, where that is not any shape."""
    sizes = list(_sizes_of(exported, specs))
    values = _values_of(exported, sizes)
    axes: dict[Any, set[bool]] = {}
    for _, axis, expression in sizes:
        axes.setdefault(expression, set()).add(axis == 0)
    is_plain = all(
        expression.is_Symbol
        and len(axes[expression]) == 1
        and _is_roomy(exported, axis, expression)
        for _, axis, expression in sizes
    )
    if is_plain and not _guards_of(exported):
        return specs
    chosen = {(name, axis): int(expression.subs(values)) for name, axis, expression in sizes}
    return tuple(
        dataclasses.replace(
            spec,
            example=tuple(
                chosen.get((spec.name, axis), size or 1) for axis, size in enumerate(spec.shape)
            ),
        )
        if spec.shape is not None
        else spec
        for spec in specs
    )


def guard_words(cause: str, arrays: Mapping[str, np.ndarray]) -> str | None:
    """Return what sizes of inputs have made a run fail; ``None`` when they have not.

    Args:
        cause: What PyTorch says.
        arrays: What the program was given, by name.
    """
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    if cause.endswith(_BY_ZERO):
        return f"the sizes of the inputs do not fit: {cause}; got {shapes}"
    if not cause.startswith(_FAILED):
        return None
    text = named_sizes(cause.removeprefix(_FAILED))
    if found := _COMPARED.match(text):
        name, axis = _parts(found["left"])
        relation = _RELATIONS[found["operator"]]
        got = _size(arrays, name, axis)
        return f"input {name}: dimension {axis} must be {relation} {found['right']}, got {got}"
    if found := _EQUAL.match(text):
        (name, axis), (other, other_axis) = _parts(found["left"]), _parts(found["right"])
        got = f"{_size(arrays, name, axis)} and {_size(arrays, other, other_axis)}"
        return f"input {name}: {found['left']} must equal {found['right']}, got {got}"
    return f"the sizes of the inputs do not fit; required: {in_words(text)}; got {shapes}"


def _sizes_of(exported: Any, specs: Sequence[TensorSpec]) -> Iterator[tuple[str, int, Any]]:
    """Yield name, axis and expression of each free dimension."""
    names = {spec.name for spec in specs}
    for node in exported.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and node.name in names and isinstance(value, torch.Tensor):
            for axis, size in enumerate(value.shape):
                if isinstance(size, torch.SymInt):
                    yield node.name, axis, size.node.expr


def _range_of(exported: Any, expression: Any) -> tuple[int, int | None]:
    for known, bounds in exported.range_constraints.items():
        if known == expression:
            return _finite(bounds.lower) or 0, _finite(bounds.upper)
    return 0, None


def _finite(bound: Any) -> int | None:
    text = str(bound)  # infinities have several types
    return int(text) if text.isdecimal() else None


def _range_words(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}" if least > 1 else ""
    return f"at most {most}" if least <= 1 else f"{least} to {most}"


def _is_roomy(exported: Any, axis: int, expression: Any) -> bool:
    """Return whether a dimension takes the sizes that models are tried with."""
    least, most = _range_of(exported, expression)
    return least <= _ASSUMED and (axis == 0 or most is None)


def _values_of(exported: Any, sizes: Sequence[tuple[str, int, Any]]) -> dict[Any, int]:
    """Return a size for each symbol: the first ones that all guards allow, if they are found."""
    tried: dict[Any, list[int]] = {}
    for _, axis, expression in sizes:
        for symbol in expression.free_symbols:
            least, most = _range_of(exported, symbol)
            least = 1 if least <= _ASSUMED else least
            wanted = [1, 2, 3, 4, 8, 16] if axis == 0 else [_ROOMY, 1, 2, 3, 4, 5, 6, 8, 12, 16]
            top = most if most is not None else max(least, *wanted)
            within = dict.fromkeys(max(least, min(size, top)) for size in wanted)
            tried.setdefault(symbol, list(within))
    combined = (
        dict(zip(tried, chosen, strict=True)) for chosen in islice(product(*tried.values()), _MOST)
    )
    first = {symbol: found[0] for symbol, found in tried.items()}
    guards = _guards_of(exported)
    return next((found for found in combined if _allow(guards, sizes, found)), first)


def _allow(
    guards: Sequence[str], sizes: Sequence[tuple[str, int, Any]], values: Mapping[Any, int]
) -> bool:
    known = {
        (name, axis): int(values[one] if one.is_Symbol else one.subs(values))
        for name, axis, one in sizes
    }
    return all(allows(code, known) for code in guards)


def _guards_of(exported: Any) -> list[str]:
    return list(getattr(exported, "_guards_code", None) or ())


def _parts(place: str) -> tuple[str, int]:
    _, axis, _, name = place.split(" ")
    return name, int(axis)


def _size(arrays: Mapping[str, np.ndarray], name: str, axis: int) -> str:
    array = arrays.get(name)
    return "another size" if array is None or array.ndim <= axis else str(array.shape[axis])
