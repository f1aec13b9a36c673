"""What a converter finds out from the inputs of the model that it feeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.errors import ModelError


class ModelInputs:
    """The inputs of a model, of which a converter fills one or more."""

    def __init__(self, signature: Signature, constants: Mapping[str, Any]) -> None:
        """Read ``signature``.

        Args:
            signature: Inputs and outputs of the model.
            constants: Values of inputs that are the same for every request, by name.

        Raises:
            ModelError: A constant is for an input that the model does not have.
        """
        names = [spec.name for spec in signature.inputs]
        for name in constants:
            if name not in names:
                raise ModelError(
                    f"converter_args: constants: the model has no input {name!r}; "
                    f"it has {', '.join(names) or 'none'}"
                )
        self.constants = {
            spec.name: _constant(spec, constants[spec.name])
            for spec in signature.inputs
            if spec.name in constants
        }
        """Inputs that are the same for every request."""
        self.free = tuple(
            spec for spec in signature.inputs if spec.required and spec.name not in constants
        )
        """The inputs that requests fill."""

    def only(self, what: str) -> TensorSpec:
        """Return the one input that is left to fill.

        Raises:
            ModelError: There is none, or several.
        """
        if len(self.free) != 1:
            names = ", ".join(spec.name for spec in self.free) or "none"
            example = json.dumps({spec.name: 0 for spec in self.free[1:2]})
            advice = f"; give the others in converter_args: constants, such as {example}"
            raise ModelError(
                f"the converter makes one input of {what}, but the model needs: {names}"
                + (advice if self.free else "")
            )
        return self.free[0]


def number_type(spec: TensorSpec, otherwise: str, what: str) -> np.dtype:
    """Return the type of an input's numbers.

    Args:
        spec: The input.
        otherwise: The type when the model does not report one.
        what: What it is filled with, for messages.

    Raises:
        ModelError: It takes strings.
    """
    if spec.dtype == "string":
        raise ModelError(f"the input {spec.name} takes strings, which {what} can't be")
    return np.dtype(spec.dtype or otherwise)


def _constant(spec: TensorSpec, value: Any) -> np.ndarray:
    try:
        return np.asarray(value, dtype=object if spec.dtype == "string" else spec.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"converter_args: constants: {spec.name} is {spec.dtype}: {error}"
        ) from error
