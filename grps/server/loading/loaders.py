"""From a model's configuration to its loaded copies.

What runs is decided by the pair of converter and inferer:

- a backend alone, or with a tensor converter: native tensors straight into the engine;
- the user's inferer with a tensor converter: native tensors into the user's code;
- a backend with a built-in converter: messages to the converter, arrays to the engine;
- the user's inferer with a built-in converter: the same, with the user's code as the engine;
- the user's converter, or no converter around the user's inferer: messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy as shallow_copy
from copy import deepcopy
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

from grps.backends.array_inferer import ArrayInferer
from grps.backends.backend import Backend, Signature
from grps.backends.common.signature import check_inputs, fixed_rows
from grps.backends.common.warm_up import FirstRun, warm_up
from grps.backends.joined_rows import joining_fault
from grps.backends.loading import load_copy
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.converters.choice import create_runner
from grps.converters.names import NAMES
from grps.errors import MissingExtraError, ModelError, StopRequested
from grps.inference import user_tensors
from grps.inference.app.inferers import AppInferer
from grps.inference.async_runner import AsyncMessageRunner, is_async
from grps.inference.converter import Converter
from grps.inference.identity import IdentityInferer
from grps.inference.inferer import ModelInferer
from grps.inference.message_runner import BatchingMessageRunner, MessageModel, MessageRunner
from grps.inference.registry import converter_register, inferer_register
from grps.inference.runner import Runner, describe
from grps.inference.steps.model import StepModel
from grps.inference.steps.slots import bytes_of
from grps.inference.tensor_runner import EngineModel, SourceModel, TensorRunner
from grps.inference.user_tensors import UserTensorModel
from grps.log import logger
from grps.server.loading.app_models import has_own_objects, signature_of
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.recorded import first_recorded, run_recorded
from grps.server.loading.user_backend import UserBackend
from grps.server.state import Phase

Report = Callable[[Phase, str], None]
"""Takes the phase and a line for people."""

NO_CONVERTER = (None, "none")
THREADS_OF_A_CONVERTER = 2

T = TypeVar("T")
U = TypeVar("U", ModelInferer, StepModel)


def copy_loaders(config: ModelConfig, report: Report) -> tuple[Callable[[], LoadedCopy], ...]:
    """Return what loads and warms each copy of a model, one per instance.

    User code is one copy that all its threads share, as upstream has it.

    Args:
        config: The model's configuration.
        report: Receives the progress.

    Raises:
        ModelError: The model is a plugin's or a step model, which run in threads of the server.
    """
    if config.inferer_type == "plugin":
        raise ModelError(f"model {config.key}: inferer_type 'plugin' runs in a server only")
    if config.makes_steps:
        raise ModelError(f"model {config.key}: batching.type 'continuous' runs in a server only")
    copies = tuple(config.for_copy(index) for index in range(config.copies))
    if has_own_objects(config) and not NAMES.has_built_in_converter(config):
        return tuple(partial(_load_own_object, copy, report) for copy in copies)
    if runs_user_code(config):
        return (partial(_load_user_copy, config, report),)
    load = _load_converted if config.inferer_type == "customized" else _load_engine
    return tuple(partial(load, copy, index, report) for index, copy in enumerate(copies))


def runs_user_code(config: ModelConfig) -> bool:
    """Return whether the user's code takes requests itself: no engine, no built-in converter."""
    if NAMES.has_built_in_converter(config):
        return False
    return not NAMES.takes_tensors(config) or config.inferer_type == "customized"


def _load_user_copy(config: ModelConfig, report: Report) -> LoadedCopy:
    runner, signature = _user_runner(config)
    copy = LoadedCopy((runner,) * config.instances, signature, grows=True)
    _warm_recorded(config, copy, report)
    return copy


def _load_own_object(config: ModelConfig, report: Report) -> LoadedCopy:
    runner, signature = _user_runner(config)
    copy = LoadedCopy((runner,), signature)
    _warm_recorded(config, copy, report)
    return copy


def _user_runner(config: ModelConfig) -> tuple[Runner, Signature | None]:
    if not NAMES.takes_tensors(config):
        return _message_runner(config, _load_message_model(config)), None
    inferer = _load_user_inferer(config)
    signature = signature_of(inferer)
    if signature is not None:
        _check_batching(config, signature)
    return TensorRunner(_user_tensor_model(config, inferer), config.key), signature


def _load_converted(config: ModelConfig, index: int, report: Report) -> LoadedCopy:
    """Load the user's inferer behind a built-in converter."""
    report("loading", f"loading model {config.key}")
    backend = UserBackend(_load_user_inferer(config), config)
    copy = LoadedCopy(_converting_runners(config, [backend]), backend.signature)
    if index == 0:
        _warm_recorded(config, copy, report)
    return copy


def _warm_recorded(config: ModelConfig, copy: LoadedCopy, report: Report) -> None:
    if config.warm_up_requests:
        report("warming", f"warming up model {config.key} with recorded requests")
        run_recorded(config.key, config.warm_up_requests, copy)


def _load_engine(config: ModelConfig, index: int, report: Report) -> LoadedCopy:
    which = f" (copy {index + 1} of {config.instances})" if config.instances > 1 else ""
    report("loading", f"loading model {config.key}{which}")
    backends = load_copy(config)
    check_inputs(backends[0].signature)
    _check_batching(config, backends[0].signature)
    signature = backends[0].signature
    if config.warm_up:
        report("warming", f"warming up model {config.key}{which}")
        for backend in reversed(backends):
            signature, ran = warm_up(backend)
            if ran.skipped is not None:
                logger.warning("model %s is not warmed up: %s", config.key, ran.skipped)
    if NAMES.has_built_in_converter(config):
        runners = _converting_runners(config, backends)
    else:
        takes_any = signature.open_ended or bool(signature.inputs)
        model_of = EngineModel if takes_any else SourceModel
        runners = tuple(TensorRunner(model_of(backend), config.key) for backend in backends)
    copy = LoadedCopy(runners, signature)
    _warm_recorded(config, copy, report)
    if config.warm_up and index == 0:
        _check_joined_rows(config, backends[0], ran)
    return copy


def _check_batching(config: ModelConfig, signature: Signature) -> None:
    """Refuse dynamic batching where requests can't be joined.

    Raises:
        ModelError: It is asked for.
    """
    if config.batching is None or not config.joins_requests:
        return
    if NAMES.has_built_in_converter(config):
        return  # it divides the rows of a batch among runs, and checks that itself
    most, wanted = signature.most_rows, config.batching.max_batch_size
    if most is not None and wanted > most:
        raise ModelError(
            f"model {config.key}: max_batch_size {wanted} is more than the {most} rows that the "
            f"model takes; set max_batch_size to {most}"
        )
    cause = fixed_rows(signature)
    if cause is not None:
        raise ModelError(
            f"model {config.key}: batching.type {config.batching.type}: {cause}, so requests "
            "can't be joined; export the model with a free first dimension in all inputs and "
            "outputs, or use batching.type none"
        )


def _check_joined_rows(config: ModelConfig, backend: Backend, ran: FirstRun) -> None:
    """Refuse dynamic batching of a model whose answers depend on the other rows of a batch.

    Raises:
        ModelError: It is asked for.
    """
    batching = config.batching
    if batching is None or not config.joins_requests or NAMES.has_built_in_converter(config):
        return
    inputs = ran.inputs
    if inputs is None and config.warm_up_requests:
        inputs = first_recorded(config.warm_up_requests, backend.signature)
    if inputs is None:
        logger.warning(
            "model %s: whether its requests can be joined is not checked, as no request is known; "
            "give one in warm_up_requests",
            config.key,
        )
        return
    most = min(batching.max_batch_size, backend.signature.most_rows or batching.max_batch_size)
    fault = joining_fault(backend.infer, inputs, most, sorted(batching.allowed_sizes))
    if fault is not None:
        raise ModelError(
            f"model {config.key}: batching.type {batching.type}: {fault}, so requests can't be "
            "joined; use batching.type none"
        )


def _converting_runners(config: ModelConfig, backends: list[Backend]) -> tuple[Runner, ...]:
    """Return what runs engines between the halves of a built-in converter.

    Each copy has two threads: while one runs the model, the other decodes what comes next.
    """
    runners = tuple(create_runner(config, backend) for backend in dict.fromkeys(backends))
    return runners * THREADS_OF_A_CONVERTER


def _message_runner(config: ModelConfig, model: MessageModel) -> Runner:
    dynamic = config.joins_requests
    if is_async(model.inferer):
        if dynamic:
            raise ModelError(
                f"model {config.key}: an async infer runs many requests side by side; "
                "use batching.type none"
            )
        return AsyncMessageRunner(model, config.key)
    if not dynamic:
        return MessageRunner(model, config.key)
    if type(model.inferer).batch_infer is ModelInferer.batch_infer:
        raise ModelError(
            f"model {config.key}: dynamic batching needs batch_infer in its inferer; "
            "write it, or use batching.type none"
        )
    return BatchingMessageRunner(model, config.key)


def _load_message_model(config: ModelConfig) -> MessageModel:
    converter = _find_converter(config)
    if config.inferer_type == "customized":
        return MessageModel(_load_user_inferer(config), converter)
    if config.inferer_type == "identity":
        return MessageModel(IdentityInferer(), converter)
    if config.inferer_type == "torchserve":
        return MessageModel(_init(config, _create_handler_inferer(config)), converter)
    return MessageModel(_init(config, _create_engine_inferer(config)), converter)


def _create_engine_inferer(config: ModelConfig) -> ModelInferer:
    """Return an engine's side of the user's converter: on its own tensors, else on arrays."""
    if not ENGINES[config.inferer_type].has_own_tensors:
        return ArrayInferer(config.inferer_type)
    inferer: ModelInferer = _engine_module(config, "inferer").create_inferer()
    return inferer


def _create_handler_inferer(config: ModelConfig) -> ModelInferer:
    from grps.backends.torch.torchserve.inferer import HandlerInferer

    batching = config.batching
    return HandlerInferer(batching.max_batch_size if batching and config.joins_requests else 1)


def _load_user_inferer(config: ModelConfig) -> ModelInferer:
    name = config.inferer_name or ""
    inferer = inferer_register.get_model_inferer(name)
    if inferer is None:
        known = ", ".join(sorted(inferer_register.model_inferer_dict)) or "none"
        raise ModelError(
            f"model {config.key}: no inferer is registered as {name!r}; registered: {known}"
        )
    if isinstance(inferer, StepModel):
        raise ModelError(
            f"model {config.key}: {name!r} is a StepModel; use batching.type continuous"
        )
    return _init(config, _own(inferer))


def load_step_model(config: ModelConfig) -> StepModel:
    """Return a step model, loaded: an engine's, or an object of the user's of its own.

    Raises:
        ModelError: It is not registered, is no step model, lacks something, or can't be loaded.
        MissingExtraError: The engine is not installed.
    """
    if config.inferer_type != "customized":
        made: StepModel = _engine_module(config, "step_model").create_step_model(config)
        return _init(config, made)
    name = config.inferer_name or ""
    registered = inferer_register.get_model_inferer(name)
    if not isinstance(registered, StepModel):
        what = "no inferer is" if registered is None else f"{type(registered).__name__} is"
        raise ModelError(
            f"model {config.key}: batching.type continuous needs a StepModel, but {what} "
            f"registered as {name!r}"
        )
    kind = type(registered)
    bytes_of(kind.slots)  # a wrong declaration is an error of the start
    if config.steps.prefills_in_parts and kind.prefill is StepModel.prefill:
        raise ModelError(
            f"model {config.key}: batching.steps.max_chunk needs a prefill method, which "
            f"{kind.__name__} has not"
        )
    return _init(config, _own(registered))


def _init(config: ModelConfig, inferer: U) -> U:
    name = config.inferer_name or config.inferer_type
    with _naming(config, f"inferer {name!r}"):
        inferer.init(config.inferer_path, config.device, config.inferer_args)
        if inferer.load() is False:
            raise ModelError("load() returned False")
    return inferer


@contextmanager
def _naming(config: ModelConfig, what: str) -> Iterator[None]:
    """Say in which of the user's classes an exception was raised.

    Raises:
        ModelError: With the exception as its one-line cause.
    """
    try:
        yield
    except (StopRequested, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ModelError(f"model {config.key}: {what}: {describe(error)}") from error


def _find_converter(config: ModelConfig) -> Converter | None:
    if config.converter_type in NO_CONVERTER:
        return None
    name = config.converter_name or ""
    converter = converter_register.get_converter(name)
    if converter is None:
        known = ", ".join(sorted(converter_register.converter_dict)) or "none"
        raise ModelError(
            f"model {config.key}: no converter is registered as {name!r}; registered: {known}"
        )
    converter = _own(converter)
    with _naming(config, f"converter {name!r}"):
        converter.init(config.converter_path, config.converter_args)
    return converter


def _own(registered: T) -> T:
    """Return a copy of a registered object, so that models of one class do not share its state."""
    try:
        return deepcopy(registered)
    except Exception:
        # It holds something that can't be copied, such as a lock; its models then share that.
        return shallow_copy(registered)


def _user_tensor_model(config: ModelConfig, inferer: ModelInferer) -> UserTensorModel:
    if is_async(inferer):
        raise ModelError(
            f"model {config.key}: an async infer takes messages; use converter_type none"
        )
    if config.converter_type == "numpy":
        enter = inferer.enter if isinstance(inferer, AppInferer) else user_tensors.name_inputs
        return UserTensorModel(inferer, enter, user_tensors.name_outputs)
    converter = _engine_module(config, "converter").create_converter()
    return UserTensorModel(inferer, converter.enter, converter.leave)


def _engine_module(config: ModelConfig, part: str) -> Any:
    """Import an engine's side of the user's code: its ``inferer`` or its ``converter``.

    Raises:
        ModelError: This build has none for the engine.
        MissingExtraError: The engine is not installed.
    """
    engine = ENGINES[str(config.converter_type if part == "converter" else config.inferer_type)]
    try:
        return import_module(engine.module(part))
    except ModuleNotFoundError as error:
        if error.name in (engine.package, *engine.also_imports):
            raise MissingExtraError(error.name, engine.extra) from error
        if error.name != engine.module(part):
            raise
        raise ModelError(
            f"model {config.key}: {engine.name} has no {part} for customized code in this build"
        ) from error
