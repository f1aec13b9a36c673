"""The line that ``grpst ..._serve`` prints works when it is pasted into a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest
import torch

from tests.support import REPOSITORY

GRPST = Path(sys.executable).parent / "grpst"
MODELS = {
    "small": "(float[n, 2] x) => (float[n, 2] y)",
    "large": "(float[n, 2] x, string[n, 40] z) => (float[n, 2] y, string[n, 40] w)",
}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    found = {**os.environ, "GRPS_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    yield found
    subprocess.run([GRPST, "stop", "my_grps"], check=True, env=found, capture_output=True)


def serve(model: Path, environment: dict[str, str]) -> str:
    command: list[str | Path] = [
        GRPST,
        "serve",
        model,
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no_logging",
    ]
    started = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    return started.stdout


def ask(printed: str) -> dict[str, Any]:
    """Run the printed line and return what the service answered."""
    line = next(line for line in printed.splitlines() if line.startswith("try "))
    command = ["bash", "-o", "pipefail", "-c", line.removeprefix("try ")]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.mark.parametrize("name", MODELS)
def test_onnx(name: str, tmp_path: Path, environment: dict[str, str]) -> None:
    nodes = "y = Identity(x)" + (" w = Identity(z)" if "z)" in MODELS[name] else "")
    header = '<ir_version: 8, opset_import: ["" : 17]>'
    model = onnx.parser.parse_model(f"{header}\n{name} {MODELS[name]} {{ {nodes} }}")
    onnx.save(model, str(tmp_path / "model.onnx"))
    printed = serve(tmp_path / "model.onnx", environment)
    assert "put in your own values" not in printed
    answer = ask(printed)
    assert answer["status"]["code"] == 200
    assert len(answer["gtensors"]["tensors"]) == nodes.count("Identity")


@pytest.mark.filterwarnings("ignore")
def test_a_guess_says_so(tmp_path: Path, environment: dict[str, str]) -> None:
    traced = torch.jit.trace(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    torch.jit.save(traced, str(tmp_path / "model.pt"))
    printed = serve(tmp_path / "model.pt", environment)
    assert "put in your own values" in printed
    assert ask(printed)["status"]["code"] == 200
