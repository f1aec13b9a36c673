"""A home for services, a stand-in for format recognition and one for the server."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grps.cli.main import main
from grps.cli.serving import model_service
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision import supervisor
from grps.deploy.supervision.services import services
from grps.errors import ModelError
from tests.support import REPOSITORY

FAKE = REPOSITORY / "tests" / "unit" / "deploy" / "supervision" / "fake_server.py"
Grpst = Callable[..., Result]


@pytest.fixture
def grps_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    home = tmp_path / "home"
    monkeypatch.setenv("GRPS_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.delenv("GRPS_DEBUG", raising=False)
    yield home
    for service in services():
        if service.running and service.state is not None and service.state.pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(service.state.pid, signal.SIGKILL)


@pytest.fixture
def grpst(grps_home: Path) -> Grpst:
    def run(*args: str) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return run


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose format is told by its ending."""

    def recognise(path: Path) -> str:
        formats = {".pt": "torchscript", ".onnx": "onnx", "": "savedmodel", ".xml": "openvino"}
        formats |= {".engine": "tensorrt", ".joblib": "sklearn", ".ubj": "xgboost"}
        formats |= {".gguf": "gguf", ".weights": "hugging_face"}
        if path.suffix not in formats:
            raise ModelError(f"{path}: the format is not recognised")
        return formats[path.suffix]

    monkeypatch.setattr(model_service, "recognise", recognise)
    path = tmp_path / "my net.pt"
    path.touch()
    return path


@pytest.fixture
def fake_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that chooses how the stand-in server behaves."""

    def choose(way: str) -> None:
        def command(folder: ServiceFolder) -> list[str]:
            return [sys.executable, str(FAKE), str(folder.root), way]

        for module in (supervisor, model_service):
            monkeypatch.setattr(module, "server_command", command)

    return choose
