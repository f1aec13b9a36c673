"""A service for one model, which is called as a user would; it shows that a release works."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tools.release.commands import ReleaseError

MODEL = "double.onnx"
READY_TIMEOUT_S = 120
_POLL_S = 0.1
END_TIMEOUT_S = 60
CONFIGURATION = {
    "inference.yml": "models:\n"
    "  - {{name: double, version: 1.0.0, inferer_type: onnxruntime, inferer_path: double.onnx,\n"
    "     inferer_args: {{native: {native}}}, converter_type: numpy, device: cpu}}\n"
    "dag: {{type: sequential, name: d, nodes: [{{name: n, type: model, model: double-1.0.0}}]}}\n",
    "server.yml": "interface: {{framework: http, host: 127.0.0.1, port: {port}}}\n",
}
PREDICT = "/grps/v1/infer/predict?return-ndarray=true"


def write_model(folder: Path) -> Path:
    """Write a model that doubles its input; return its file."""
    kind = (TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", *kind)],
        [helper.make_tensor_value_info("y", *kind)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(folder / MODEL))
    return folder / MODEL


def write_project(folder: Path, *, native: bool) -> int:
    """Write a project with that model; return the port that it listens on.

    Args:
        folder: Its folder, which is made.
        native: Whether native code runs the model.
    """
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    write_model(folder)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    for name, text in CONFIGURATION.items():
        filled = text.format(native=str(native).lower(), port=port)
        (folder / "conf" / name).write_text(filled)
    return port


def check_server(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, native: bool
) -> None:
    """Serve a project, call its model, and end it by SIGTERM.

    Args:
        command: The server; ``--project`` is added.
        folder: Where the project is written.
        environment: All variables of the server.
        native: Whether native code runs the model.

    Raises:
        ReleaseError: It does not start, gives another answer, or does not end in order.
    """
    port = write_project(folder, native=native)
    log = folder / "output.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--project", str(folder), "--stderr"],
            # Not in the repository, whose sources Python would take.
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _call_when_ready(server, f"http://127.0.0.1:{port}{PREDICT}")
        server.terminate()
        if server.wait(END_TIMEOUT_S) != 0:
            raise ReleaseError(f"the server ended with {server.returncode}")
    except (ReleaseError, subprocess.TimeoutExpired) as error:
        said = log.read_text(errors="replace").splitlines()[-40:]
        raise ReleaseError("\n".join([*said, f"{' '.join(command)}: {error}"])) from error
    finally:
        server.kill()
        server.wait()


def _call_when_ready(server: subprocess.Popen[bytes], url: str) -> None:
    """Call the model until the server answers.

    Raises:
        ReleaseError: It ends, answers something else, or is not ready in time.
    """
    end = time.monotonic() + READY_TIMEOUT_S
    body = json.dumps({"ndarray": [[1, 2.5]]}).encode()
    head = {"Content-Type": "application/json"}
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, data=body, headers=head), timeout=10
            ) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise ReleaseError(f"answered {error.code}: {error.read(500)!r}") from error
            time.sleep(_POLL_S)  # the model is not loaded yet
            continue
        except OSError:
            time.sleep(_POLL_S)  # it does not listen yet
            continue
        if answer.get("ndarray") != [[2.0, 5.0]]:
            raise ReleaseError(f"the answer is {answer}")
        return
    raise ReleaseError(f"not ready within {READY_TIMEOUT_S} s, or ended: {server.poll()}")
