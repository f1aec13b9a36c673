"""GRPS puts any model online in one command and keeps it fast."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grps.backends.onnxruntime.inferer import OnnxModelInferer
    from grps.backends.tensorflow.converter import TfTensorConverter
    from grps.backends.tensorflow.inferer import TfModelInferer
    from grps.backends.tensorrt.converter import TrtTensorConverter
    from grps.backends.tensorrt.inferer import TrtModelInferer
    from grps.backends.torch.converter import TorchTensorConverter
    from grps.backends.torch.inferer import TorchModelInferer
    from grps.config.global_conf import global_conf
    from grps.errors import InputError
    from grps.inference.app.decorator import model
    from grps.inference.context import GrpsContext
    from grps.inference.converter import Converter
    from grps.inference.inferer import ModelInferer
    from grps.inference.monitor import app_monitor
    from grps.inference.registry import converter_register, inferer_register
    from grps.inference.steps.model import (
        PrefillPart,
        StepBatch,
        StepModel,
        StepRequest,
        StepResult,
    )
    from grps.inference.steps.transcriber import Transcriber
    from grps.log import clogger, logger
    from grps.protocol.pb import grps_pb2
    from grps.protocol.pb.grps_pb2 import GrpsMessage
    from grps.server.loading.local_steps import SequenceResult
    from grps.server.models.logprobs import top_logprobs
    from grps.server.testing import GrpsTest

__all__ = [
    "Converter",
    "GrpsContext",
    "GrpsMessage",
    "GrpsTest",
    "InputError",
    "ModelInferer",
    "OnnxModelInferer",
    "PrefillPart",
    "SequenceResult",
    "StepBatch",
    "StepModel",
    "StepRequest",
    "StepResult",
    "TfModelInferer",
    "TfTensorConverter",
    "TorchModelInferer",
    "TorchTensorConverter",
    "Transcriber",
    "TrtModelInferer",
    "TrtTensorConverter",
    "app_monitor",
    "clogger",
    "converter_register",
    "global_conf",
    "grps_pb2",
    "inferer_register",
    "logger",
    "model",
    "top_logprobs",
]

_HOMES = {
    "Converter": "grps.inference.converter",
    "GrpsContext": "grps.inference.context",
    "GrpsMessage": "grps.protocol.pb.grps_pb2",
    "GrpsTest": "grps.server.testing",
    "InputError": "grps.errors",
    "ModelInferer": "grps.inference.inferer",
    "OnnxModelInferer": "grps.backends.onnxruntime.inferer",
    "PrefillPart": "grps.inference.steps.model",
    "SequenceResult": "grps.server.loading.local_steps",
    "StepBatch": "grps.inference.steps.model",
    "StepModel": "grps.inference.steps.model",
    "StepRequest": "grps.inference.steps.model",
    "StepResult": "grps.inference.steps.model",
    "TfModelInferer": "grps.backends.tensorflow.inferer",
    "TfTensorConverter": "grps.backends.tensorflow.converter",
    "TorchModelInferer": "grps.backends.torch.inferer",
    "TorchTensorConverter": "grps.backends.torch.converter",
    "Transcriber": "grps.inference.steps.transcriber",
    "TrtModelInferer": "grps.backends.tensorrt.inferer",
    "TrtTensorConverter": "grps.backends.tensorrt.converter",
    "app_monitor": "grps.inference.monitor",
    "clogger": "grps.log",
    "converter_register": "grps.inference.registry",
    "global_conf": "grps.config.global_conf",
    "grps_pb2": "grps.protocol.pb.grps_pb2",
    "inferer_register": "grps.inference.registry",
    "logger": "grps.log",
    "model": "grps.inference.app.decorator",
    "top_logprobs": "grps.server.models.logprobs",
}
"""Where each public name lives; its module is imported when the name is first used."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(home)
    value = module if home.endswith(f".{name}") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
