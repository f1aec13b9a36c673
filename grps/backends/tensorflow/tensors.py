"""TensorFlow's tensors as the wire has them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.tensorflow.runtime import tf
from grps.errors import ModelError

DTYPES = {
    tf.uint8: "uint8",
    tf.int8: "int8",
    tf.int16: "int16",
    tf.int32: "int32",
    tf.int64: "int64",
    tf.float16: "float16",
    tf.float32: "float32",
    tf.float64: "float64",
    tf.string: "string",
    tf.bool: "bool",
    tf.bfloat16: "float32",
}
"""Element types of TensorFlow; float32 stands for bfloat16, which numpy lacks."""

CAST = frozenset({tf.bool, tf.bfloat16})
"""Types whose arrays are converted on their way in and out."""


def flatten(result: object) -> list[tuple[str, Any]]:
    """Name the tensors in what a model or an inferer returned.

    One tensor is ``output``; those of a list or tuple are ``output_0``, ``output_1``…; a dict
    gives its keys. Deeper levels append ``_`` and their index or key.

    Raises:
        ModelError: Something else is among them, or two names are the same.
    """
    found: list[tuple[str, Any]] = []
    _walk("" if isinstance(result, Mapping) else "output", result, found)
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"the model returned two outputs named {twice}")
    return found


def to_numpy(name: str, value: Any) -> np.ndarray:
    """Return a tensor or array on the CPU, C-contiguous, in a type of the wire.

    Args:
        name: The output's name, for errors.
        value: A tensor, which is copied; or an array, which may be returned as it is.

    Raises:
        ModelError: It has a type that the wire can't carry.
    """
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value, order="C")
    if array.dtype.kind in "OSU":
        return _decode(array)
    try:
        dtype = tf.as_dtype(array.dtype)
    except TypeError:
        dtype = None
    if dtype not in DTYPES:
        raise ModelError(f"output {name} has the unsupported type {array.dtype}")
    return array.astype(DTYPES[dtype]) if dtype in CAST else array


def _decode(array: np.ndarray) -> np.ndarray:
    """Return the elements as text if all are UTF-8, else all as bytes."""
    texts = np.empty(array.size, dtype=object)
    raw = [text if isinstance(text, bytes) else str(text).encode() for text in array.ravel()]
    try:
        texts[:] = [text.decode() for text in raw]
    except UnicodeDecodeError:
        texts[:] = raw
    return texts.reshape(array.shape)


def _walk(name: str, value: object, found: list[tuple[str, Any]]) -> None:
    if isinstance(value, (tf.Tensor, tf.Variable, np.ndarray, np.generic)):
        found.append((name, value))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _walk(f"{name}_{key}" if name else str(key), inner, found)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _walk(f"{name}_{index}", inner, found)
    else:
        kind = "None" if value is None else f"of type {type(value).__name__}"
        raise ModelError(f"output {name or 'output'} is {kind}; a model must return tensors")
