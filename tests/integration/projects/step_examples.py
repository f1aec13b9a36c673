"""Services and sizes of the examples of step models."""

from __future__ import annotations

import ast
import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from tests.support import GUARD_S, REPOSITORY, RunningServer, serving, write_project
from tests.tensors import Arrays, arrays_of, gtensors

EXAMPLES = REPOSITORY / "examples"
MOST_LINES = 40


@contextmanager
def example(name: str, folder: Path) -> Iterator[RunningServer]:
    """Serve an example on free ports."""
    models = yaml.safe_load((EXAMPLES / name / "conf" / "inference.yml").read_text())["models"]
    write_project(folder, models)
    shutil.copytree(EXAMPLES / name / "src", folder / "src")
    with serving(folder) as running:
        yield running


def outputs(server: RunningServer, inputs: Arrays, output: str) -> list[int]:
    """What the service returns for a sequence."""
    answer = server.post({"gtensors": gtensors(inputs)})
    assert answer.status_code == 200, answer.text
    found: list[int] = arrays_of(answer.json()["gtensors"])[output].tolist()
    return found


def steps_and_outputs(server: RunningServer) -> tuple[int, int]:
    """How many steps the service has made, and how many outputs of sequences."""
    lines = requests.get(server.url("/metrics"), timeout=GUARD_S).text.splitlines()
    steps, outputs = (
        sum(int(float(line.split()[-1])) for line in lines if line.startswith(f"{name}{{"))
        for name in ("grps_model_steps_total", "grps_model_step_outputs_total")
    )
    return steps, outputs


def refusal(server: RunningServer, inputs: Arrays) -> str:
    """Why the service refuses a request."""
    answer = server.post({"gtensors": gtensors(inputs)})
    assert answer.status_code == 400, answer.text
    message: str = answer.json()["status"]["msg"]
    return message


def is_short(name: str) -> bool:
    """Whether the step model of an example has as few lines as the guide says."""
    code = EXAMPLES / name / "src" / "customized_inferer.py"
    tree = ast.parse(code.read_text(encoding="utf-8"))
    (model,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert model.end_lineno is not None
    return model.end_lineno - model.lineno < MOST_LINES


def package_folder(name: str) -> Path:
    """Where a package is installed; it is not imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    return Path(spec.origin).parent
