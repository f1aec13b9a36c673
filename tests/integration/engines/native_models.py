"""Models that run through Python and in native code, and requests to both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests

from tests.support import REPOSITORY, RunningServer, two_free_ports

WAYS = ("python", "native")
NUMBERS = {
    "uint8": "UINT8",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float32": "FP32",
    "float64": "FP64",
}
"""Types of numbers that JSON carries, and their names in the Open Inference Protocol."""

ROUNDING = 1e-3
"""Of a deep network, whose layers magnify what the first one rounds."""


def configured(engine: str, way: str, name: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return a model as ``inference.yml`` has it, with the way before its name."""
    arguments = {**keys.get("inferer_args", {}), "native": way == "native"}
    model = {"name": f"{way}_{name}", "version": "1", "device": "cpu", "inferer_type": engine}
    return {**model, **keys, "inferer_args": arguments}


def ask(server: RunningServer, model: str, tensors: list[dict[str, Any]]) -> Any:
    """Return the status and the outputs, or the error without the identifier of the request."""
    body = {"inputs": tensors}
    answer = requests.post(server.url(f"/v2/models/{model}/infer"), json=body, timeout=20)
    if answer.status_code == 200:
        return 200, answer.json()["outputs"]
    text = answer.json()["error"].split(" (request id ")[0]
    return answer.status_code, text.replace(model, "MODEL")


def assert_answers_alike(
    server: RunningServer,
    alone: RunningServer,
    model: str,
    tensors: list[dict[str, Any]],
    status: int,
) -> None:
    """Check that a model answers the same through Python, natively, and without Python."""
    python, native = (ask(server, f"{way}_{model}", tensors) for way in WAYS)
    assert python[0] == status, python
    assert_alike(native, python)
    assert_alike(ask(alone, f"native_{model}", tensors), python)


def assert_alike(found: Any, wanted: Any) -> None:
    """Check that two answers of ``ask`` are equal, but for the rounding of floats.

    The kernels that a framework chooses for a processor may add in another order.
    """
    if found == wanted:
        return
    (status, outputs), (_, expected) = found, wanted
    assert status == 200, outputs
    for one, other in zip(outputs, expected, strict=True):
        assert {**one, "data": None} == {**other, "data": None}
        rounding = ROUNDING if one["datatype"] in ("FP32", "FP64") else 0
        np.testing.assert_allclose(one["data"], other["data"], rtol=rounding, atol=rounding)


def described(server: RunningServer, model: str) -> Any:
    """Return the inputs and outputs of a model."""
    metadata = requests.get(server.url(f"/v2/models/{model}"), timeout=20).json()
    return metadata["inputs"], metadata["outputs"]


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    """Return a tensor of the Open Inference Protocol."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def grpst(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a verb with a home of its own in ``folder``."""
    command = [sys.executable, "-m", "grps.cli.main", *words]
    home = {"GRPS_HOME": str(folder / "home"), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        command, env={**os.environ, **home}, capture_output=True, text=True, check=False
    )


def served_natively(folder: Path, words: Sequence[str], array: Any) -> Any:
    """Serve a model by a verb, check that it runs without Python, and return its answer."""
    ports = ["--port", "{},{}".format(*two_free_ports()), "--host", "127.0.0.1"]
    try:
        started = grpst(folder, *words, *ports, "--no_logging")
        assert started.returncode == 0, started.stderr
        port = ports[1].split(",")[0]
        url = f"http://127.0.0.1:{port}/grps/v1/infer/predict?return-ndarray=true"
        answer = requests.post(url, json={"ndarray": array}, timeout=20).json()["ndarray"]
        assert grpst(folder, "ps").stdout.split()[-1] == "native"
        assert grpst(folder, "restart", "my_grps", "--no_logging").returncode == 0
        assert grpst(folder, "ps").stdout.split()[-1] == "native"
        return answer
    finally:
        grpst(folder, "stop", "my_grps")
