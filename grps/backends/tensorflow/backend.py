"""TensorFlow: SavedModels of TensorFlow 2 and 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grps.backends.backend import Signature
from grps.backends.common.arguments import read_arguments
from grps.backends.common.device import parse_device
from grps.backends.formats import expect_format
from grps.backends.tensorflow.causes import tensorflow_cause
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
    return TensorflowBackend(open_program(chosen, place, arguments), str(device))
