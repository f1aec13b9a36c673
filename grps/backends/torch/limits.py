"""What a program of torch.export needs of the sizes of its inputs, beyond their shapes.

Dimensions that are free may share a size, or be at most or at least something. The program checks
that itself when it is called; here it is read, for people and for an example that fits.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from grps.backends.backend import TensorSpec

_SIZE = re.compile(
    r"(?:L\['(?P<quoted>\w+)'\]|(?P<plain>\w+))(?P<path>(?:\[[^\]]+\]|\.(?!size)\w+)*)"
    r"\.size\(\)\[(?P<axis>\d+)\]"
)
"""A size in the code of a guard."""
_FAILED = "Guard failed: "
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
        if words := _range_words(least, most):
            lines.append(f"{place} is {words}")
    texts = [_readable(code) for code in getattr(exported, "_guards_code", None) or ()]
    others = [text for text in texts if not _COMPARED.match(text) and not _EQUAL.match(text)]
    lines += others[:_MOST_GUARDS]
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
    if is_plain:
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
    """Return what a guard says that failed; ``None`` when ``cause`` is not of a guard.

    Args:
        cause: What PyTorch says.
        arrays: What the program was given, by name.
    """
    if not cause.startswith(_FAILED):
        return None
    text = _readable(cause.removeprefix(_FAILED))
    if found := _COMPARED.match(text):
        name, axis = _parts(found["left"])
        relation = _RELATIONS[found["operator"]]
        got = _size(arrays, name, axis)
        return f"input {name}: dimension {axis} must be {relation} {found['right']}, got {got}"
    if found := _EQUAL.match(text):
        (name, axis), (other, other_axis) = _parts(found["left"]), _parts(found["right"])
        got = f"{_size(arrays, name, axis)} and {_size(arrays, other, other_axis)}"
        return f"input {name}: {found['left']} must equal {found['right']}, got {got}"
    shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items())
    return f"the inputs do not fit together: the model needs {text}; got {shapes}"


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
        return f"at least {least}" if least > _ASSUMED else ""
    return f"at most {most}" if least <= 1 else f"{least} to {most}"


def _is_roomy(exported: Any, axis: int, expression: Any) -> bool:
    """Return whether a dimension takes the sizes that models are tried with."""
    least, most = _range_of(exported, expression)
    is_open = least <= 1 or (least == _ASSUMED and most is None)
    return is_open and (axis == 0 or most is None)


def _values_of(exported: Any, sizes: Sequence[tuple[str, int, Any]]) -> dict[Any, int]:
    """Return a size for each symbol."""
    values: dict[Any, int] = {}
    for _, axis, expression in sizes:
        for symbol in expression.free_symbols:
            least, most = _range_of(exported, symbol)
            wanted = 1 if axis == 0 else _ROOMY
            values.setdefault(symbol, max(least, min(wanted, most if most is not None else wanted)))
    return values


def _readable(code: str) -> str:
    """Return the code of a guard with its sizes in words."""
    text = _SIZE.sub(lambda found: f"dimension {found['axis']} of {_name_of(found)}", code)
    while text.startswith("(") and text.endswith(")") and text.count("(") == 1:
        text = text[1:-1]
    return text.replace("((-1) + ", "(-1 + ")


def _name_of(found: re.Match[str]) -> str:
    """Return an input as the program names it: nested ones by all that leads to them."""
    whole = (found["quoted"] or found["plain"]) + found["path"]
    return re.sub(r"\W+", "_", whole).strip("_")


def _parts(place: str) -> tuple[str, int]:
    _, axis, _, name = place.split(" ")
    return name, int(axis)


def _size(arrays: Mapping[str, np.ndarray], name: str, axis: int) -> str:
    array = arrays.get(name)
    return "another size" if array is None or array.ndim <= axis else str(array.shape[axis])
