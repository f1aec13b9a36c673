"""The verbs create, archive, start and dev, with a stand-in for the server process."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from grps.cli.output.byte_progress import ByteProgress, size_text
from grps.deploy import development
from grps.deploy.paths import ServiceFolder
from grps.deploy.project import deployment
from grps.deploy.project.creation import create_project
from grps.deploy.supervision.services import find
from tests.unit.cli.conftest import FAKE

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst

SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    create_project(tmp_path / "p")
    (tmp_path / "p" / "conf" / "server.yml").write_text(SERVER)
    return tmp_path / "p"


@pytest.fixture
def fake_project_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(folder: ServiceFolder, project: Path, python: str) -> list[str]:
        return [sys.executable, str(FAKE), str(folder.root), "serve"]

    monkeypatch.setattr(deployment, "project_command", command)


def test_create(grpst: Grpst, tmp_path: Path) -> None:
    result = grpst("create", tmp_path / "my project")
    assert result.exit_code == 0, result.output
    assert f"made {tmp_path}/my project (12 files)" in result.stdout
    assert f"test it   cd '{tmp_path}/my project' && " in result.stdout
    assert "python test.py\n" in result.stdout
    again = grpst("create", tmp_path / "my project", "--project_type", "py")
    assert again.exit_code == 1
    assert "is not empty" in again.stderr


def test_create_asks_on_a_terminal(
    grpst: Grpst, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def prompt(text: str, **options: object) -> str:
        asked.append((text, options["default"]))
        return "py"

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("grps.cli.verbs.projects.create.sys", FakeSys)
    assert grpst("create", tmp_path / "p").exit_code == 0
    assert asked == [("project type", "py")]
    assert grpst("create", tmp_path / "q", "--project_type", "py").exit_code == 0
    assert len(asked) == 1


class FakeSys:
    executable = sys.executable

    class stdin:
        @staticmethod
        def isatty() -> bool:
            return True


def test_types(grpst: Grpst, tmp_path: Path) -> None:
    result = grpst("create", tmp_path / "p", "--project_type", "rust")
    assert result.exit_code == 2
    assert "'rust' is not one of: py, cpp" in result.stderr
    assert not (tmp_path / "p").exists()
    made = grpst("create", tmp_path / "p", "--project_type", "cpp")
    assert made.exit_code == 0, made.output
    assert "test it" not in made.stdout, "the tests run when it is packed"
    assert (tmp_path / "p" / ".clang-format").is_file()


def test_definitions_need_a_project_in_cpp(grpst: Grpst, project: Path) -> None:
    for verb in ("archive", "dev"):
        result = grpst(verb, project, "--cmake_define", "A=1")
        assert result.exit_code == 2
        assert f"--cmake_define: {project} has no CMakeLists.txt" in result.stderr
        wrong = grpst(verb, project, "--cmake_define", "A")
        assert "'A' is not NAME=VALUE, such as BUILD_TESTING=OFF" in wrong.stderr


def test_sdk(grpst: Grpst) -> None:
    folder = Path(grpst("sdk").stdout.strip())
    assert Path(grpst("sdk", "--include").stdout.strip(), "grps", "plugin.hpp").is_file()
    assert Path(grpst("sdk", "--cmake_dir").stdout.strip()) == folder / "cmake"
    assert Path(grpst("sdk", "--engine", "onnxruntime").stdout.strip()).is_file()
    refused = grpst("sdk", "--engine", "sklearn")
    assert (refused.exit_code, "'sklearn' is none of onnxruntime" in refused.output) == (2, True)
    assert (folder / "cmake" / "grps-config.cmake").is_file()


def test_archive(grpst: Grpst, project: Path, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_text("1")
    (project / "data" / "big.bin").symlink_to(tmp_path / "big.bin")
    output = tmp_path / "out.mar"
    result = grpst("archive", project, "--output_path", output)
    assert result.exit_code == 0, result.output
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    assert f"sha256    {digest}\n" in result.stdout
    assert "13 files)" in result.stdout
    assert f"note: data/big.bin leads to {tmp_path}/big.bin, outside of" in result.stderr
    assert f"grpst start {output}" in result.stdout


def test_archive_default_path_and_skipped_test(
    grpst: Grpst, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    (project / "test.py").write_text("raise SystemExit(1)\n")
    failed = grpst("archive", ".")
    assert failed.exit_code == 1
    assert "test.py failed (exit code 1); nothing is packed" in failed.stderr
    assert not (project / "server.mar").exists()
    assert grpst("archive", ".", "--skip_unittest").exit_code == 0
    assert (project / "server.mar").is_file()


def test_archive_checks_the_configuration(grpst: Grpst, project: Path, tmp_path: Path) -> None:
    (project / "conf" / "server.yml").write_text("prot: 1\n")
    result = grpst("archive", project, "--skip_unittest", "--output_path", tmp_path / "s.mar")
    assert result.exit_code == 1
    assert "server.yml:1: unknown key 'prot'" in result.stderr
    assert not (tmp_path / "s.mar").exists()


@pytest.mark.usefixtures("fake_project_server")
def test_start(grpst: Grpst, project: Path, tmp_path: Path) -> None:
    archive = tmp_path / "s.mar"
    grpst("archive", project, "--output_path", archive, "--skip_unittest")
    result = grpst("start", archive, "--name", "demo", "--mpi_np", "1", "--no_logging")
    assert result.exit_code == 0, result.output
    assert "demo is ready" in result.stdout
    assert "model your_model-1.0.0" in result.stdout
    again = grpst("start", project, "--name", "demo")
    assert again.exit_code == 1
    assert "already runs" in again.stderr
    assert (ServiceFolder.of("demo").project / "src").is_dir()
    assert grpst("stop", "demo").exit_code == 0
    assert grpst("start", project, "--name", "demo", "--no_logging").exit_code == 0
    assert not ServiceFolder.of("demo").project.exists()
    assert find("demo").running


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--mpi_np", "2"], "2 processes are not available in this version; use 1"),
        (["--name", "a/b"], "can't be a service name"),
        (["--server_conf", "none.yml"], "does not exist"),
        (["--timeout", "0"], "not in the range"),
        (["--max_unpacked_gib", "0"], "not in the range"),
    ],
)
def test_start_usage(grpst: Grpst, project: Path, flags: list[str], text: str) -> None:
    result = grpst("start", project, *flags)
    assert result.exit_code == 2
    assert text in result.stderr


def test_start_of_something_else(grpst: Grpst, tmp_path: Path) -> None:
    (tmp_path / "x.mar").write_bytes(b"\x1f\x8bxx")
    result = grpst("start", tmp_path / "x.mar")
    assert result.exit_code == 1
    assert "pack the project again with: grpst archive PROJECT" in result.stderr
    assert not ServiceFolder.of("my_grps").root.exists()


def test_start_in_the_foreground(
    grpst: Grpst, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: calls.append(command))
    folders: list[Path] = []
    monkeypatch.setattr(os, "chdir", folders.append)
    result = grpst("start", project, "--foreground")
    assert result.exit_code == 0, result.output
    folder = ServiceFolder.of("my_grps")
    assert calls[0][3:7] == ["--project", str(project), "--service", str(folder.root)]
    assert calls[0][-1] == "--stderr"
    assert folders == [project]
    folder.state.unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_ends_by_a_signal(
    grpst: Grpst, project: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    handlers: dict[int, Any] = {}
    ended: list[bool] = []

    def run(self: development.Development) -> None:
        handlers[number](number, None)

    (project / "requirements.txt").write_text("no-such-package\n")
    monkeypatch.setattr(development.Development, "run", run)
    monkeypatch.setattr(development.Development, "end", lambda self: ended.append(True))
    monkeypatch.setattr("signal.signal", handlers.__setitem__)
    result = grpst("dev", project, "--port", "0")
    assert (result.exit_code, ended) == (0, [True])
    assert "note: no-such-package is not installed" in result.stderr
    assert "dev: stopped" in result.stderr
    assert "'x' is not a port" in grpst("dev", project, "--port", "x").stderr


def test_progress_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    total = 64 * 1024 * 1024
    with ByteProgress() as progress:
        for done in range(0, total + 1, total // 100):
            progress.show("packing", done, total)
        progress.show("packing", total, total)
        progress.show("reading", 1, 2)
        progress.show("reading", 0, 0)
    assert capsys.readouterr().err.splitlines() == [
        f"  packing: {step} % of 64.0 MiB" for step in (0, 25, 50, 75, 100)
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 40, "5120.0 GiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_start_listens_where_the_flags_say(
    grpst: Grpst, project: Path, fake_project_server: None
) -> None:
    flags = ("--name", "demo", "--no_logging", "--host", "localhost", "--port", "0")
    result = grpst("start", project, *flags)
    assert result.exit_code == 0, result.output
    assert 'host: "localhost"' in ServiceFolder.of("demo").server_conf.read_text()
    assert "0,0" not in ServiceFolder.of("demo").server_conf.read_text()
    assert (project / "conf" / "server.yml").read_text() == SERVER
    wrong = grpst("start", project, "--port", "70000")
    assert wrong.exit_code == 2
    assert "'70000' is not a port" in wrong.stderr


def test_restart_applies_an_edited_configuration(
    grpst: Grpst, project: Path, fake_project_server: None
) -> None:
    grpst("start", project, "--name", "demo", "--no_logging")
    first = find("demo").state
    conf = ServiceFolder.of("demo").server_conf
    conf.write_text("interface: {port: 1e400}\n")
    broken = grpst("restart", "demo", "--no_logging")
    assert broken.exit_code == 1
    assert f"{conf}:1: interface.port: '1e400' is not a port" in broken.stderr
    assert find("demo").state == first, "a service with a wrong configuration goes on"
    conf.write_text(f"{SERVER}max_concurrency: 3\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in grpst("restart", "demo", "--port", str(port)).stderr
    assert "can't listen on no.invalid" in grpst("restart", "demo", "--host", "no.invalid").stderr
    assert find("demo").state == first, "a service whose new port is taken goes on"
    result = grpst("restart", "demo", "--no_logging")
    assert result.exit_code == 0, result.output
    state = find("demo").state
    assert state is not None
    assert first is not None
    assert state.pid != first.pid
    assert f"demo is ready (pid {state.pid}, model your_model-1.0.0)" in result.stdout
    assert "max_concurrency: 3" in conf.read_text()
    grpst("stop", "demo")
    again = grpst("restart", "demo", "--no_logging", "--port", "0", "--host", "localhost")
    assert again.exit_code == 0, "one that is stopped is started"
    assert 'port: "0"' in conf.read_text()
    assert 'host: "localhost"' in conf.read_text()
    assert grpst("restart", "dem").exit_code == 1


def test_restart_keeps_the_admin_token(
    grpst: Grpst, project: Path, fake_project_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPS_ADMIN_TOKEN", "secret")
    grpst("start", project, "--name", "demo", "--no_logging")
    first = find("demo").state
    monkeypatch.delenv("GRPS_ADMIN_TOKEN")
    refused = grpst("restart", "demo", "--no_logging")
    assert refused.exit_code == 1
    assert "error: service 'demo' has an admin token, but GRPS_ADMIN_TOKEN is not" in refused.stderr
    assert find("demo").state == first
    monkeypatch.setenv("GRPS_ADMIN_TOKEN", "")
    assert grpst("restart", "demo", "--no_logging").exit_code == 0
    monkeypatch.delenv("GRPS_ADMIN_TOKEN")
    assert grpst("restart", "demo", "--no_logging").exit_code == 0, "it has no token any more"


ONNX_MODEL = "{name: m, version: '1', device: cpu, inferer_type: onnxruntime, %s}"


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (
            {"conf": ONNX_MODEL % "inferer_path: data/no.onnx"},
            "model m-1: inferer_path {project}/data/no.onnx: no such file",
        ),
        (
            {"conf": ONNX_MODEL % "inferer_path: data/m.onnx", "data/m.onnx": ""},
            "model m-1: inferer_path {project}/data/m.onnx: the file is empty",
        ),
        (
            {
                "conf": ONNX_MODEL % "inferer_path: data/m.onnx, converter_type: text, "
                "converter_path: /no/tokenizer.json",
                "data/m.onnx": "x",
            },
            "model m-1: converter_path /no/tokenizer.json: no such file",
        ),
        (
            {
                "conf": ONNX_MODEL % "inferer_path: data/m.onnx, converter_type: labels, "
                "converter_args: {labels: no.txt}",
                "data/m.onnx": "x",
            },
            "model m-1: labels in converter_args {project}/no.txt: no such file",
        ),
        (
            {
                "conf": "{name: m, version: '1', inferer_type: identity, "
                "warm_up_requests: [no.json]}"
            },
            "model m-1: warm_up_requests {project}/no.json: no such file",
        ),
        (
            {"conf": ONNX_MODEL % "inferer_path: data/m.onnx", "data/m.onnx": "a text\n"},
            "model m-1: {project}/data/m.onnx: a text file; accepted:",
        ),
        ({"src/customized_inferer.py": None}, "customized_inferer.py is missing; model your_model"),
        ({"src/customized_inferer.py": "x = 3\nx ="}, "customized_inferer.py:2: invalid syntax"),
        (
            {"src/customized_inferer.py": ""},
            "your_model-1.0.0: inferer_name 'your_inferer' is not registered in",
        ),
    ],
)
def test_restart_checks_files_before_it_stops_the_service(
    grpst: Grpst,
    project: Path,
    fake_project_server: None,
    files: dict[str, str | None],
    text: str,
) -> None:
    grpst("start", project, "--name", "demo", "--no_logging")
    first = find("demo").state
    for name, content in files.items():
        if name == "conf":
            ServiceFolder.of("demo").inference_conf.write_text(f"models: [{content}]\n")
        elif content is None:
            (project / name).unlink()
        else:
            (project / name).write_text(content)
    result = grpst("restart", "demo", "--no_logging")
    assert result.exit_code == 1
    assert text.format(project=project) in result.stderr
    assert find("demo").state == first, "a service whose files are missing goes on"


def test_rm(grpst: Grpst, project: Path, fake_project_server: None) -> None:
    grpst("start", project, "--name", "demo", "--no_logging")
    folder = ServiceFolder.of("demo")
    running = grpst("rm", "demo")
    assert running.exit_code == 1
    assert "service 'demo' runs (ready); stop it with" in running.stderr
    result = grpst("rm", "demo", "--force")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"service 'demo' removed ({folder.root})\n"
    assert not folder.root.exists()
    assert (project / "conf" / "server.yml").exists()
    assert "no service is called 'demo'" in grpst("rm", "demo").stderr
    assert grpst("rm").exit_code == 2
