"""Scores to labels: the best ones of each row, with their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.errors import ModelError
from grps.protocol.arrays import to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

Activation = Literal["none", "softmax", "sigmoid"]
_MOST_LABELS = 10_000_000
"""Most bytes of a file of labels."""


class LabelArguments(msgspec.Struct, frozen=True):
    """What is made of a model's outputs; part of the ``converter_args`` of every such converter."""

    labels: str | None = None
    """File of names, one a line, or JSON: a list, or an object from indices to names.

    Those that the model itself names when absent.
    """
    top_k: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    """How many labels of each row are returned, the best first; 5 when absent."""
    activation: Activation = "none"
    """What makes scores of the model's output."""
    output: str | None = None
    """The output that holds the scores; the only one, or the one with labels, when absent."""
    min_score: float | None = None
    """Least score of a label; rows with fewer labels are filled up with empty ones of score 0."""

    @property
    def wanted(self) -> bool:
        """Whether labels are to be written instead of the outputs."""
        return self != LabelArguments()


class LabelWriter:
    """Writes labels, their scores and their indices."""

    def __init__(self, arguments: LabelArguments, signature: Signature) -> None:
        """Name the scores of a model.

        Raises:
            ModelError: The file of labels can't be read, or the model has no such output.
        """
        self._arguments = arguments
        self._output = _output_of(arguments, signature)
        spec = next((one for one in signature.outputs if one.name == self._output), None)
        self._names = _read_labels(arguments.labels) if arguments.labels else _names_in(spec)
        if spec is not None:
            self._check(spec)

    def write(self, outputs: dict[str, np.ndarray]) -> GrpsMessage:
        """Return tensors ``label``, ``score`` and ``index``, each of shape [rows, k].

        Raises:
            ModelError: The output is no table of scores, or has another number of labels.
        """
        scores = _activate(self._arguments.activation, self._table(outputs))
        count = min(self._arguments.top_k or 5, scores.shape[1])
        best = _best(scores, count)
        found = np.take_along_axis(scores, best, axis=1)
        labels = self._name(best)
        if self._arguments.min_score is not None:
            below = ~(found >= self._arguments.min_score)  # a NaN is below everything
            labels[below], found[below], best[below] = "", 0, -1
        return to_message([("label", labels), ("score", found), ("index", best.astype(np.int64))])

    def _table(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        name = self._output or next(iter(outputs))
        if name not in outputs:
            raise ModelError(f"the model has no output {name!r}; it has {', '.join(outputs)}")
        scores = outputs[name]
        if scores.dtype.kind not in "fiu" or scores.ndim == 0 or scores.size == 0:
            raise ModelError(f"output {name} of type {scores.dtype} holds no scores")
        self._check_shape(name, scores.shape)
        # Some models keep dimensions of size 1 behind, and those without a batch have one alone.
        scores = scores.reshape(1, -1) if scores.ndim == 1 else scores.reshape(len(scores), -1)
        return scores.astype(np.float32, copy=False)

    def _check(self, spec: TensorSpec) -> None:
        """Check what the model reports of the output."""
        if spec.dtype == "string" or spec.shape == ():
            raise ModelError(f"output {spec.name} of type {spec.dtype} holds no scores")
        if spec.shape is not None:
            self._check_shape(spec.name, spec.shape)

    def _check_shape(self, name: str, shape: tuple[int | None, ...]) -> None:
        """Check that an output of this shape holds one score of each label a row.

        Raises:
            ModelError: It does not.
        """
        sizes = [size for size in (shape[1:] if len(shape) > 1 else shape) if size != 1]
        known = [size for size in sizes if size is not None]
        if len(known) > 1:
            written = [-1 if size is None else size for size in shape]
            raise ModelError(
                f"output {name} has shape {written}: labels are for one score of each label a row, "
                "[rows, labels], not for the scores of each pixel or token; leave the converter's "
                "labels out, or export the model with such an output"
            )
        # What is not known yet may be 1, or the number of labels.
        is_known = None not in sizes
        width = known[0] if known else 1
        if self._names is not None and is_known and len(self._names) != width:
            raise ModelError(
                f"output {name} has {width} scores a row, but {self._arguments.labels} "
                f"names {len(self._names)}"
            )

    def _name(self, indices: np.ndarray) -> np.ndarray:
        if self._names is None:
            return indices.astype(str).astype(object)
        return self._names[indices]


def _output_of(arguments: LabelArguments, signature: Signature) -> str | None:
    names = [spec.name for spec in signature.outputs]
    if arguments.output is None:
        named = [spec.name for spec in signature.outputs if spec.columns is not None]
        if len(named) == 1:
            return named[0]
        if len(names) > 1:
            raise ModelError(
                f"converter_args: output: say which holds the scores: {', '.join(names)}"
            )
        return names[0] if names else None
    if names and arguments.output not in names:
        raise ModelError(
            f"converter_args: output: the model has no output {arguments.output!r}; "
            f"it has {', '.join(names)}"
        )
    return arguments.output


def _names_in(spec: TensorSpec | None) -> np.ndarray | None:
    """Return the labels that the model itself names; ``None`` when it names none."""
    if spec is None or spec.columns is None:
        return None
    return np.array(spec.columns, dtype=object)


def _activate(activation: Activation, scores: np.ndarray) -> np.ndarray:
    if activation == "none":
        return scores
    if activation == "sigmoid":
        # tanh, unlike exp, has no overflow.
        return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)), np.float32)
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the largest scores of each row, the largest first, ties by index."""
    # A NaN is no good score: it goes behind all others.
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    return np.argsort(-ranked, axis=1, kind="stable")[:, :count]


def _read_labels(name: str) -> np.ndarray:
    path = Path(name)
    try:
        if path.stat().st_size > _MOST_LABELS:
            raise ModelError(f"converter_args: labels: {path} is larger than {_MOST_LABELS} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"converter_args: labels: {path} can't be read: {error}") from error
    if path.suffix.lower() == ".json":
        labels = _from_json(path, text)
    else:
        labels = [line.strip() for line in text.splitlines() if line.strip()]
    if not labels:
        raise ModelError(f"converter_args: labels: {path} names nothing")
    return np.array(labels, dtype=object)


def _from_json(path: Path, text: str) -> list[str]:
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise ModelError(f"converter_args: labels: {path} is no JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("id2label"), dict):
        found = found["id2label"]  # a model's config.json
    if isinstance(found, dict):
        places = {str(index): index for index in range(len(found))}
        if set(found) != set(places):
            raise ModelError(
                f"converter_args: labels: {path}: the keys must be the indices from 0 to "
                f"{len(found) - 1}"
            )
        found = [found[str(index)] for index in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise ModelError(
            f"converter_args: labels: {path} must be a list of names, or an object from indices "
            "to names"
        )
    return found
