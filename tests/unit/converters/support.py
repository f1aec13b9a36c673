"""Messages and signatures that tests of the converters share."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.config.schema import ModelConfig
from grps.converters.choice import BuiltInConverter, create_converter
from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import GrpsMessage


def signature(*inputs: TensorSpec, outputs: tuple[TensorSpec, ...] = ()) -> Signature:
    return Signature(inputs, outputs or (TensorSpec("scores"),), strict_names=True)


def converter(
    kind: Any, found: Signature, path: str | None = None, **arguments: Any
) -> BuiltInConverter:
    """The converter of a model with a signature."""
    config = ModelConfig(
        name="m",
        version="1",
        inferer_type="onnxruntime",
        inferer_path="m.onnx",
        converter_type=kind,
        converter_path=path,
        converter_args=arguments,
    )
    return create_converter(config, found)


def binary(data: bytes) -> GrpsMessage:
    return GrpsMessage(bin_data=data)


def before(made: BuiltInConverter, *messages: GrpsMessage) -> dict[str, np.ndarray]:
    """The model's inputs for some requests."""
    items = [item for message in messages for item in made.reader.read(message).items]
    return made.reader.join(items)


def after(made: BuiltInConverter, **outputs: np.ndarray) -> dict[str, np.ndarray]:
    """The answer to one request, for the model's outputs."""
    return dict(to_arrays(made.writer.write(outputs)))
