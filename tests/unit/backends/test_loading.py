"""The choice of a backend, and what is the same for all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.signature import describe
from grps.backends.loading import load_backend
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, MissingExtraError, ModelError
from tests.unit.backends.models import Affine, Load, SaveScript


def test_needs_a_path() -> None:
    model = ModelConfig(name="m", version="1", inferer_type="torch")
    with pytest.raises(ModelError, match="model m-1: inferer_path is missing"):
        load_backend(model)


def test_names_the_engine_that_serves_a_file(load: Load, save_script: SaveScript) -> None:
    with pytest.raises(ModelError, match=r"inferer_type: torch \(torchscript\), not onnxruntime"):
        load(save_script(Affine()), "onnxruntime")


def test_keeps_the_kind_of_an_error(load: Load, save_script: SaveScript) -> None:
    with pytest.raises(DeviceError, match=r"^model m-1\.0: device: 'tpu' is not a device"):
        load(save_script(Affine()), device="tpu")


@pytest.mark.parametrize(
    ("inferer_type", "package", "extra"),
    [
        ("torch", "torch", "torch"),
        ("onnxruntime", "onnxruntime", "onnx"),
        ("tensorflow", "tensorflow", "tensorflow"),
        ("tensorrt", "tensorrt", "tensorrt"),
        ("openvino", "openvino", "openvino"),
        ("sklearn", "sklearn", "sklearn"),
        ("xgboost", "xgboost", "xgboost"),
        ("lightgbm", "lightgbm", "lightgbm"),
    ],
)
def test_names_the_extra_of_a_missing_framework(
    load: Load,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inferer_type: str,
    package: str,
    extra: str,
) -> None:
    for name in [name for name in sys.modules if name.startswith(f"grps.backends.{package}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not .*'grpst\[{extra}\]'"):
        load(tmp_path, inferer_type)


def test_import_loads_no_framework() -> None:
    code = (
        "import sys, grps, grps.backends; "
        "names = {'torch', 'onnxruntime', 'tensorflow', 'tensorrt', 'cuda'}; "
        "sys.exit(', '.join(names & sys.modules.keys()) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_describes_a_signature() -> None:
    signature = Signature(
        inputs=(TensorSpec("x", "float32", (None, 4)), TensorSpec("y", required=False)),
        outputs=(TensorSpec("z", "string", ()),),
        strict_names=True,
    )
    assert describe(signature) == {
        "inputs": [
            {"name": "x", "dtype": "float32", "shape": [-1, 4]},
            {"name": "y", "dtype": None, "shape": None, "optional": True},
        ],
        "outputs": [{"name": "z", "dtype": "string", "shape": []}],
    }
