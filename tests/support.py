"""Starting a real server in its own process and talking to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import psutil
import requests
import yaml

from grps.inference.registry import converter_register, inferer_register
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.state import ServiceState

REPOSITORY = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 240
STOP_TIMEOUT_S = 60
GUARD_S = 20
"""Longer than anything that is waited for takes, even on a busy machine."""


def two_free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


@dataclass
class RunningServer:
    """A server process and where it listens."""

    process: subprocess.Popen[bytes]
    folder: Path
    ports: tuple[int, ...]

    def url(self, path: str = "/grps/v1/infer/predict", port: int = 0) -> str:
        """The address of a route."""
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def post(self, body: Any, query: str = "", **options: Any) -> requests.Response:
        """Send a predict call with a JSON body."""
        return requests.post(self.url() + query, json=body, timeout=30, **options)

    @contextmanager
    def channel(self, port: int = 1) -> Iterator[grpc.Channel]:
        """A gRPC channel of its own connection."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{self.ports[port]}", options) as channel:
            yield channel

    @contextmanager
    def stub(self, port: int = 1) -> Iterator[Any]:
        """The gRPC methods, over a connection of their own."""
        with self.channel(port) as channel:
            yield GrpsServiceStub(channel)

    def noted(self, name: str) -> list[str]:
        """What user code has noted under a name, one line each; the last may be half written."""
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def release(self) -> None:
        """Let the user code that waits go on."""
        (self.folder / "release").touch()

    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "logs" / "grps_server.log").read_text()

    def whole_log(self) -> str:
        """What the server has logged to the last line: a thread writes the lines a little later."""
        last = uuid4().hex
        self.post({}, "?model=none-of-this-name", headers={"X-Request-Id": last})
        wait_until(lambda: last in self.log(), "the last line of the log")
        return self.log()

    def threads(self) -> int:
        """How many threads the server has."""
        return psutil.Process(self.process.pid).num_threads()

    def stderr(self) -> str:
        """What the server has written to standard error."""
        return (self.folder / "stderr.log").read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop the server in order and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + GUARD_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {GUARD_S} s: {what}"
        time.sleep(0.005)


def state_of(folder: Path) -> ServiceState | None:
    """What the server of a project says of itself."""
    return ServiceState.read(folder / "run" / "state.json")


def write_project(
    folder: Path,
    models: list[dict[str, Any]],
    server: dict[str, Any] | None = None,
    dag: list[str] | None = None,
) -> Path:
    """Write a project's configuration; the server listens on free ports of the loopback."""
    conf = folder / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    inference: dict[str, Any] = {"models": models}
    if dag is not None:
        nodes = [{"name": f"node-{i}", "type": "model", "model": key} for i, key in enumerate(dag)]
        inference["dag"] = {"type": "sequential", "name": "test", "nodes": nodes}
    (conf / "inference.yml").write_text(yaml.safe_dump(inference))
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"}
    settings = {"interface": interface, **(server or {})}
    (conf / "server.yml").write_text(yaml.safe_dump(settings))
    return folder


def launch(
    folder: Path, program: Path | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """Start the server of a project, or another program in its place, without waiting for it."""
    server = [sys.executable, "-m", "grps.server"] if program is None else [str(program)]
    command = [*server, "--project", str(folder)]
    command += ["--state_file", str(folder / "run" / "state.json")]
    with (folder / "stderr.log").open("wb") as stderr:
        return subprocess.Popen(
            command, stderr=stderr, cwd=REPOSITORY, env={**os.environ, **environment}
        )


def wait_for(process: subprocess.Popen[bytes], folder: Path, phase: str) -> ServiceState:
    """Wait until the server says that it has reached a phase."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        state = state_of(folder)
        if state is not None and state.pid == process.pid and state.phase == phase:
            return state
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise AssertionError(f"not {phase}: {state_of(folder)} {(folder / 'stderr.log').read_text()}")


@contextmanager
def serving(
    folder: Path, program: Path | None = None, **environment: str
) -> Iterator[RunningServer]:
    """Serve a project, by another program than Python if one is given, until the block ends."""
    process = launch(folder, program, **environment)
    try:
        state = wait_for(process, folder, "ready")
        yield RunningServer(process, folder, state.ports)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


USER_CODE = '''
import os
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return inp


def note(name, line):
    with open(name, "a") as file:
        file.write(line + "\\n")


class Sleeper(Plain):
    """Sleeps as many seconds as str_data says; notes when it starts and when the client left."""

    def infer(self, inp, context):
        note("started", inp.str_data)
        until = time.monotonic() + float(inp.str_data)
        while time.monotonic() < until:
            if context.if_disconnected():
                note("disconnected", inp.str_data)
                break
            time.sleep(0.005)
        return GrpsMessage(str_data="slept")


class Waiter(Plain):
    """Notes when it starts, then waits for the file release."""

    def infer(self, inp, context):
        note("started", inp.str_data)
        while not os.path.exists("release"):
            time.sleep(0.005)
        return GrpsMessage(str_data="released")


class Raiser(Plain):
    def infer(self, inp, context):
        raise ValueError("boom\\nfrom inferer")


class Failing(Plain):
    def infer(self, inp, context):
        context.set_err_msg("user error msg")


for cls in (Echo, Sleeper, Waiter, Raiser, Failing):
    inferer_register.register(cls.__name__.lower(), cls())
'''


@contextmanager
def no_user_code() -> Iterator[None]:
    """Forget modules, registrations and paths of projects: of earlier tests, and at the end."""
    before = list(sys.path)
    _forget_user_code()
    try:
        yield
    finally:
        _forget_user_code()
        sys.path[:] = before


def _forget_user_code() -> None:
    for name in [name for name in sys.modules if name == "src" or name.startswith("src.")]:
        del sys.modules[name]
    inferer_register.model_inferer_dict.clear()
    converter_register.converter_dict.clear()


def user_model(name: str, **keys: Any) -> dict[str, Any]:
    """The configuration of a model of ``USER_CODE``."""
    return {
        "name": name,
        "version": "1.0.0",
        "inferer_type": "customized",
        "inferer_name": name,
        "converter_type": "none",
        **keys,
    }


def write_user_project(
    folder: Path,
    models: list[dict[str, Any]],
    server: dict[str, Any] | None = None,
    dag: list[str] | None = None,
    code: str = USER_CODE,
) -> Path:
    """Write a project with user code, by default the models of ``USER_CODE``."""
    write_project(folder, models, server, dag)
    source = folder / "src"
    source.mkdir()
    (source / "__init__.py").touch()
    (source / "customized_converter.py").touch()
    (source / "customized_inferer.py").write_text(code)
    return folder
