"""Settings of a model that are compared with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from grps.backends.table import ENGINES
from grps.config.parts.batching import BatchingConfig
from grps.config.schema import ModelConfig

Isolation = Literal["thread", "process"]
Option = str | int | float | bool
_TUNED = ("intra_op_threads", "streams", "native")
"""Keys of ``inferer_args`` that settings have as fields."""


@dataclass(frozen=True, slots=True)
class Variant:
    """How a copy of the model is loaded.

    Attributes:
        engine: The ``inferer_type``.
        threads: CPU threads of a run; ``None`` where the engine does not let a run choose.
        options: More ``inferer_args``.
    """

    engine: str
    threads: int | None = None
    options: tuple[tuple[str, Option], ...] = ()

    @property
    def text(self) -> str:
        """The variant in a few words."""
        threads = "" if self.threads is None else f", {_count(self.threads, 'thread')}"
        options = "".join(f", {key}={str(value).lower()}" for key, value in self.options)
        return f"{ENGINES[self.engine].title}{threads}{options}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What of a model's configuration is tuned.

    Attributes:
        variant: How each copy is loaded.
        runs: Runs that may be in progress at once: instances, or streams of an engine with them.
        isolation: Where instances run.
        max_batch: Most rows of a batch; 1 for no batching.
        wait_us: How long an idle instance waits for a batch to fill; ``None`` if it does not.
        native: Whether it runs in native threads, without Python.
    """

    variant: Variant
    runs: int = 1
    isolation: Isolation = "thread"
    max_batch: int = 1
    wait_us: int | None = None
    native: bool = False

    @property
    def text(self) -> str:
        """The settings in a line."""
        where = "" if self.runs == 1 and self.isolation == "thread" else f" in {self.isolation}"
        where = f"{where}{'es' if self.isolation == 'process' else 's'}" if where else ""
        copies = _count(self.runs, "stream" if self.has_streams else "instance")
        batch = "no batching" if self.max_batch == 1 else f"batches up to {self.max_batch}"
        wait = "" if self.wait_us is None else f" that wait {self.wait_us} us"
        native = ", native" if self.native else ""
        return f"{self.variant.text}, {copies}{where}, {batch}{wait}{native}"

    @property
    def has_streams(self) -> bool:
        """Whether one loaded copy has several streams."""
        engine = ENGINES[self.variant.engine]
        return engine.streams_on_cpu and self.isolation == "thread" and not self.native


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def copy_config(base: ModelConfig, variant: Variant, streams: int = 1) -> ModelConfig:
    """Return the configuration by which one copy is loaded.

    Args:
        base: The model as it is configured.
        variant: How it is loaded.
        streams: Streams of an engine that has them.
    """
    engine = ENGINES[variant.engine]
    is_own = variant.engine == base.inferer_type
    arguments: dict[str, Any] = dict(base.inferer_args or {}) if is_own else {}
    for key in _TUNED:
        arguments.pop(key, None)
    arguments |= dict(variant.options)
    if variant.threads is not None:
        arguments["intra_op_threads"] = variant.threads
    if engine.streams_on_cpu and streams > 1:
        arguments["streams"] = streams
    return msgspec.structs.replace(
        base,
        inferer_type=variant.engine,
        inferer_args=arguments or None,
        converter_type=base.converter_type if is_own else engine.converter,
    )


def model_config(base: ModelConfig, settings: Settings) -> ModelConfig:
    """Return the configuration of a model with settings."""
    streams = settings.runs if settings.has_streams else 1
    one = copy_config(base, settings.variant, streams)
    if settings.native:
        arguments = {**(one.inferer_args or {}), "native": True}
        one = msgspec.structs.replace(one, inferer_args=arguments)
    instances = 1 if settings.has_streams else settings.runs
    return msgspec.structs.replace(
        one,
        instances=instances,
        isolation=settings.isolation,
        batching=_batching(base.batching or BatchingConfig(), settings),
    )


def _batching(base: BatchingConfig, settings: Settings) -> BatchingConfig:
    if settings.max_batch == 1:
        return msgspec.structs.replace(base, type="none")
    batching = msgspec.structs.replace(
        base, type="dynamic", max_batch_size=settings.max_batch, wait="when_busy"
    )
    if settings.wait_us is None:
        return batching
    return msgspec.structs.replace(batching, wait="always", batch_timeout_us=settings.wait_us)


def differences(base: ModelConfig, tuned: ModelConfig) -> dict[str, Any]:
    """Return the keys of ``inference.yml`` in which a tuned model differs, with their values.

    A key that gets back to its default is there too, with that value.
    """
    found: dict[str, Any] = {}
    for key in ("inferer_type", "inferer_args", "converter_type", "instances", "isolation"):
        if getattr(base, key) != getattr(tuned, key):
            found[key] = getattr(tuned, key)
    old, new = base.batching or BatchingConfig(), tuned.batching or BatchingConfig()
    if (changed := _batching_changes(old, new)) != {}:
        found["batching"] = changed
    return found


def _batching_changes(old: BatchingConfig, new: BatchingConfig) -> dict[str, Any]:
    if new.type == "none":
        return {} if old.type == "none" else {"type": "none"}
    keys = ["type", "max_batch_size", "wait"]
    if new.wait == "always":
        keys.append("batch_timeout_us")
    changed = [key for key in keys if getattr(old, key) != getattr(new, key)]
    if not changed:
        return {}
    # Type and size are written together: a reader should not have to know the default.
    return {key: getattr(new, key) for key in keys if key in ("type", "max_batch_size", *changed)}
