"""The inputs of a call as they are written on the command line."""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

NAMED = re.compile(r"([A-Za-z_][\w.:/-]*)=(.*)", re.DOTALL)
"""``NAME=VALUE``."""


@dataclass(frozen=True, slots=True)
class Written:
    """An array as JSON, which has no element type yet."""

    value: Any
    """Nested lists, or one element."""


Value = str | bytes | np.ndarray | Written
Content = str | bytes | np.ndarray | dict[str, np.ndarray]
"""What a client sends."""


def read_inputs(words: Sequence[str]) -> Value | dict[str, Value]:
    """Read the inputs of a call.

    Args:
        words: ``VALUE``, or ``NAME=VALUE`` any number of times.

    Returns:
        One value without a name, or all values by their names. Nothing is an empty text.

    Raises:
        UsageError: They do not go together, or a file can't be read.
    """
    if not words:
        return ""
    matches = [NAMED.fullmatch(word) for word in words]
    named = [match for match in matches if match is not None]
    if not named and len(words) == 1:
        return _unnamed(words[0])
    if len(named) < len(words):
        raise click.UsageError(
            "several inputs each need a name: NAME=VALUE; quote a text that has spaces, and give "
            "a text with a '=' by --text"
        )
    values: dict[str, Value] = {}
    for match in named:
        if match[1] in values:
            raise click.UsageError(f"input {match[1]!r} is given twice")
        values[match[1]] = _tensor(match[1], match[2])
    return values


def to_content(
    given: Value | Mapping[str, Value], types: Callable[[], Mapping[str, np.dtype[Any]]]
) -> Content:
    """Return what a client sends, with an element type for each array.

    Args:
        given: What was read.
        types: The element types of the model's inputs by name. Called if an array needs one.

    Raises:
        UsageError: A list is no array, or its elements do not have the type of the model's input.
    """
    if not isinstance(given, Mapping):
        return _to_array("", given, types()) if isinstance(given, Written) else given
    needed = types() if any(isinstance(value, Written) for value in given.values()) else {}
    return {
        name: _to_array(name, value, needed) if isinstance(value, Written) else _texts(value)
        for name, value in given.items()
    }


def _unnamed(word: str) -> Value | dict[str, Value]:
    if word == "-":
        return sys.stdin.read()
    if word.startswith("@"):
        return _file(word[1:])
    return _json(word) if word.startswith("[") else word


def _tensor(name: str, word: str) -> Value:
    """Read the value of a named input: JSON if it is a list or a number, else a text."""
    if word == "-":
        return sys.stdin.read()
    if word.startswith("@"):
        value = _file(word[1:])
        if isinstance(value, dict):
            raise click.UsageError(f"{word[1:]}: has inputs by name; give it without '{name}='")
        return value
    if word.startswith("["):
        return _json(word)
    try:
        return Written(float(word) if not re.fullmatch(r"[+-]?\d+", word) else int(word))
    except ValueError:
        return word


def _json(text: str) -> Written:
    try:
        return Written(json.loads(text))
    except ValueError as error:
        raise click.UsageError(
            f"{text[:40]!r} is no JSON list ({error}); give a text that begins with '[' by --text"
        ) from None


def _file(path: str) -> Value | dict[str, Value]:
    """Read a file: arrays by the suffix, or else its bytes."""
    if path == "-":
        return sys.stdin.buffer.read()
    suffix = Path(path).suffix.lower()
    try:
        if suffix in (".npy", ".npz"):
            return _arrays(path)
        data = Path(path).read_bytes()
        if suffix == ".json":
            found = json.loads(data)
            if isinstance(found, dict):
                return {name: Written(value) for name, value in found.items()}
            return Written(found)
        return data.decode() if suffix == ".txt" else data
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise click.UsageError(f"{path}: is no {suffix} file: {error}") from None


def _arrays(path: str) -> Value | dict[str, Value]:
    # An open file, as numpy leaves one open that it has opened and can't read.
    with open(path, "rb") as file:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}


def _to_array(name: str, written: Written, types: Mapping[str, np.dtype[Any]]) -> np.ndarray:
    """Give an array the type of the model's input, or else one that fits its elements."""
    dtype = types.get(name)
    if dtype is None and not name and len(types) == 1:
        (dtype,) = types.values()
    try:
        array = np.array(written.value)
    except ValueError:
        raise click.UsageError(f"{_input(name)}: its lists have different lengths") from None
    if array.dtype.kind in "US" and (dtype is None or dtype.kind == "O"):
        return array.astype(object)
    if dtype is None:
        return array.astype(np.float32) if array.dtype.kind == "f" else array
    if array.dtype.kind not in "biuf":
        raise click.UsageError(f"{_input(name)}: the model takes {dtype}, not {array.dtype}")
    if dtype.kind in "iu" and array.dtype.kind == "f":
        raise click.UsageError(f"{_input(name)}: the model takes whole numbers ({dtype})")
    return array.astype(dtype)


def _texts(value: Value) -> np.ndarray:
    """Return a tensor of one string for a text or bytes."""
    if isinstance(value, np.ndarray):
        return value
    array = np.empty(1, dtype=object)
    array[0] = value
    return array


def _input(name: str) -> str:
    return f"input {name!r}" if name else "the input"
