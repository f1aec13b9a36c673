"""The public names of the package."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import grps
import grps_framework.executor.executor
import grps_framework.test
from grps.server import testing


def test_public_names() -> None:
    assert grps.__all__ == [
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
    assert {*grps.__all__} == {*grps._HOMES}
    for name in grps.__all__:
        assert getattr(grps, name) is not None
        assert name in dir(grps)
    assert grps.grps_pb2.GrpsMessage is grps.GrpsMessage


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'grps' has no attribute 'Convertor'"):
        grps.Convertor  # noqa: B018


def test_import_is_light() -> None:
    code = "import sys, grps; print([n for n in sys.modules if n[:5] in ('grps.', 'numpy')])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout == b"[]\n"


def test_upstream_paths_give_the_same_objects() -> None:
    assert grps_framework.test.GrpsTest is testing.GrpsTest is grps.GrpsTest
    assert grps_framework.executor.executor.Executor is testing.Executor


@pytest.mark.parametrize(
    ("path", "home", "name"),
    [
        ("converter.torch_tensor_converter", "torch.converter", "TorchTensorConverter"),
        ("converter.tf_tensor_converter", "tensorflow.converter", "TfTensorConverter"),
        ("model_infer.torch_inferer", "torch.inferer", "TorchModelInferer"),
        ("model_infer.tf_inferer", "tensorflow.inferer", "TfModelInferer"),
        ("mem_manager.gpu_mem_mgr", "common.gpu_memory", "GpuMemManager"),
        ("mem_manager.torch_gpu_mem_mgr", "torch.gpu_memory", "TorchGpuMemManager"),
        ("mem_manager.tf_gpu_mem_mgr", "tensorflow.gpu_memory", "TfGpuMemManager"),
    ],
)
def test_upstream_paths_of_engines(path: str, home: str, name: str) -> None:
    shim = importlib.import_module(f"grps_framework.{path}")
    ours = importlib.import_module(f"grps.backends.{home}")
    assert shim.__all__ == [name]
    assert getattr(shim, name) is getattr(ours, name)
