"""From a model's configuration to the instances that run it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import yaml

from grps.backends.base import Signature
from grps.backends.registry import load_backend
from grps.backends.signature import describe
from grps.backends.warm_up import warm_up
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.inference.converter import Converter
from grps.inference.registry import converter_register, inferer_register
from grps.inference.runner import MessageRunner, TensorRunner, run_instance
from grps.log import logger
from grps.server.native import NativeModel, Server
from grps.server.state import Phase

Runner = MessageRunner | TensorRunner

Report = Callable[[Phase, str], None]
"""Takes the phase and a line for people."""

NO_CONVERTER = (None, "none")


class LoadedModel:
    """A model whose instances are loaded and warm."""

    def __init__(
        self,
        config: ModelConfig,
        description: dict[str, Any],
        runners: Sequence[Runner],
        signature: Signature | None,
    ) -> None:
        """Hold what ``serve`` needs.

        Args:
            config: The model's configuration.
            description: Its own lines of ``inference.yml``.
            runners: One per instance.
            signature: Inputs and outputs; ``None`` when user code works on messages.
        """
        self._config = config
        self._description = description
        self._runners = runners
        self._signature = signature

    @property
    def name(self) -> str:
        """The model's name, without its version."""
        return self._config.name

    @property
    def runner(self) -> Runner:
        """What runs the first instance."""
        return self._runners[0]

    @property
    def signature(self) -> Signature | None:
        """Inputs and outputs; ``None`` when user code works on messages."""
        return self._signature

    def serve(self, server: Server) -> None:
        """Register the model and start the threads of its instances."""
        model = server.add_model(
            NativeModel(
                name=self._config.name,
                version=self._config.version,
                takes_tensors=self._signature is not None,
                signature=self._signature,
                metadata=self._metadata(),
            )
        )
        for index, runner in enumerate(self._runners):
            name = f"{self._config.key}#{index}"
            arguments = (model.attach(), runner, name)
            threading.Thread(target=run_instance, args=arguments, name=name, daemon=True).start()

    def _metadata(self) -> str:
        description = dict(self._description)
        if self._signature is not None:
            description.update(describe(self._signature))
        return yaml.safe_dump(description, allow_unicode=True)


def load_model(config: ModelConfig, description: dict[str, Any], report: Report) -> LoadedModel:
    """Load and warm all instances of a model.

    Args:
        config: The model's configuration.
        description: Its own lines of ``inference.yml``.
        report: Told what is going on.

    Raises:
        GrpsError: The model can't be loaded or does not run.
    """
    if config.batching is not None and config.batching.type == "dynamic":
        raise ModelError(
            f"model {config.key}: batching.type dynamic is not supported by this version; use none"
        )
    if config.inferer_type == "customized":
        runner = _load_user_model(config)
        return LoadedModel(config, description, [runner] * config.instances, None)
    return _load_backend_model(config, description, report)


def _load_backend_model(
    config: ModelConfig, description: dict[str, Any], report: Report
) -> LoadedModel:
    if config.converter_type == "customized":
        raise ModelError(
            f"model {config.key}: a customized converter around inferer_type "
            f"{config.inferer_type} is not supported by this version"
        )
    config = _share_threads(config)
    runners: list[Runner] = []
    signature: Signature | None = None
    for index in range(config.instances):
        copy = f" (copy {index + 1} of {config.instances})" if config.instances > 1 else ""
        report("loading", f"loading model {config.key}{copy}")
        backend = load_backend(config)
        if config.warm_up:
            report("warming", f"warming up model {config.key}{copy}")
            skipped = warm_up(backend)
            if skipped is not None:
                logger.warning("model %s is not warmed up: %s", config.key, skipped)
        runners.append(TensorRunner(backend))
        signature = backend.signature
    return LoadedModel(config, description, runners, signature)


def _share_threads(config: ModelConfig) -> ModelConfig:
    """Divide the processors among the instances unless the user said how many threads to use."""
    arguments = dict(config.inferer_args or {})
    usable = len(os.sched_getaffinity(0))
    arguments.setdefault("intra_op_threads", max(1, usable // config.instances))
    return msgspec.structs.replace(config, inferer_args=arguments)


def _load_user_model(config: ModelConfig) -> MessageRunner:
    name = config.inferer_name or ""
    inferer = inferer_register.get_model_inferer(name)
    if inferer is None:
        known = ", ".join(sorted(inferer_register.model_inferer_dict)) or "none"
        raise ModelError(
            f"model {config.key}: no inferer is registered as {name!r}; registered: {known}"
        )
    converter = _load_converter(config)
    inferer.init(config.inferer_path, config.device, config.inferer_args)
    if inferer.load() is False:
        raise ModelError(f"model {config.key}: load() of inferer {name!r} returned False")
    return MessageRunner(inferer, converter)


def _load_converter(config: ModelConfig) -> Converter | None:
    if config.converter_type in NO_CONVERTER:
        return None
    if config.converter_type != "customized":
        raise ModelError(
            f"model {config.key}: converter_type {config.converter_type} around a customized "
            "inferer is not supported by this version"
        )
    name = config.converter_name or ""
    converter = converter_register.get_converter(name)
    if converter is None:
        known = ", ".join(sorted(converter_register.converter_dict)) or "none"
        raise ModelError(
            f"model {config.key}: no converter is registered as {name!r}; registered: {known}"
        )
    converter.init(config.converter_path, config.converter_args)
    return converter
