"""Programs of torch.export and packages of AOTInductor (both ``.pt2``)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.export.passes import move_to_device_pass
from torch.utils import _pytree as pytree

from grps.backends.backend import Signature, TensorSpec
from grps.backends.torch.limits import read_limits, with_examples
from grps.backends.torch.outputs import CONVERTED, DTYPES, flatten
from grps.backends.torch.program import Preparation, Program, storage_addresses
from grps.errors import DeviceError, ModelError


def load_exported(path: Path, device: str | None, prepare: Preparation) -> Program:
    """Load the program that ``torch.export.save`` wrote at ``path``.

    Args:
        path: The file.
        device: Where to put the program; ``None`` leaves it where the file says.
        prepare: What is done to it.

    Raises:
        ModelError: An input or output has a type that the wire can't carry.
    """
    exported: Any = torch.export.load(str(path))
    state = [*exported.state_dict.values(), *exported.tensor_constants.values()]
    if device and (device != "cpu" or any(str(item.device) != device for item in state)):
        exported = move_to_device_pass(exported, device)
    module = exported.module()
    prepare.arrange(module)
    state = [*module.parameters(), *module.buffers()]
    specs, fixed, scalars, casts = _exported_inputs(exported)
    limits = read_limits(exported, specs)
    specs = with_examples(exported, specs)
    outputs = _exported_outputs(exported)
    names = [spec.name for spec in outputs]
    if prepare.compile_mode is not None:
        free = any(spec.shape is None or None in spec.shape for spec in specs)
        compiled = torch.compile(module, mode=prepare.compile_mode, dynamic=free)
        call = _caller(compiled, exported.call_spec.in_spec, fixed)
    elif names and hasattr(module, "_guards_fn"):
        call = _flat_caller(module, names, fixed)
    else:
        call = _caller(module, exported.call_spec.in_spec, fixed)
    return Program(
        call=call,
        signature=Signature(
            specs,
            outputs,
            strict_names=False,
            limits=limits.lines,
            most_rows=limits.most_rows,
        ),
        device=device or (str(state[0].device) if state else "cpu"),
        shared=storage_addresses(state),
        scalars=scalars,
        casts=casts,
    )


def load_aotinductor(path: Path, device: str | None, prepare: Preparation) -> Program:
    """Load the package that ``torch._inductor.aoti_compile_and_package`` wrote at ``path``.

    The package is machine code that trusts the shapes it is given, so its own checks of inputs
    are switched on, unless the environment already has ``AOTI_RUNTIME_CHECK_INPUTS``.

    Args:
        path: The file.
        device: Where it is to run; ``None`` for where it was compiled for.
        prepare: What is done to it: nothing can be.

    Raises:
        DeviceError: The package was compiled for another kind of device.
        ModelError: It is to be prepared.
    """
    prepare.refuse_compiling("an AOTInductor package is compiled already")
    if prepare.channels_last:
        raise ModelError(
            "inferer_args: memory_format: an AOTInductor package keeps the format it was "
            "compiled with; leave it out"
        )
    os.environ.setdefault("AOTI_RUNTIME_CHECK_INPUTS", "1")
    loader: Any = torch._C._aoti.AOTIModelPackageLoader
    metadata = loader.load_metadata_from_package(str(path), "model")
    compiled = metadata.get("AOTI_DEVICE_KEY", "cpu")
    if device and torch.device(device).type != compiled:
        raise DeviceError(
            f"{path}: compiled for {compiled}, so it can't run on {device}; use device: {compiled}"
        )
    index = torch.device(device).index if device else None
    package: Any = torch._inductor.aoti_load_package(
        str(path), device_index=-1 if index is None else index
    )
    place = device or compiled
    spec_text = package.loader.get_call_spec()[0]
    if not spec_text:
        return Program(package, Signature((), (), False, open_ended=True), place)
    in_spec: Any = pytree.treespec_loads(spec_text)
    inputs = tuple(TensorSpec(name) for name in _leaf_names(in_spec))
    return Program(_caller(package, in_spec, {}), Signature(inputs, (), False), place)


def _exported_inputs(
    exported: Any,
) -> tuple[tuple[TensorSpec, ...], dict[int, object], frozenset[int], dict[int, torch.dtype]]:
    """Return the inputs, constants among them, which are scalars and which need a cast."""
    values = {node.name: node.meta.get("val") for node in exported.graph.nodes}
    specs: list[TensorSpec] = []
    fixed: dict[int, object] = {}
    scalars: set[int] = set()
    casts: dict[int, torch.dtype] = {}
    for place, item in enumerate(
        spec.arg
        for spec in exported.graph_signature.input_specs
        if spec.kind == torch.export.graph_signature.InputKind.USER_INPUT
    ):
        if isinstance(item, torch.export.graph_signature.ConstantArgument):
            fixed[place] = item.value
            continue
        value = values[item.name]
        if isinstance(value, torch.Tensor):
            if value.dtype in CONVERTED or value.dtype is torch.bool:
                casts[len(specs)] = value.dtype
            specs.append(_spec(item.name, value))
        else:
            scalars.add(len(specs))
            number = "float64" if isinstance(value, torch.SymFloat) else "int64"
            specs.append(TensorSpec(item.name, number))
    return tuple(specs), fixed, frozenset(scalars), casts


def _exported_outputs(exported: Any) -> tuple[TensorSpec, ...]:
    values = {node.name: node.meta.get("val") for node in exported.graph.nodes}
    leaves = [
        values.get(name) if isinstance(name, str) else name
        for name in exported.graph_signature.user_outputs
    ]
    if any(isinstance(leaf, (torch.SymInt, torch.SymFloat)) for leaf in leaves):
        return ()
    result = pytree.tree_unflatten(leaves, exported.call_spec.out_spec)
    return tuple(_spec(name, tensor) for name, tensor in flatten(result))


def _spec(name: str, tensor: torch.Tensor) -> TensorSpec:
    dtype = DTYPES.get(CONVERTED.get(tensor.dtype, tensor.dtype))
    if dtype is None:
        raise ModelError(f"tensor {name} has the unsupported type {tensor.dtype}")
    shape = tuple(dim if isinstance(dim, int) else None for dim in tensor.shape)
    return TensorSpec(name, dtype, shape)


def _caller(
    module: Callable[..., object],
    in_spec: Any,
    fixed: dict[int, object],
) -> Callable[..., object]:
    """Return a callable that takes the leaves of ``in_spec`` one by one."""
    args, kwargs = in_spec.children()
    nested = any(not child.is_leaf() for child in args.children())
    if not fixed and not nested and kwargs.num_leaves == 0:
        return module
    count = in_spec.num_leaves

    def call(*values: object) -> object:
        given = iter(values)
        leaves = [fixed[at] if at in fixed else next(given) for at in range(count)]
        args, kwargs = pytree.tree_unflatten(leaves, in_spec)
        return module(*args, **kwargs)

    return call


def _flat_caller(module: Any, names: list[str], fixed: dict[int, object]) -> Callable[..., object]:
    """Return a callable from the leaves of the inputs to the outputs by name.

    Packing them into the structures that the program was exported with, and out again, costs
    more than a small model. The graph's own guards still check every call.
    """
    module.graph.set_codegen(torch.fx.graph.CodeGen())
    module.recompile()
    run = module.forward

    def call(*values: object) -> object:
        leaves = list(values)
        for place, value in fixed.items():
            leaves.insert(place, value)
        return dict(zip(names, run(*leaves), strict=True))

    return call


def _leaf_names(in_spec: Any) -> list[str]:
    """Name positional inputs ``input_0``, ``input_1``… and the others by their keyword."""
    args, kwargs = in_spec.children()
    names = [f"input_{index}" for index in range(args.num_leaves)]
    for keyword, child in zip(kwargs.context, kwargs.children(), strict=True):
        names += [keyword] if child.is_leaf() else []
        if not child.is_leaf():
            names += [f"{keyword}_{index}" for index in range(child.num_leaves)]
    return names
