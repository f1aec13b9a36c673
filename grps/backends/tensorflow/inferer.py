"""A SavedModel between the halves of the user's own converter, and a base to derive from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grps.backends.common.arguments import read_arguments
from grps.backends.common.device import parse_device
from grps.backends.formats import expect_format
from grps.backends.tensorflow.causes import tensorflow_cause
from grps.backends.tensorflow.converter import TfTensorConverter
from grps.backends.tensorflow.program import Program, open_program, scope
from grps.backends.tensorflow.runtime import (
    TensorflowArguments,
    choose,
    load_libraries,
    place_of,
    quiet,
    set_threads,
    tf,
)
from grps.backends.tensorflow.savedmodel import choose_signature
from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage


class TfModelInferer(ModelInferer):
    """Loads a SavedModel and calls it on TensorFlow's tensors.

    What was saved is called itself, as in Python, when it can be; else its signature is, which
    takes tensors by name or in its order and returns a dict.
    """

    def __init__(self) -> None:
        """Make an inferer that is not initialised."""
        super().__init__()
        self._model: Any = None
        self._place: str | None = None
        self._arguments = TensorflowArguments()

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Settle device and threads, and load the libraries of custom operators.

        Args:
            path: The directory of the SavedModel.
            device: As ``device`` of the model; ``original`` leaves the model where it is.
            args: ``inferer_args``; those of ``inferer_type: tensorflow`` are used, and any others
                are left to the class that derives from this one.

        Raises:
            DeviceError: The device is unknown or absent.
            ModelError: An argument is wrong, or a library can't be loaded.
        """
        super().init(path, device, args)
        known = TensorflowArguments.__struct_fields__
        own = {key: value for key, value in (args or {}).items() if key in known}
        self._arguments = read_arguments(TensorflowArguments, own)
        asked = parse_device(device)
        set_threads(self._arguments)
        self._place = place_of(choose(asked))
        self._device = self._place or "original"
        for library in load_libraries(self._arguments):
            logger.info("loaded the custom operators of %s", library)

    def load(self) -> bool:
        """Load the model.

        Raises:
            ModelError: The directory is no such model.
        """
        path = Path(self._path or "")
        expect_format(path, "tensorflow")
        arguments = self._arguments
        model = None
        if arguments.signature is None:
            model = _callable_of(path, self._place, arguments)
        if model is None:
            chosen = choose_signature(path, arguments.tags, arguments.signature)
            model = _SignatureCall(open_program(chosen, self._place, arguments))
        self._model = model
        return True

    def infer(self, tensors: Any, context: GrpsContext) -> Any:
        """Run the model.

        Args:
            tensors: A tensor, a list or tuple or dict (by name) of them, or a message of tensors.
            context: The request's context.

        Returns:
            What the model returned; a message when ``tensors`` is one.
        """
        if isinstance(tensors, GrpsMessage):
            converter = TfTensorConverter()
            result = self.infer(converter.preprocess(tensors, context), context)
            return converter.postprocess(result, context)
        with scope(self._place):
            try:
                if isinstance(tensors, dict):
                    return self._model(**tensors)
                if isinstance(tensors, (list, tuple)):
                    return self._model(*tensors)
                return self._model(tensors)
            except tf.errors.OpError as error:
                raise ModelError(tensorflow_cause(error)) from error

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the model on one batch of joined rows, or on a list of messages."""
        if isinstance(inp, list) and inp and isinstance(inp[0], GrpsMessage):
            converter = TfTensorConverter()
            result = self.infer(converter.batch_preprocess(inp, contexts), contexts[0])
            return converter.batch_postprocess(result, contexts)
        return self.infer(inp, contexts[0])


class _SignatureCall:
    """A signature that is called like a function."""

    def __init__(self, program: Program) -> None:
        """Call ``program``."""
        self._program = program

    def __call__(self, *values: Any, **named: Any) -> dict[str, Any]:
        """Run on tensors or arrays by position or by name; return tensors by name.

        Raises:
            InputError: An input is missing or unknown.
        """
        arrays = [
            np.ascontiguousarray(value.numpy() if isinstance(value, tf.Tensor) else value)
            for value in self._order(values, named)
        ]
        for index, dtype in self._program.casts.items():
            arrays[index] = arrays[index].astype(dtype)
        outputs = [spec.name for spec in self._program.signature.outputs]
        results = zip(outputs, self._program.run(arrays), strict=True)
        return {name: tf.convert_to_tensor(result) for name, result in results}

    def _order(self, values: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
        names = [spec.name for spec in self._program.signature.inputs]
        if named and not values and set(named) == set(names):
            return [named[name] for name in names]
        if named or len(values) != len(names):
            given = list(named) if named else f"{len(values)} without names"
            raise InputError(f"the model's inputs are {names}, got {given}")
        return list(values)


def _callable_of(path: Path, place: str | None, arguments: TensorflowArguments) -> Any:
    """Return what was saved when it can be loaded and called, else ``None``."""
    tags = arguments.tags
    try:
        with scope(place), quiet():
            wanted = tags.split(",") if isinstance(tags, str) else tags
            model = tf.saved_model.load(str(path), tags=wanted and list(wanted))
    except Exception as error:
        logger.info("%s: %s; trying its signature", path, tensorflow_cause(error))
        return None
    return model if callable(model) else None


def create_inferer() -> TfModelInferer:
    """Return the inferer that runs between the halves of a customized converter."""
    return TfModelInferer()
