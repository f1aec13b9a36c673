"""Types and shapes of inputs that the user declares because the model file lacks them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from grps.backends.backend import DTYPE_NAMES, Signature, TensorSpec
from grps.errors import ModelError

_FORM = re.compile(r"(?P<dtype>\w+)\s*\[(?P<shape>[-\d,\s]*)\]")


def declare_inputs(signature: Signature, declared: Mapping[str, str]) -> Signature:
    """Return ``signature`` with what the user declares of its inputs.

    Args:
        signature: What the model file contains.
        declared: Type and shape by input, such as ``float32[-1, 3, 224, 224]``; -1 is a dimension
            of any size.

    Raises:
        ModelError: There is no such input, the file contains its shape, or the text is wrong.
    """
    names = [spec.name for spec in signature.inputs]
    for name in declared:
        if name not in names:
            known = ", ".join(names) or "none that have a name"
            raise ModelError(
                f"inferer_args: inputs: no input is called {name!r}; there are {known}"
            )
    inputs = tuple(
        _declare(spec, declared[spec.name]) if spec.name in declared else spec
        for spec in signature.inputs
    )
    return dataclasses.replace(signature, inputs=inputs)


def _declare(spec: TensorSpec, text: str) -> TensorSpec:
    if spec.shape is not None:
        raise ModelError(f"inferer_args: inputs: {spec.name}: the model file contains its shape")
    found = _FORM.fullmatch(text.strip())
    sizes = [size.strip() for size in found["shape"].split(",")] if found else []
    if sizes == [""]:
        sizes = []
    if found is None or found["dtype"] not in DTYPE_NAMES or not all(map(_is_size, sizes)):
        raise ModelError(
            f"inferer_args: inputs: {spec.name}: {text!r} is not a type and a shape such as "
            f"float32[-1, 3, 224, 224]; types: {', '.join(DTYPE_NAMES)}"
        )
    shape = tuple(None if size == "-1" else int(size) for size in sizes)
    return dataclasses.replace(spec, dtype=found["dtype"], shape=shape)


def _is_size(text: str) -> bool:
    return text == "-1" or (text.isdecimal() and int(text) > 0)
