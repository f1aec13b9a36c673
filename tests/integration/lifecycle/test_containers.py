"""Services with what containers give them: one tmpfs in a read-only system, any user, no HOME."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from onnx import TensorProto

from tests.onnx_models import save_node
from tests.support import GUARD_S, REPOSITORY, START_TIMEOUT_S, two_free_ports

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can make mounts")

GRPST = Path(sys.executable).parent / "grpst"
PROGRAM = REPOSITORY / "grps" / "grps-server"
USER = "12345"
"""A user id without an entry in the user database."""
SCRIPT = """
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
for place in / /tmp /var/tmp /dev/shm; do
  if mountpoint -q "$place"; then mount -o remount,bind,ro "$place"; fi
done
shift
exec setpriv --reuid "$0" --regid "$0" --clear-groups --no-new-privs \
  --inh-caps +dac_read_search --ambient-caps +dac_read_search "$@"
"""
"""The capability reads what other users own, as a checkout may be; it writes nothing."""


@dataclass
class Container:
    """A process that runs as in a container."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    def tmp(self) -> Path:
        """The tmpfs, as the process sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.folder}/tmp")

    def state_file(self) -> Path:
        """Where the state of the service is, for the process."""
        return self.folder / "tmp" / "grps" / "my_grps" / "run" / "state.json"

    def wait_ready(self) -> None:
        """Wait until the service is ready."""
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            assert self.process.poll() is None, self.process.communicate()
            try:
                url = f"http://127.0.0.1:{self.port}/grps/v1/health/ready"
                if requests.get(url, timeout=GUARD_S).ok:
                    return
            except requests.ConnectionError:
                pass
            assert time.monotonic() < end, "the service is not ready"
            time.sleep(0.05)

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run the health check of the images."""
        command = ["nsenter", "--mount", f"--target={self.process.pid}", str(PROGRAM), "--ready"]
        return subprocess.run(
            [*command, str(self.state_file())], capture_output=True, text=True, check=False
        )

    def end(self) -> tuple[int, list[dict[str, Any]]]:
        """Ask it to stop; return its exit code and the lines of its log."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=GUARD_S)
        # Libraries of engines write lines of their own.
        own = [line for line in errors.splitlines() if "onnxruntime" not in line]
        return self.process.returncode, [json.loads(line) for line in own]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="grps-container-"))
    made.chmod(0o755)
    (made / "tmp").mkdir()
    yield made
    shutil.rmtree(made)


@contextmanager
def running(folder: Path, port: int, words: Sequence[str], **variables: str) -> Iterator[Container]:
    """Run a program as in a container."""
    tmp = folder / "tmp"
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(tmp),
        "GRPS_HOME": str(tmp / "grps"),
        "GRPS_LOG_STDERR": "json",
        "GRPS_FOREGROUND": "1",
        **variables,
    }
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", SCRIPT, USER, str(folder), *words],
        cwd="/",
        env={name: value for name, value in environment.items() if value},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Container(process, folder, port)
    finally:
        process.kill()
        process.communicate()


def model_of(folder: Path) -> Path:
    kind = (TensorProto.FLOAT, ["n", 2])
    return save_node(folder / "neg.onnx", "Neg", [("x", *kind)], [("y", *kind)])


def serve_words(folder: Path, port: int) -> list[str]:
    model = str(model_of(folder))
    return [str(GRPST), "serve", model, "--port", str(port), "--host", "127.0.0.1"]


def native_project(folder: Path, port: int) -> Path:
    conf = folder / "project" / "conf"
    conf.mkdir(parents=True)
    (conf / "inference.yml").write_text(
        "models:\n"
        "  - {name: same, version: 1.0.0, inferer_type: identity, converter_type: none}\n"
        "dag: {type: sequential, name: d, nodes: [{name: n, type: model, model: same-1.0.0}]}\n"
    )
    (conf / "server.yml").write_text(
        f"interface: {{framework: http, host: 127.0.0.1, port: {port}}}\n"
    )
    return conf.parent


def test_a_model_is_served_without_a_writable_place(folder: Path) -> None:
    port, _ = two_free_ports()
    words = serve_words(folder, port)
    with running(folder, port, words) as container:
        container.wait_ready()
        reply = requests.post(
            f"http://127.0.0.1:{port}/grps/v1/infer/predict?return-ndarray=true",
            json={"ndarray": [[1.0, 2.0]]},
            timeout=GUARD_S,
        )
        assert reply.json()["ndarray"] == [[-1.0, -2.0]]
        logs = requests.get(f"http://127.0.0.1:{port}/grps/v1/admin/logs", timeout=GUARD_S)
        assert logs.status_code == 404
        assert "standard error only" in logs.text
        assert container.check().returncode == 0
        assert not list(container.tmp().rglob("*.log*"))
        owners = {file.stat().st_uid for file in container.tmp().rglob("*")}
        code, lines = container.end()
    assert (code, owners) == (0, {int(USER)})
    messages = [line["message"] for line in lines]
    assert "service 'my_grps' runs in this terminal; Ctrl-C stops it" in messages
    assert messages[-1] == "stopped: stopped"


def test_the_server_without_python_needs_no_writable_place(folder: Path) -> None:
    port, _ = two_free_ports()
    project = native_project(folder, port)
    state = folder / "tmp" / "grps" / "my_grps" / "run" / "state.json"
    words = [str(PROGRAM), "--project", str(project), "--state_file", str(state)]
    with running(folder, port, words) as container:
        container.wait_ready()
        assert container.check().returncode == 0
        code, lines = container.end()
        checked = container.check()
    assert code == 0
    assert lines[-1]["message"] == "stopped: stopped"
    assert not (project / "logs").exists()
    assert checked.returncode != 0


def test_a_home_folder_in_tmp_is_found_without_variables(folder: Path) -> None:
    port, _ = two_free_ports()
    words = serve_words(folder, port)
    with running(folder, port, words, GRPS_HOME="") as container:
        container.wait_ready()
        assert (container.tmp() / f"grps-{USER}" / "my_grps" / "run" / "state.json").is_file()
        assert container.end()[0] == 0


@pytest.mark.parametrize("program", ["python", "native"])
def test_a_failed_start_says_its_cause_in_the_last_line(folder: Path, program: str) -> None:
    port, _ = two_free_ports()
    project = native_project(folder, port)
    (project / "conf" / "server.yml").write_text("interface: {port: many}\n")
    words = [str(PROGRAM), "--project", str(project)]
    if program == "python":
        words = [sys.executable, "-m", "grps.server", "--project", str(project)]
    with running(folder, port, words) as container:
        _, errors = container.process.communicate(timeout=START_TIMEOUT_S)
    last = json.loads(errors.splitlines()[-1])
    assert container.process.returncode == 1
    assert last["level"] == "ERROR"
    assert "many" in last["message"]


@pytest.mark.parametrize("program", ["python", "native"])
def test_another_format_is_refused(folder: Path, program: str) -> None:
    project = native_project(folder, 1)
    words = [str(PROGRAM), "--project", str(project)]
    if program == "python":
        words = [sys.executable, "-m", "grps.server", "--project", str(project)]
    with running(folder, 1, words, GRPS_LOG_STDERR="JSON") as container:
        _, errors = container.process.communicate(timeout=START_TIMEOUT_S)
    assert container.process.returncode == 2
    assert "GRPS_LOG_STDERR is 'JSON'; use json or text" in errors
