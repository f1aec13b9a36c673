"""TensorFlow: SavedModels of TensorFlow 2 and 1."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grps.backends.backend import BytesValue, Signature
from grps.backends.common.arguments import read_arguments
from grps.backends.common.device import parse_device
from grps.backends.common.warm_up import first_run
from grps.backends.formats import expect_format
from grps.backends.tensorflow.causes import tensorflow_cause
from grps.backends.tensorflow.examples import Serialized
from grps.backends.tensorflow.program import Program, open_program
from grps.backends.tensorflow.runtime import (
    TensorflowArguments,
    choose,
    load_libraries,
    place_of,
    set_threads,
    tf,
)
from grps.backends.tensorflow.savedmodel import choose_signature
from grps.backends.tensorflow.tensors import to_numpy
from grps.config.schema import ModelConfig
from grps.errors import GrpsError, InputError, ModelError


class TensorflowBackend:
    """One loaded copy of a signature of a SavedModel."""

    def __init__(self, program: Program, device: str) -> None:
        """Serve ``program``, which is on ``device``."""
        self._program = program
        self._signature = dataclasses.replace(program.signature, device=device)
        self._names = [spec.name for spec in program.signature.outputs]

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def try_examples(self, serialized: Serialized) -> None:
        """Note the first of serialized examples that the model takes as its strings."""
        reported = self._signature
        texts = [spec.name for spec in reported.inputs if spec.dtype == "string"]
        words = f"strings of {', '.join(texts)} are serialized tf.train.Example: {serialized.words}"
        for example in serialized.examples if texts else ():
            value = BytesValue(base64.b64encode(example).decode())
            inputs = tuple(
                dataclasses.replace(spec, values=(value,)) if spec.dtype == "string" else spec
                for spec in reported.inputs
            )
            self._signature = dataclasses.replace(reported, inputs=inputs)
            if first_run(self).inputs is not None:
                self._signature = dataclasses.replace(self._signature, limits=(words,))
                return
        self._signature = reported

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once; see ``Backend.infer``."""
        arrays = list(inputs)
        for index, dtype in self._program.casts.items():
            arrays[index] = arrays[index].astype(dtype)
        try:
            values = self._program.run(arrays)
            named = zip(self._names, values, strict=True)
            return [(name, to_numpy(name, value)) for name, value in named]
        except GrpsError:
            raise
        except (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError) as error:
            # The model was run when it was loaded: it is this request that does not fit.
            raise InputError(tensorflow_cause(error)) from error
        except Exception as error:
            raise ModelError(tensorflow_cause(error)) from error


def load(model: ModelConfig) -> TensorflowBackend:
    """Load one copy of ``model`` from the directory of its SavedModel.

    Raises:
        DeviceError: The device is unknown or absent.
        ModelError: The directory is no such model, or TensorFlow refused it.
    """
    arguments = read_arguments(TensorflowArguments, model.inferer_args)
    path = Path(model.inferer_path or "")
    asked = parse_device(model.device, model.inp_device)
    expect_format(path, "tensorflow")
    set_threads(arguments)
    device = choose(asked)
    place = place_of(device)
    load_libraries(arguments)
    chosen = choose_signature(path, arguments.tags, arguments.signature)
    backend = TensorflowBackend(open_program(chosen, place, arguments), str(device))
    if model.warm_up and chosen.serialized is not None:
        backend.try_examples(chosen.serialized)
    return backend
