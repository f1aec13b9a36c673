"""TorchScript files: loading, and inputs and outputs from the schema of ``forward``.

A TorchScript module may keep state between calls (a recurrent voice detector does): then each
loaded copy has its own, and the answer depends on the requests that came before.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from grps.backends.backend import Signature, TensorSpec
from grps.backends.torch.program import Preparation, Program, storage_addresses
from grps.errors import ModelError

_NUMBERS = {
    "IntType": "int64",
    "FloatType": "float64",
    "NumberType": "float64",
    "BoolType": "uint8",
}
"""Scalar types of TorchScript, each with the tensor type that carries one."""


def load_torchscript(path: Path, device: str | None, prepare: Preparation) -> Program:
    """Load the TorchScript file at ``path``.

    Args:
        path: The file.
        device: Where to put the module; ``None`` leaves it where the file says.
        prepare: What is done to it.

    Raises:
        ModelError: ``forward`` needs an argument that no tensor can stand for, or the module is
            to be compiled.
    """
    prepare.refuse_compiling("TorchScript is compiled by PyTorch's own rules")
    with warnings.catch_warnings():
        # PyTorch deprecates the format; users still have the files.
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        module: Any = torch.jit.load(str(path), map_location=device)
    module.eval()
    prepare.arrange(module)
    if not hasattr(module, "forward"):
        raise ModelError(f"{path}: the TorchScript module has no method forward")
    schema = module.forward.schema
    inputs, by_name, fixed = _inputs(schema.arguments[1:])
    state = [*module.parameters(), *module.buffers()]
    call = _call_by_name(module, [spec.name for spec in inputs], fixed) if by_name else module
    return Program(
        call=call,
        signature=Signature(inputs, _outputs(schema.returns), strict_names=False),
        device=str(state[0].device) if state else "cpu",
        shared=storage_addresses(state),
        scalars=frozenset(index for index, spec in enumerate(inputs) if spec.dtype is not None),
    )


def _inputs(arguments: list[Any]) -> tuple[tuple[TensorSpec, ...], bool, dict[str, None]]:
    """Return the inputs, whether they go by keyword, and arguments to fill with ``None``."""
    specs: list[TensorSpec] = []
    fixed: dict[str, None] = {}
    by_name = False
    for argument in arguments:
        kind, nullable = argument.type, False
        if kind.kind() == "OptionalType":
            kind, nullable = kind.getElementType(), True
        optional = nullable or argument.has_default_value()
        if nullable and not argument.has_default_value():
            fixed[argument.name] = None
        if kind.kind() == "TensorType" or kind.kind() in _NUMBERS:
            dtype = _NUMBERS.get(kind.kind())
            specs.append(TensorSpec(argument.name, dtype, required=not optional))
            by_name |= argument.kwarg_only
        elif optional:
            by_name = True
        else:
            raise ModelError(
                f"forward needs {argument.name}: {argument.type}, but inputs are tensors or "
                f"numbers; wrap the model in a module whose forward takes only those"
            )
    return _trailing_optional(specs), by_name or bool(fixed), fixed


def _trailing_optional(specs: list[TensorSpec]) -> tuple[TensorSpec, ...]:
    last = max((index for index, spec in enumerate(specs) if spec.required), default=-1)
    return tuple(
        dataclasses.replace(spec, required=index <= last) for index, spec in enumerate(specs)
    )


def _outputs(returns: list[Any]) -> tuple[TensorSpec, ...]:
    kind = returns[0].type
    if kind.kind() == "TensorType":
        return (TensorSpec("output"),)
    if kind.kind() != "TupleType":
        return ()
    if any(element.kind() != "TensorType" for element in kind.elements()):
        return ()
    return tuple(TensorSpec(f"output_{index}") for index in range(len(kind.elements())))


def _call_by_name(
    module: Callable[..., object], names: list[str], fixed: dict[str, None]
) -> Callable[..., object]:
    def call(*values: object) -> object:
        return module(**{**fixed, **dict(zip(names, values, strict=False))})

    return call
