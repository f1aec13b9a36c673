"""What keeps a server from starting, and how it says so."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import (
    START_TIMEOUT_S,
    USER_CODE,
    launch,
    state_of,
    user_model,
    write_project,
    write_user_project,
)


def cause_of(folder: Path) -> str:
    """Start a server that can't start; its cause is one line everywhere it is told."""
    process = launch(folder)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(folder)
    assert state is not None
    assert state.phase == "failed"
    assert state.error is not None
    lines = f"error: {state.error}\nsee: docs/{state.docs}\n"
    assert (folder / "stderr.log").read_text() == lines
    assert "\n" not in state.error
    assert "Traceback" not in state.error
    return state.error


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        interface = {"framework": "http", "host": "127.0.0.1", "port": port}
        write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
        cause = cause_of(tmp_path)
    assert cause.startswith(f"can't listen on 127.0.0.1:{port}: Address already in use")


def test_a_host_that_is_not_known(tmp_path: Path) -> None:
    interface = {"host": "nowhere.invalid", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    assert cause_of(tmp_path) == "can't resolve host 'nowhere.invalid'"


def with_code(extra: str) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        write_user_project(folder, [user_model("bad")], code=USER_CODE + extra)

    return write


def loads(body: str) -> Callable[[Path], Any]:
    return with_code(
        f"\nclass Bad(Echo):\n    def load(self):\n        {body}\n"
        "inferer_register.register('bad', Bad())\n"
    )


def with_file(inferer_type: str, content: bytes | None) -> Callable[[Path], Any]:
    def write(folder: Path) -> None:
        path = folder / "model.bin"
        if content is not None:
            path.write_bytes(content)
        keys = {"inferer_type": inferer_type, "inferer_path": str(path)}
        write_project(folder, [{"name": "bad", "version": "1.0.0", **keys}])

    return write


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (loads("return False"), "model bad-1.0.0: inferer 'bad': load() returned False"),
        (
            loads("raise RuntimeError('no\\nweights')"),
            "model bad-1.0.0: inferer 'bad': RuntimeError: no weights",
        ),
        (loads("raise SystemExit(0)"), "model bad-1.0.0: inferer 'bad': SystemExit: 0"),
        (
            with_code("\nraise SystemExit(0)\n"),
            "the project's code can't be imported: SystemExit: 0",
        ),
        (
            with_code("\n1 / 0\n"),
            "the project's code can't be imported: ZeroDivisionError: division by zero",
        ),
        (
            with_code("\nimport nonesuch\n"),
            "the project's code can't be imported: ModuleNotFoundError: No module named 'nonesuch'",
        ),
        (
            with_code("\ndef broken(:\n"),
            "the project's code can't be imported: SyntaxError: invalid syntax",
        ),
        (
            with_code(""),
            "model bad-1.0.0: no inferer is registered as 'bad'; "
            "registered: echo, failing, raiser, sleeper, waiter",
        ),
        (with_file("onnxruntime", None), "model.bin: no such file"),
        (with_file("onnxruntime", b"\x08\x07broken"), "model.bin"),
        (with_file("torch", None), "model.bin: no such file"),
        (with_file("torch", b"PK\x03\x04broken"), "model.bin"),
    ],
)
def test_a_model_that_can_not_be_loaded(
    tmp_path: Path, write: Callable[[Path], Any], cause: str
) -> None:
    write(tmp_path)
    assert cause in cause_of(tmp_path)
    assert "Traceback" in (tmp_path / "logs" / "grps_server.log").read_text()


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_an_engine_without_tensorrt(tmp_path: Path) -> None:
    with_file("tensorrt", b"ftrt")(tmp_path)
    assert cause_of(tmp_path) == (
        "tensorrt is not installed; run: pip install 'grpst[tensorrt]' (it needs an NVIDIA GPU "
        "with its driver, and the TensorRT version that built the engine)"
    )


def test_a_missing_module(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("echo")])
    (tmp_path / "src" / "customized_inferer.py").unlink()
    cause = cause_of(tmp_path)
    needs = "is missing; model echo-1.0.0 needs it for its inferer_type"
    assert cause.endswith(f"customized_inferer.py {needs}")


def test_a_misspelt_key(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("echo")])
    file = tmp_path / "conf" / "server.yml"
    settings = yaml.safe_dump({"interface": {"port": "0"}, "max_conections": 5}, sort_keys=False)
    file.write_text(settings)
    cause = cause_of(tmp_path)
    assert cause.startswith(f"{file}:3: unknown key 'max_conections' (did you mean ")


def test_a_graph_of_an_unknown_model(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("echo")], dag=["ecko-1.0.0"])
    assert "model 'ecko-1.0.0' is not declared in 'models' (did you mean " in cause_of(tmp_path)


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    assert cause_of(tmp_path).endswith(f"no such file; is {tmp_path} a GRPS project?")
