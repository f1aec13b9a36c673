"""Engines that send telemetry to their makers send nothing from a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto

from grps.backends.libraries import native_library
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_models import configured
from tests.onnx_models import save_node
from tests.support import serving, write_project


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_onnxruntime_keeps_nothing_to_send(
    tmp_path: Path, program: Path | None, isolation: str
) -> None:
    """It writes what it will send into files of its user."""
    tensors = [[(name, TensorProto.FLOAT, ["n"])] for name in ("x", "y")]
    save_node(tmp_path / "model.onnx", "Neg", *tensors)
    way = "python" if program is None else "native"
    keys = {"inferer_path": "model.onnx", "isolation": isolation}
    write_project(tmp_path, [configured("onnxruntime", way, "m", keys)])
    home = tmp_path / "home"
    home.mkdir()
    # It sends nothing by itself where CI is set.
    user = {"HOME": str(home), "XDG_CACHE_HOME": "", "CI": ""}
    library = {"GRPS_ONNXRUNTIME": str(native_library("onnxruntime"))}
    with serving(tmp_path, program, **user, **library) as server:
        answer = server.post({"ndarray": [1.0]})
        assert answer.status_code == 200, answer.text
    assert list(home.rglob("*onnxruntime*")) == []
