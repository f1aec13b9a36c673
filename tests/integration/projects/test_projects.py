"""Projects from creation to the last request, with the real tool, server and pip."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.integration.projects.conftest import WAIT_S, Dev, Grpst, state_of
from tests.model_archives import manifest_of, write_mar
from tests.support import user_model, write_user_project
from tests.unit.deploy.archive.archives import write_tree
from tests.unit.deploy.project.wheels import write_wheel

SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"
BODY = {"gtensors": {"tensors": [
    {"name": "x", "dtype": "DT_FLOAT32", "shape": [2], "flat_float32": [1, 2]}
]}}  # fmt: skip


def predict(name: str, body: object) -> dict[str, object]:
    url = f"http://127.0.0.1:{state_of(name).ports[0]}/grps/v1/infer/predict"
    command = ["curl", "-sS", "--fail", "-H", "Content-Type: application/json"]
    answer = subprocess.run(
        [*command, "-d", json.dumps(body), url], check=True, capture_output=True, timeout=WAIT_S
    )
    found = json.loads(answer.stdout)
    assert isinstance(found, dict)
    return found


def test_from_create_to_stop(grpst: Grpst, tmp_path: Path) -> None:
    project = tmp_path / "demo"
    grpst("create", project)
    write_tree(project, {"conf/server.yml": SERVER})
    said = grpst("archive", project)
    assert "Ran 4 tests" in said
    assert "server.mar" in said
    said = grpst("start", "server.mar", "--no_logging")
    curl = re.search(r"try +(curl .*)", said)
    assert curl is not None
    answer = subprocess.run(
        ["bash", "-c", curl[1]], check=True, capture_output=True, timeout=WAIT_S
    )
    (tensor,) = json.loads(answer.stdout)["gtensors"]["tensors"]
    assert tensor["flat_float32"] == [2.0, 2.0]
    tensors = predict("my_grps", BODY)["gtensors"]
    assert isinstance(tensors, dict)
    assert tensors["tensors"][0]["flat_float32"] == [2.0, 4.0]
    for client, port in (("http_client.py", 0), ("grpc_client.py", 1)):
        address = f"127.0.0.1:{state_of('my_grps').ports[port]}"
        address = f"http://{address}" if port == 0 else address
        command = [sys.executable, str(project / "client" / client), address]
        shown = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=WAIT_S
        ).stdout
        assert "4.0" in shown or "flat_float32: 4" in shown
    assert state_of("my_grps").deploy_path == str(tmp_path / "home" / "my_grps")
    assert "loaded: y = 2 x" in (tmp_path / "home/my_grps/logs/grps_usr.log").read_text()
    assert "my_grps" in grpst("ps")
    # A changed archive under the same name takes the place of the old one.
    code = project / "conf" / "inference.yml"
    code.write_text(code.read_text().replace("factor: 2", "factor: 3"))
    grpst("archive", project, "--skip_unittest")
    assert "already runs" in grpst("start", "server.mar", code=1)
    grpst("stop", "my_grps")
    grpst("start", "server.mar", "--no_logging")
    tensors = predict("my_grps", BODY)["gtensors"]
    assert isinstance(tensors, dict)
    assert tensors["tensors"][0]["flat_float32"] == [3.0, 6.0]
    assert "stopped" in grpst("stop", "my_grps")


def test_folder_is_served_where_it_is(grpst: Grpst, tmp_path: Path) -> None:
    models = [user_model(name) for name in ("echo", "raiser", "failing")]
    project = write_user_project(tmp_path / "basic", models, dag=["echo-1.0.0"])
    code = project / "src" / "customized_inferer.py"
    code.write_text(code.read_text() + "import os\nopen('cwd.txt', 'w').write(os.getcwd())\n")
    (tmp_path / "other.yml").write_text(SERVER + "log: {log_dir: ./mine}\n")
    grpst("start", "basic", "--name", "b", "--server_conf", "other.yml", "--no_logging")
    assert predict("b", {"str_data": "x"})["str_data"] == "x"
    assert (project / "cwd.txt").read_text() == str(project)
    assert not (project / "logs").exists()
    home = tmp_path / "home" / "b"
    assert {path.name for path in home.iterdir()} == {"conf", "logs", "mine", "run"}
    assert (home / "mine" / "grps_server.log").stat().st_size > 0
    grpst("stop", "b")


def test_requirements_come_into_an_environment(
    grpst: Grpst, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    write_wheel(tmp_path / "wheels", "grps_probe", "1.0", "VALUE = 'from the wheel'\n")
    project = write_user_project(tmp_path / "p", [user_model("echo")])
    code = project / "src" / "customized_inferer.py"
    code.write_text(
        code.read_text()
        + "import grps_probe\n"
        + "Echo.infer = lambda self, inp, context: GrpsMessage(str_data=grps_probe.VALUE)\n"
    )
    write_tree(project, {"requirements.txt": "grps_probe>=1\n"})
    grpst("archive", project, "--skip_unittest")
    said = grpst("start", "server.mar", "--no_logging")
    assert "grps_probe>=1 is not installed" in said
    assert "Successfully installed" in said
    assert predict("my_grps", {"str_data": "x"})["str_data"] == "from the wheel"
    grpst("stop", "my_grps")
    write_tree(project, {"requirements.txt": "grps_probe>=2\n"})
    said = grpst("start", "p", "--name", "other", "--no_logging", code=1)
    assert "No matching distribution found for grps_probe>=2" in said
    assert not (tmp_path / "home" / "other").exists()


@pytest.fixture
def dev(grpst: Grpst, tmp_path: Path) -> Iterator[tuple[Dev, Path]]:
    grpst("create", tmp_path / "p")
    write_tree(tmp_path / "p", {"conf/server.yml": SERVER})
    with Dev(tmp_path / "p") as started:
        yield started, tmp_path / "p"


def doubled(base: str) -> list[float]:
    response = requests.post(f"{base}/grps/v1/infer/predict", json=BODY, timeout=WAIT_S)
    found: list[float] = response.json()["gtensors"]["tensors"][0]["flat_float32"]
    return found


def test_dev_follows_edits(dev: tuple[Dev, Path]) -> None:
    server, project = dev
    base = server.ready()
    assert doubled(base) == [2.0, 4.0]
    code = project / "src" / "customized_inferer.py"
    sound = code.read_text()
    code.write_text(sound.replace("inp * self.factor", "inp * 5"))
    server.wait("dev: changed: src/customized_inferer.py; restarting")
    assert server.ready() == base
    assert doubled(base) == [5.0, 10.0]
    code.write_text("def broken(:\n")
    server.wait("dev: changed: src/customized_inferer.py")
    server.wait("error: the project's code can't be imported: SyntaxError")
    server.wait("dev: the server exited with code 1; change a file to try again")
    code.write_text(sound)
    assert server.ready() == base
    conf = project / "conf" / "server.yml"
    conf.write_text("prot: 1\n")
    server.wait("server.yml:1: unknown key 'prot'")
    conf.write_text(SERVER)
    assert server.ready() == base
    assert doubled(base) == [2.0, 4.0]
    assert server.end() == 0
    with pytest.raises(requests.ConnectionError):
        doubled(base)


def test_dev_ends_by_sigterm(dev: tuple[Dev, Path]) -> None:
    server, _ = dev
    base = server.ready()
    server.process.terminate()
    assert server.ended() == 0
    with pytest.raises(requests.ConnectionError):
        doubled(base)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment_s", [0.1, 0.4, 0.6, 0.8, 1.4])
def test_a_start_that_is_given_up_leaves_nothing(
    grpst: Grpst, tmp_path: Path, number: signal.Signals, moment_s: float
) -> None:
    grpst("create", tmp_path / "p")
    slow = "import time\n\ntime.sleep(600)\n"
    write_tree(tmp_path / "p", {"conf/server.yml": SERVER, "src/customized_converter.py": slow})
    # A signal while Python itself starts is Python's to handle.
    run = "import runpy; print(flush=True); runpy.run_module('grps.cli.main', run_name='__main__')"
    command = [sys.executable, "-c", run, "start", str(tmp_path / "p")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"\n"
    time.sleep(moment_s)
    process.send_signal(number)
    process.communicate(timeout=WAIT_S)
    assert process.returncode in (130, -number), "the start neither ended nor told so"
    left = [
        each.info["cmdline"]
        for each in psutil.process_iter(["cmdline"])
        if each.info["cmdline"] and str(tmp_path / "p") in each.info["cmdline"]
    ]
    assert left == []
    assert not grpst("ps").count("my_grps")


def test_a_model_archive_of_torchserve(grpst: Grpst, tmp_path: Path) -> None:
    handler = "def handle(data, context): return [bytes(row['body']) for row in data or []]\n"
    archive = write_mar(tmp_path / "m.mar", manifest_of("m", "handler"), {"handler.py": handler})
    assert "grpst start" in grpst("inspect", archive, code=1)
    flags = ("--name", "mar", "--host", "127.0.0.1", "--port", "0,0", "--no_logging")
    out = grpst("start", archive, *flags, "--instances", "2", "--max_batch_size", "3")
    assert "model m-1.0" in out
    url = f"http://127.0.0.1:{state_of('mar').ports[0]}"
    assert requests.put(f"{url}/predictions/m", data=b"\xff", timeout=WAIT_S).content == b"\xff"
    (model,) = requests.get(f"{url}/models/m", timeout=WAIT_S).json()
    assert (model["minWorkers"], model["batchSize"]) == (2, 3)
    bad = write_mar(tmp_path / "bad.mar", manifest_of("m", "text_classifier"), {})
    assert "text_classifier of TorchServe is not a part of GRPS" in grpst("start", bad, code=1)
    refused = grpst("start", tmp_path, "--max_batch_size", "3", "--name", "other", code=1)
    assert "for model archives of TorchServe only" in refused
