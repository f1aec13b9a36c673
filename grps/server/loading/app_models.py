"""Models of the user's code as the server sees them, such as those with ``@grps.model``."""

from __future__ import annotations

from inspect import isasyncgenfunction, isgeneratorfunction

from grps.backends.backend import Signature, TensorSpec
from grps.config.schema import ModelConfig
from grps.inference.app.declaration import Declared
from grps.inference.app.described import RequestForm, request_of
from grps.inference.app.inferers import AppInferer
from grps.inference.app.parameters import Parameter
from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register


def app_of(config: ModelConfig) -> AppInferer | None:
    """Return the function or class that a model is; ``None`` for another model."""
    if config.inferer_type != "customized":
        return None
    registered = inferer_register.get_model_inferer(config.inferer_name or "")
    return registered if isinstance(registered, AppInferer) else None


def has_own_objects(config: ModelConfig) -> bool:
    """Return whether each instance has an object of its own, which one thread at a time calls."""
    app = app_of(config)
    return app is not None and app.declared.is_class


def is_generator(config: ModelConfig) -> bool:
    """Return whether the user's inferer is known to answer in pieces."""
    if config.inferer_type != "customized":
        return False
    app = app_of(config)
    if app is not None:
        return app.declared.form in ("generator", "async_generator")
    inferer = inferer_register.get_model_inferer(config.inferer_name or "")
    infer = getattr(type(inferer), "infer", None)
    return isgeneratorfunction(infer) or isasyncgenfunction(infer)


def request_form(config: ModelConfig) -> RequestForm | None:
    """Return what a request is for a function that takes more than tensors; ``None`` for others."""
    app = app_of(config)
    return None if app is None else request_of(app.declared)


def signature_of(inferer: ModelInferer) -> Signature | None:
    """Return what a function on arrays declares; ``None`` for other code."""
    return _signature(inferer.declared) if isinstance(inferer, AppInferer) else None


def described_signature(config: ModelConfig) -> Signature | None:
    """Return the arrays of a function that takes them in messages; ``None`` for other code."""
    app = app_of(config)
    if app is None or app.declared.options.converter:
        return None
    return _signature(app.declared)


def _signature(declared: Declared) -> Signature | None:
    inputs = [one for one in declared.parameters if one.kind == "array"]
    if len(inputs) < sum(one.kind != "context" for one in declared.parameters) or not inputs:
        return None
    output = declared.output
    outputs = (_spec(output),) if output is not None and output.kind == "array" else ()
    return Signature(tuple(map(_spec, inputs)), outputs, strict_names=True)


def _spec(parameter: Parameter) -> TensorSpec:
    return TensorSpec(parameter.name, parameter.dtype, parameter.shape, parameter.required)
