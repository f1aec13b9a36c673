"""Reads ``model-config.yaml`` of a model archive, as far as it says how the model is served.

The whole file is the handler's to read: ``context.model_yaml_config``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from grps.config.document import read_text
from grps.errors import ArchiveError

MAX_BYTES = 1024 * 1024
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class _Keys(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Keys of TorchServe that have a counterpart here, or that can't be served."""

    min_workers: Annotated[int, msgspec.Meta(ge=0, le=64)] = 1
    max_workers: Annotated[int, msgspec.Meta(ge=0)] | None = None
    batch_size: Positive = 1
    max_batch_delay: NotNegative = 100
    response_timeout: NotNegative = 120
    job_queue_size: NotNegative = 0
    device_type: str = ""
    device_ids: tuple[NotNegative, ...] = ()
    parallel_type: str = ""
    parallel_level: NotNegative = 0
    sequence_batching: bool = False
    continuous_batching: bool = False
    async_communication: bool = False
    use_job_ticket: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarSettings:
    """How a model is served, in the terms of ``inference.yml`` and ``server.yml``."""

    instances: int = 1
    max_batch_size: int = 1
    batch_timeout_us: int = 100_000
    hang_timeout_ms: int = 120_000
    max_queue: int | None = None
    device: str | None = None


def read_settings(folder: Path, config_file: str | None) -> MarSettings:
    """Read the configuration of a model.

    Args:
        folder: The unpacked archive.
        config_file: The file's name in it, if there is one.

    Raises:
        ArchiveError: It is malformed, or asks for what GRPS does not have.
    """
    if not config_file:
        return MarSettings()
    path = folder / config_file
    if path.stat().st_size > MAX_BYTES:
        raise ArchiveError(f"{config_file} has over {MAX_BYTES} bytes")
    try:
        read = yaml.safe_load(read_text(path))
        keys = msgspec.convert({} if read is None else read, _Keys)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        cause = " ".join(str(error).split())
        raise ArchiveError(f"{config_file}: {cause}") from error
    _refuse(config_file, keys)
    return MarSettings(
        instances=max(1, keys.min_workers),
        max_batch_size=keys.batch_size,
        batch_timeout_us=keys.max_batch_delay * 1000,
        hang_timeout_ms=keys.response_timeout * 1000,
        max_queue=keys.job_queue_size or None,
        device=_device(config_file, keys),
    )


def _refuse(file: str, keys: _Keys) -> None:
    faults: tuple[tuple[Any, str], ...] = (
        (keys.parallel_type, "parallelType: models that are split over processes are not served"),
        (keys.parallel_level > 1, "parallelLevel: a model runs in one process per instance"),
        (keys.sequence_batching, "sequenceBatching: sequences of requests are not supported"),
        (keys.continuous_batching, "continuousBatching: is not supported for handlers"),
        (keys.async_communication, "asyncCommunication: is not supported for handlers"),
        (keys.use_job_ticket, "useJobTicket: is not supported; limit the queue by jobQueueSize"),
    )
    for wrong, text in faults:
        if wrong:
            raise ArchiveError(f"{file}: {text}")


def _device(file: str, keys: _Keys) -> str | None:
    if keys.device_type == "cpu":
        return "cpu"
    if keys.device_type not in ("", "gpu"):
        raise ArchiveError(f"{file}: deviceType {keys.device_type!r} is not served: cpu or gpu")
    if keys.device_ids:
        return ",".join(f"cuda:{number}" for number in keys.device_ids)
    return "cuda" if keys.device_type == "gpu" else None
