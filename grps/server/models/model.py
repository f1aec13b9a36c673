"""A loaded model, and how it is put behind the native server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from grps.backends.backend import Signature
from grps.backends.common.language.language_model import LanguageFacts
from grps.backends.common.signature import accepted, describe
from grps.config.parts.batching import PaddingConfig, StepTextConfig
from grps.config.schema import GpuConfig, ModelConfig
from grps.config.secrets import hide_secrets
from grps.converters.choice import raw_body_of
from grps.converters.names import NAMES
from grps.errors import ModelError
from grps.log import LogLevel
from grps.server.loading.app_models import described_signature, is_generator, request_form
from grps.server.loading.loaders import Report, copy_loaders
from grps.server.loading.native_engines import runs_natively
from grps.server.models.engine_instance import EngineCopy
from grps.server.models.instance import Instance
from grps.server.models.plugin_instance import PluginCopy
from grps.server.models.process_instance import ProcessInstance
from grps.server.models.remote import connect
from grps.server.models.step_instance import StepInstance
from grps.server.models.text import text_of, transcriber_of
from grps.server.models.thread_instance import ThreadInstance
from grps.server.native import (
    BodyOfModel,
    Model,
    NativeBatching,
    NativeLanguage,
    NativeModel,
    NativePadding,
    NativeSteps,
    NativeStepText,
    RemoteModel,
    Services,
)
from grps.server.worker.control import WorkerSettings
from grps.server.worker.process import WorkerProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The service's settings for every model."""

    max_concurrency: int
    """Most threads of a model that grows and sets no limit."""
    hang_timeout_ms: int | None
    """Work without a heartbeat that counts as a hang; ``None`` for no limit."""
    folder: Path
    """The project."""
    gpu: GpuConfig | None
    log_level: LogLevel
    services: Services | None = None
    """The other services that models run in."""
    remote_limit_s: float | None = None
    """Longest wait for another service; no limit when ``None``."""


_NO_LIMIT = 2**31
"""More steps than any sequence makes."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model whose instances are loaded and warm."""

    config: ModelConfig
    description: dict[str, Any]
    """Its own lines of ``inference.yml``."""
    instances: tuple[Instance, ...]
    """Loaded, not started; none when the model is native."""
    signature: Signature | None = None
    """Inputs and outputs; ``None`` when user code decides."""
    places: tuple[str, ...] = ()
    """The devices that its copies are on."""
    remote: RemoteModel | None = None
    """What runs it if another service does; ``takes_tensors`` is known then."""
    takes_tensors: bool = False

    def start(self, options: ServiceOptions) -> Model:
        """Start the instances; what is returned can be put behind a server.

        Args:
            options: The service's settings for every model.

        Raises:
            ModelError: The text of its sequences can't be made.
        """
        try:
            model = self._model(options)
        except ValueError as error:
            for instance in self.instances:
                instance.stop(0)
            raise ModelError(str(error)) from error
        try:
            for instance in self.instances:
                instance.start(model, self.config.max_threads or options.max_concurrency)
        except BaseException:
            model.close()
            for instance in self.instances:
                instance.stop(0)
            raise
        return model

    def _model(self, options: ServiceOptions) -> Model:
        metadata = self._metadata()
        return Model(
            NativeModel(
                name=self.config.name,
                version=self.config.version,
                takes_tensors=self._takes_tensors(),
                signature=self._accepted(),
                raw_body=self._raw_body(),
                metadata=metadata,
                description=json.dumps(yaml.safe_load(metadata), default=str),
                batching=native_batching(self.config),
                steps=self._steps(options.folder),
                queue_timeout_ms=self.config.queue.timeout_ms or None,
                hang_timeout_ms=options.hang_timeout_ms,
                native=self.config.is_native,
                remote=self.remote,
                language=self._language(),
                text=text_of(self.config, self._takes_tensors()),
                transcriber=transcriber_of(self.config),
            )
        )

    def join(self) -> None:
        """Wait for the end of all instances, after the model's queue has closed."""
        for instance in self.instances:
            instance.join()

    def _takes_tensors(self) -> bool:
        """Return whether the instances take tensors; else they take whole messages."""
        if self.remote is not None:
            return self.takes_tensors
        first = self.instances[0] if self.instances else None
        if isinstance(first, PluginCopy) or (
            isinstance(first, ProcessInstance) and self.config.inferer_type == "plugin"
        ):
            return not first.takes_messages
        return NAMES.takes_tensors(self.config)

    def _accepted(self) -> Signature | None:
        """Return what requests are checked against; ``None`` for messages."""
        if self.signature is None or not self._takes_tensors():
            return None
        return accepted(self.signature)

    def _steps(self, folder: Path) -> NativeSteps | None:
        """Return how its sequences are scheduled; ``None`` when it is no step model."""
        first = self.instances[0] if self.instances else None
        if not self.config.makes_steps:
            return None
        assert isinstance(first, StepInstance | PluginCopy | ProcessInstance)
        return native_steps(self.config, first.state_bytes, self._language_facts(), folder)

    def _language_facts(self) -> LanguageFacts | None:
        """Return what is known of a language model; ``None`` for another model."""
        first = self.instances[0] if self.instances else None
        return first.language if isinstance(first, StepInstance | ProcessInstance) else None

    def _language(self) -> NativeLanguage | None:
        """Return what front ends know of a language model; ``None`` for another model."""
        language = self._language_facts()
        if language is None:
            return None
        files = language.files
        return NativeLanguage(
            chat_template=files.chat_template,
            special_tokens=tuple(files.special_tokens.items()),
            context_length=files.context_length,
            optional_inputs=tuple(sorted(language.optional_inputs)),
            adapters=language.adapters,
        )

    def _raw_body(self) -> BodyOfModel | None:
        """Return what a body is whose content type does not say it."""
        if self.config.inferer_type == "torchserve":
            return "http"
        if (request := request_form(self.config)) is not None:
            return request.form
        return raw_body_of(self.config.converter_type)

    def _metadata(self) -> str:
        """Return the model's lines of the configuration and what its engine reports."""
        description = dict(self.description)
        if is_generator(self.config):
            description["streams"] = True
        if self.signature is not None:
            description.update(describe(self.signature))
            if self.remote is None:
                description.setdefault("batching", {"type": "none"})
                description["placed_on"] = list(self.places)
        elif (declared := described_signature(self.config)) is not None:
            description.update(describe(declared))
        shown = hide_secrets(yaml.safe_dump(description, allow_unicode=True))
        if (request := request_form(self.config)) is not None:
            # An example has no secrets, but names that look like those of secrets.
            shown += yaml.safe_dump({"request": asdict(request)}, allow_unicode=True)
        return shown


def load_model(
    config: ModelConfig, description: dict[str, Any], options: ServiceOptions, report: Report
) -> LoadedModel:
    """Load and warm all instances of a model.

    Args:
        config: The model's configuration.
        description: Its own lines of ``inference.yml``.
        options: The service's settings for every model.
        report: Receives the progress.

    Raises:
        GrpsError: The model can't be loaded or does not run.
    """
    if config.is_native:
        return LoadedModel(config, description, ())
    if config.remote is not None:
        remote, takes_tensors, signature = connect(
            config, options.services, report, options.remote_limit_s
        )
        return LoadedModel(
            config, description, (), signature, remote=remote, takes_tensors=takes_tensors
        )
    instances = _instances(config, options, report)
    try:
        if config.isolation == "process":
            signatures = _load_side_by_side(instances)
        else:
            signatures = [instance.load() for instance in instances]
    except BaseException:
        for instance in instances:
            instance.stop(0)
        raise
    devices = [one.device for one in signatures if one is not None and one.device is not None]
    places = tuple(dict.fromkeys(devices))
    return LoadedModel(config, description, instances, signatures[0], places)


def _load_side_by_side(instances: tuple[Instance, ...]) -> list[Signature | None]:
    """Load instances that each have a process of their own."""
    pool = ThreadPoolExecutor(len(instances))
    try:
        return list(pool.map(lambda instance: instance.load(), instances))
    finally:
        # A stop in the meantime stops the instances; their loads end with them.
        pool.shutdown(wait=False, cancel_futures=True)


def _instances(
    config: ModelConfig, options: ServiceOptions, report: Report
) -> tuple[Instance, ...]:
    if config.inferer_type == "plugin" and config.isolation == "thread":
        return tuple(
            PluginCopy(config.for_copy(index), index, options.folder, report)
            for index in range(config.copies)
        )
    if runs_natively(config) and config.isolation == "thread":
        return tuple(
            EngineCopy(config.for_copy(index), index, options.folder, report)
            for index in range(config.copies)
        )
    if config.makes_steps and config.isolation == "thread":
        return tuple(
            StepInstance(config.for_copy(index), index, report) for index in range(config.copies)
        )
    if config.isolation == "thread":
        return tuple(
            ThreadInstance(f"{config.key}#{index}", load)
            for index, load in enumerate(copy_loaders(config, report))
        )
    return tuple(
        ProcessInstance(
            f"{config.key}#{index}",
            partial(_start_worker, config, index, options, report),
            options.hang_timeout_ms,
            makes_steps=config.makes_steps,
        )
        for index in range(config.copies)
    )


def _start_worker(
    config: ModelConfig, index: int, options: ServiceOptions, report: Report
) -> WorkerProcess:
    settings = WorkerSettings(
        str(options.folder), config.for_copy(index), options.gpu, index, options.log_level.name
    )
    name = f"{config.key}#{index}"
    return WorkerProcess(name, settings, lambda progress: report(progress.phase, progress.detail))


def native_batching(config: ModelConfig) -> NativeBatching:
    """Return how the requests of a model are gathered, in the form of the data plane."""
    queue = config.queue
    batching = config.batching
    if batching is None or batching.type == "none":
        return NativeBatching(priority_levels=queue.priority_levels, max_length=queue.max_length)
    return NativeBatching(
        max_rows=batching.max_batch_size,
        waits_always=batching.wait == "always",
        window_us=batching.batch_timeout_us,
        preferred_sizes=tuple(sorted(set(batching.preferred_sizes))),
        allowed_sizes=tuple(sorted(set(batching.allowed_sizes))),
        padding=_native_padding(batching.padding),
        priority_levels=queue.priority_levels,
        max_length=queue.max_length,
        is_auto=batching.type == "auto",
        slo=batching.slo,
    )


def native_steps(
    config: ModelConfig, state_bytes: int, language: LanguageFacts | None, folder: Path
) -> NativeSteps:
    """Return how the sequences of a step model are scheduled, in the form of the data plane.

    Args:
        config: The model's configuration.
        state_bytes: Bytes of one row of all slots.
        language: What is known of a language model; ``None`` for another model.
        folder: The project, which the path of the tokenizer is relative to.
    """
    if language is not None:
        return _steps_of_language(config, state_bytes, language)
    steps, queue = config.steps, config.queue
    return NativeSteps(
        max_slots=config.slots,
        max_step_cost=steps.max_step_cost,
        max_chunk=steps.max_chunk,
        prefill_input=steps.prefill_input,
        state_bytes=state_bytes,
        max_state_bytes=steps.max_state_bytes,
        max_waiting_bytes=steps.max_waiting_bytes,
        max_steps=steps.max_steps,
        preemption=steps.preemption,
        priority_levels=queue.priority_levels,
        max_waiting=queue.max_length,
        text=_native_text(steps.text, folder),
    )


def _steps_of_language(
    config: ModelConfig, state_bytes: int, language: LanguageFacts
) -> NativeSteps:
    """Return how the sequences of a language model are scheduled: by its engine, or by us."""
    own, queue = language.scheduling, config.queue
    return NativeSteps(
        max_slots=config.slots,
        max_step_cost=None if own is None else config.slots + own.prefill_part,
        max_chunk=None if own is None else own.prefill_part,
        prefill_input=None if own is None else "tokens",
        state_bytes=state_bytes,
        position_bytes=0 if own is None else own.position_bytes,
        max_state_bytes=None if own is None else own.max_state_bytes,
        # One that batches ends its sequences itself, and makes steps without tokens.
        max_steps=_NO_LIMIT if own is None else language.files.context_length,
        # An engine that batches keeps the states of its sequences itself.
        preemption="never" if own is None else "recompute",
        priority_levels=queue.priority_levels,
        max_waiting=queue.max_length,
        text=NativeStepText(tokenizer_json=language.files.tokenizer),
    )


def _native_text(text: StepTextConfig | None, folder: Path) -> NativeStepText | None:
    if text is None:
        return None
    return NativeStepText(
        tokenizer=folder / text.tokenizer,
        token_output=text.token_output,
        stop=text.stop,
        skip_special_tokens=text.skip_special_tokens,
    )


def _native_padding(padding: PaddingConfig | None) -> NativePadding | None:
    if padding is None:
        return None
    return NativePadding(
        axes=padding.axes,
        sizes=tuple(sorted(set(padding.sizes))),
        max_waste=padding.max_waste_percent / 100,
        cut_outputs=padding.cut_outputs,
    )
