"""Which server a start takes: the program without Python where it can serve the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grps.deploy.native import PROGRAM, noted_mode, server_of
from grps.deploy.paths import ServiceFolder
from grps.errors import DeployError

PYTHON = ["python", "-m", "grps.server"]
PLUGIN = {"inferer_type": "plugin", "inferer_path": "libp.so", "inferer_name": "p"}
ONNX = {"inferer_type": "onnxruntime", "inferer_path": "m.onnx"}
OPENVINO = {"inferer_type": "openvino", "inferer_path": "m.xml"}
TENSORFLOW = {"inferer_type": "tensorflow", "inferer_path": "model"}
IN_NATIVE_CODE = {"inferer_args": {"native": True}}


def service(models: list[dict[str, Any]]) -> ServiceFolder:
    folder = ServiceFolder.of("demo")
    (folder.root / "conf").mkdir(parents=True)
    folder.inference_conf.write_text(json.dumps({"models": models}))
    folder.server_conf.write_text("")
    return folder


@pytest.mark.parametrize(
    "model",
    [
        {"inferer_type": "identity"},
        PLUGIN,
        {**PLUGIN, "isolation": "process"},
        {**ONNX, **IN_NATIVE_CODE},
        {**ONNX, **IN_NATIVE_CODE, "isolation": "process"},
        {**OPENVINO, **IN_NATIVE_CODE},
        {**TENSORFLOW, **IN_NATIVE_CODE, "converter_type": "tensorflow"},
        {**ONNX, **IN_NATIVE_CODE, "converter_type": "numpy"},
    ],
)
def test_a_project_without_python_code_is_served_by_the_program(
    grps_home: Path, tmp_path: Path, model: dict[str, Any]
) -> None:
    folder = service([{"name": "id", "version": "1", **model}])
    assert noted_mode(folder) == "auto"
    command = server_of(folder, tmp_path, PYTHON, "auto")
    assert command[:5] == [str(PROGRAM), "--project", str(tmp_path), "--service", str(folder.root)]
    assert server_of(folder, tmp_path, PYTHON, "never") == PYTHON
    assert noted_mode(folder) == "never"


def test_a_project_of_upstreams_cpp_edition_is_served_by_the_program(
    grps_home: Path, tmp_path: Path
) -> None:
    folder = service([{"name": "mine", "version": "1", "inferer_type": "customized",
                       "inferer_name": "mine"}])  # fmt: skip
    assert server_of(folder, tmp_path, PYTHON, "auto") == PYTHON
    (tmp_path / "CMakeLists.txt").write_text("add_library(grps-server-customized SHARED a.cc)\n")
    assert server_of(folder, tmp_path, PYTHON, "auto")[0] == str(PROGRAM)


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ({"inferer_type": "customized", "inferer_name": "mine"}, "inferer_type 'customized'"),
        ({"inferer_type": "torch", "inferer_path": "m.pt"}, "inferer_type 'torch'"),
        ({"inferer_type": "identity", "isolation": "process"}, "a converter or a process"),
        (ONNX, "without inferer_args.native"),
        (OPENVINO, "without inferer_args.native"),
        ({**ONNX, **IN_NATIVE_CODE, "max_threads": 2}, "max_threads"),
        ({**ONNX, **IN_NATIVE_CODE, "inferer_path": "s3://b/m.onnx"}, "inferer_path is a URI"),
        ({**PLUGIN, "inferer_path": "mlflow:models:/p/1"}, "inferer_path is a URI"),
        ({**ONNX, **IN_NATIVE_CODE, "converter_type": "image"}, "converter_type"),
        ({**ONNX, **IN_NATIVE_CODE, "converter_type": "tensorflow"}, "converter_type"),
    ],
)
def test_a_project_that_needs_python_is_served_by_it(
    grps_home: Path, tmp_path: Path, model: dict[str, Any], cause: str
) -> None:
    folder = service([{"name": "mine", "version": "1", **model}])
    assert server_of(folder, tmp_path, PYTHON, "auto") == PYTHON
    with pytest.raises(DeployError, match=f"without Python: .*{cause}"):
        server_of(folder, tmp_path, PYTHON, "always")


def test_an_engine_that_is_not_built_needs_python(
    grps_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {"inferer_type": "torch", "inferer_path": "m.pt", **IN_NATIVE_CODE}
    folder = service([{"name": "mine", "version": "1", **model}])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "none++")
    assert server_of(folder, tmp_path, PYTHON, "auto") == PYTHON
    with pytest.raises(DeployError, match=r"without Python: .*there is no compiler of C\+\+"):
        server_of(folder, tmp_path, PYTHON, "always")
    monkeypatch.setenv("GRPS_TORCH", str(tmp_path / "torch.so"))
    command = server_of(folder, tmp_path, PYTHON, "always")
    assert command[0] == str(PROGRAM)
    assert "--library" not in command


def test_a_text_model_is_served_in_python(grps_home: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "modules.json").write_text("[]")
    model = {**OPENVINO, **IN_NATIVE_CODE, "inferer_path": "model", "converter_type": "numpy"}
    folder = service([{"name": "minilm", "version": "1", **model}])
    assert server_of(folder, tmp_path, PYTHON, "auto") == PYTHON
    with pytest.raises(DeployError, match=r"minilm-1: text models .* run in Python only"):
        server_of(folder, tmp_path, PYTHON, "always")
