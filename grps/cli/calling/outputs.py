"""The result of a call as JSON, as a file of numpy, as a table or as text."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click
import numpy as np

FORMS = ("json", "npy", "table", "text")
CUT_CHARS = 60
HEAD = ("NAME", "DTYPE", "SHAPE", "VALUES")


@dataclass(frozen=True, slots=True)
class Output:
    """What a model answered, or one piece of it: one of the fields is set."""

    text: str | None = None
    data: bytes | None = None
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None
    """Named texts, bytes and numbers."""


def render(output: Output, form: str | None) -> bytes:
    """Return a result as the bytes to write; they end as the form does, so a text has no newline.

    Args:
        output: The result.
        form: One of ``FORMS``; by default, texts and bytes as they are, and tensors as a table.

    Raises:
        UsageError: The result can't have this form.
    """
    if form is None:
        form = "table" if output.tensors else "text" if output.values is None else "json"
    if form == "json":
        return (json.dumps(_to_json(output), ensure_ascii=False) + "\n").encode()
    if form == "npy":
        return _to_npy(output)
    if form == "table" and output.tensors:
        return _to_table(output.tensors).encode()
    if output.tensors:
        lines = (_values(array, math.inf) for array in output.tensors.values())
        return ("\n".join(lines) + "\n").encode()
    if output.values is not None:
        return (json.dumps(_plain(dict(output.values)), ensure_ascii=False) + "\n").encode()
    return output.data if output.data is not None else (output.text or "").encode()


def _to_json(output: Output) -> dict[str, Any]:
    if output.text is not None:
        return {"text": output.text}
    if output.data is not None:
        return {"bytes": base64.b64encode(output.data).decode()}
    if output.values is not None:
        return {"map": _plain(dict(output.values))}
    return {
        "tensors": {
            name: {
                "dtype": _dtype(array),
                "shape": list(array.shape),
                "values": _plain(array.tolist()),
            }
            for name, array in output.tensors.items()
        }
    }


def _plain(value: Any) -> Any:
    """Return nested lists as JSON can have them: as the service writes them."""
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _to_npy(output: Output) -> bytes:
    arrays = list(output.tensors.values())
    if len(arrays) != 1:
        found = f"tensors {', '.join(output.tensors)}" if arrays else "no tensor"
        raise click.UsageError(f"npy is for one tensor; the result has {found}: use --output json")
    (array,) = arrays
    if array.dtype.kind == "O":
        array = array.astype(np.str_)
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _to_table(tensors: Mapping[str, np.ndarray]) -> str:
    rows = [
        HEAD,
        *(
            (name or "-", _dtype(array), str(list(array.shape)), _values(array, CUT_CHARS))
            for name, array in tensors.items()
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _values(array: np.ndarray, most_chars: float) -> str:
    """Return elements as JSON on one line, cut if they are long."""
    cut = most_chars < array.size
    flat = array.ravel()[: int(most_chars)].tolist() if cut else array.tolist()
    line = json.dumps(_plain(flat), ensure_ascii=False)
    return line if len(line) <= most_chars else f"{line[: int(most_chars) - 1]}…"


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype.kind in "OUS" else array.dtype.name
