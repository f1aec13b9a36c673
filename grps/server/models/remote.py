"""Models that run in other services."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from grps.backends.backend import Signature, TensorSpec
from grps.config.schema import ModelConfig, ServiceConfig
from grps.errors import ModelError
from grps.server.loading.loaders import Report
from grps.server.native import RemoteModel, Services

STEP_MS = 100
"""How long a service is waited for between two looks at what else happens."""
QUIET_S = 1.0
"""How long it is waited for without a report."""
LONGEST_WAIT_S = 10.0
"""Longest wait for it while the service serves already."""


def other_services(configs: tuple[ServiceConfig, ...], folder: Path) -> Services | None:
    """Return the other services of a configuration; ``None`` when there are none.

    Args:
        configs: The services.
        folder: The project, which paths are relative to.

    Raises:
        ValueError: An address can't be used.
    """
    if not configs:
        return None
    absolute = [_absolute(config, folder) for config in configs]
    return Services(msgspec.json.encode(absolute).decode())


def _absolute(config: ServiceConfig, folder: Path) -> ServiceConfig:
    tls = config.tls
    if tls is not None:
        tls = msgspec.structs.replace(
            tls,
            ca=str(folder / tls.ca),
            certificate=tls.certificate and str(folder / tls.certificate),
            key=tls.key and str(folder / tls.key),
        )
    key_file = config.api_key_file and str(folder / config.api_key_file)
    return msgspec.structs.replace(config, tls=tls, api_key_file=key_file)


def connect(
    config: ModelConfig, services: Services | None, report: Report, limit_s: float | None
) -> tuple[RemoteModel, bool, Signature | None]:
    """Wait until the service of a model tells of it.

    Args:
        config: The model's configuration.
        services: The other services.
        report: Receives what is waited for.
        limit_s: Longest wait; no limit when ``None``.

    Returns:
        What runs the model, whether it takes tensors, and its inputs and outputs if they are known.

    Raises:
        ModelError: The service is not one of them, or has not told of the model in time.
    """
    assert config.remote is not None
    if services is None:
        raise ModelError(f"model {config.key}: services are read at the start; restart the service")
    name = config.remote.service
    try:
        model = services.model(name, config.remote.model or config.key, config.key)
    except ValueError as error:
        text = f"{error} (services are read when the service starts)"
        raise ModelError(f"model {config.key}: {text}") from error
    try:
        takes_tensors, described = _wait(model, report, limit_s)
    except BaseException:
        model.close()
        raise
    return model, takes_tensors, None if described is None else _signature(*described)


def _wait(
    model: RemoteModel, report: Report, limit_s: float | None
) -> tuple[bool, tuple[list[Tensor], list[Tensor], bool] | None]:
    began, reported = time.monotonic(), ""
    while True:
        # In steps, so that a signal to stop is seen.
        told = model.wait(STEP_MS)
        if told is not None:
            return told
        waited, trouble = time.monotonic() - began, model.trouble() or ""
        if limit_s is not None and waited > limit_s:
            raise ModelError(trouble)
        if waited > QUIET_S and trouble != reported:
            report("loading", f"waiting: {trouble}")
            reported = trouble


Tensor = tuple[str, str | None, list[int | None] | None, bool]


def _signature(inputs: list[Tensor], outputs: list[Tensor], strict_names: bool) -> Signature:
    return Signature(tuple(map(_spec, inputs)), tuple(map(_spec, outputs)), strict_names)


def _spec(tensor: Tensor) -> TensorSpec:
    name, dtype, shape, required = tensor
    return TensorSpec(name, dtype, None if shape is None else tuple(shape), required)
