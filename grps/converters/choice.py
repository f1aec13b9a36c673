"""The choice of a converter by ``converter_type``, and the reading of its arguments."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from grps.backends.backend import Backend, Signature
from grps.backends.common.arguments import read_arguments
from grps.backends.common.warm_up import first_run
from grps.backends.joined_rows import joining_fault
from grps.config.schema import ModelConfig
from grps.converters.common.model_inputs import ModelInputs
from grps.converters.common.reader import Arrays, Reader
from grps.converters.common.rows import RowEngine
from grps.converters.common.runner import ConvertingRunner
from grps.converters.common.writer import TensorWriter, Writer
from grps.converters.labels import LabelArguments, LabelWriter
from grps.converters.table import CONVERTERS, ConverterEntry, RawBody
from grps.errors import InputError, MissingExtraError, ModelError
from grps.log import logger

_PACKAGE_NAMES = {"PIL": "pillow"}


class _Shared(msgspec.Struct, frozen=True):
    """``converter_args`` that every built-in converter has."""

    constants: dict[str, Any] = {}
    """Inputs that are the same for every request, by name."""


@dataclass(frozen=True, slots=True)
class BuiltInConverter:
    """The two halves around a model."""

    reader: Reader
    writer: Writer
    inputs: ModelInputs
    """What was found of the model's inputs."""

    @property
    def filled(self) -> dict[str, str]:
        """What goes into each input of the model, in words, by its name."""
        constant = {name: "the same for every request" for name in self.inputs.constants}
        return {**self.reader.filled, **constant}


def raw_body_of(converter_type: str | None) -> RawBody | None:
    """Return how a converter reads a body without a known content type; ``None`` for nothing."""
    entry = CONVERTERS.get(converter_type or "")
    return None if entry is None else entry.raw_body


def create_converter(config: ModelConfig, signature: Signature) -> BuiltInConverter:
    """Return the converter of a model.

    Args:
        config: The model, whose ``converter_type`` is a built-in one.
        signature: The model's inputs and outputs.

    Raises:
        MissingExtraError: A package that the converter needs is not installed.
        ModelError: An argument is wrong, or the converter does not fit the model.
    """
    module = _import(CONVERTERS[str(config.converter_type)])
    labels, shared, arguments = _split(config.converter_args, module.ARGUMENTS)
    inputs = ModelInputs(signature, shared.constants)
    reader: Reader = module.create_reader(config.converter_path, arguments, inputs)
    names_scores = labels.wanted or config.converter_type == "labels"
    writer: Writer = LabelWriter(labels, signature) if names_scores else TensorWriter()
    return BuiltInConverter(reader, writer, inputs)


def create_runner(config: ModelConfig, backend: Backend) -> ConvertingRunner:
    """Return what runs a loaded model between the halves of its built-in converter.

    Raises:
        GrpsError: As ``create_converter``.
    """
    made = create_converter(config, backend.signature)
    for name, words in made.filled.items():
        logger.info("model %s: input %s takes: %s", config.key, name, words)
    engine = RowEngine(backend, made.inputs.constants, most_rows(config, made.inputs))
    if config.warm_up:
        _try(made, engine, config.key)
        _check_joined_rows(config, made, engine, backend)
    return ConvertingRunner(made.reader, engine, made.writer, config.key)


def _try(made: BuiltInConverter, engine: RowEngine, key: str) -> None:
    """Run a model once on an example of the requests that its converter reads.

    Raises:
        ModelError: The outputs are not what the converter is to write.
    """
    example = made.reader.example()
    if example is None:
        return
    try:
        outputs = engine.run(made.reader.join(made.reader.read(example).items))
    except (InputError, ModelError) as error:
        logger.warning("model %s refused an example of what its converter reads: %s", key, error)
        return
    made.writer.write(outputs)


def _check_joined_rows(
    config: ModelConfig, made: BuiltInConverter, engine: RowEngine, backend: Backend
) -> None:
    """Refuse dynamic batching of a model whose answers depend on the other rows of a run.

    Raises:
        ModelError: It is asked for.
    """
    batching = config.batching
    if batching is None or not config.joins_requests:
        return
    try:
        arrays = _example_rows(made, backend)
    except (InputError, ModelError):
        return  # what the model refuses is in the log
    names = list(arrays)

    def run(inputs: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        return list(engine.run(dict(zip(names, inputs, strict=True))).items())

    fault = joining_fault(run, list(arrays.values()), engine.most_rows)
    if fault is not None:
        raise ModelError(
            f"model {config.key}: batching.type {batching.type}: {fault}, so requests can't be "
            "joined; use batching.type none"
        )


def _example_rows(made: BuiltInConverter, backend: Backend) -> Arrays:
    """Return rows that the converter makes of a request; none when no example is known."""
    example = made.reader.example()
    if example is not None:
        return made.reader.join(made.reader.read(example).items)
    found = first_run(backend).inputs or []
    needed = (spec.name for spec in backend.signature.inputs if spec.required)
    return {
        name: array
        for name, array in zip(needed, found, strict=False)
        if name not in made.inputs.constants
    }


def most_rows(config: ModelConfig, inputs: ModelInputs) -> int | None:
    """Return how many rows a run may have at most; ``None`` for no limit."""
    if {spec.shape[0] for spec in inputs.free if spec.shape} == {1}:
        return 1
    batching = config.batching
    if batching is None or batching.type == "none":
        return None
    return batching.max_batch_size


def _split(given: dict[str, Any] | None, own: Any) -> tuple[LabelArguments, _Shared, Any]:
    """Read the arguments of the writer, those all have, and those of the reader."""
    parts: list[Any] = [LabelArguments, _Shared, own]
    known = tuple(name for part in parts for name in part.__struct_fields__)
    found = []
    for part in parts:
        mine = {
            key: value
            for key, value in (given or {}).items()
            if key in part.__struct_fields__ or key not in known
        }
        found.append(read_arguments(part, mine, "converter_args", known))
    labels, shared, arguments = found
    return labels, shared, arguments


def _import(entry: ConverterEntry) -> Any:
    try:
        return importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if error.name not in entry.packages:
            raise
        package = _PACKAGE_NAMES.get(error.name, error.name)
        raise MissingExtraError(package, entry.extra) from error
    except ImportError as error:
        raise ModelError(
            f"{' or '.join(entry.packages)} is installed but broken: {error}"
        ) from error
    except OSError as error:
        # soundfile's own library is missing.
        raise MissingExtraError(entry.packages[0], entry.extra, str(error)) from error
