"""``grpst perf`` against a real service, over every protocol."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
from click.testing import CliRunner, Result

from grps.cli.calling.service import KEY_VARIABLE
from grps.cli.main import main
from grps.client.settings import PROTOCOLS
from tests.credentials import entry, key_of
from tests.onnx_models import save_node
from tests.support import (
    GUARD_S,
    REPOSITORY,
    RunningServer,
    serving,
    two_free_ports,
    user_model,
    wait_until,
    write_user_project,
)

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "perf-result.schema.json").read_text())
CODE = """
from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Counter(Plain):
    def infer(self, inp, context):
        for number in range(4):
            context.stream_respond(GrpsMessage(str_data=str(number)))
        context.stream_respond(GrpsMessage(str_data="last"), final=True)


class Raiser(Plain):
    def infer(self, inp, context):
        raise ValueError("boom")


inferer_register.register("counter", Counter())
inferer_register.register("raiser", Raiser())
"""
FLOAT = onnx.TensorProto.FLOAT


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A service with keys: a model of tensors, one that streams and one that fails."""
    folder = tmp_path_factory.mktemp("perf")
    save_node(
        folder / "double.onnx", "Add", [("x", FLOAT, ["n", 3])] * 1 + [("z", FLOAT, ["n", 3])],
        [("y", FLOAT, ["n", 3])],
    )  # fmt: skip
    net = {
        "name": "net",
        "version": "1.0.0",
        "inferer_type": "onnxruntime",
        "inferer_path": str(folder / "double.onnx"),
        "converter_type": "numpy",
    }
    models: list[dict[str, Any]] = [net, user_model("counter"), user_model("raiser")]
    auth = {"keys": [entry("all", ["infer", "read"])]}
    with serving(write_user_project(folder, models, {"auth": auth}, code=CODE)) as server:
        yield server


def perf(*words: str, code: int = 0, key: str = key_of("all")) -> Result:
    done = CliRunner(env={KEY_VARIABLE: key}).invoke(main, ["perf", *words])
    assert done.exit_code == code, done.output
    return done


def address(service: RunningServer) -> str:
    return f"127.0.0.1:{service.ports[0]}"


def measured(folder: Path, *words: str) -> dict[str, Any]:
    """The result of a test of 40 requests."""
    file = folder / "result.json"
    perf(*words, "-n", "40", "--warmup", "0", "--json", str(file))
    found: dict[str, Any] = json.loads(file.read_text())
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol(protocol: str, service: RunningServer, tmp_path: Path) -> None:
    words = ("--model", "net", "--protocol", protocol, "--batch", "4")
    found = measured(tmp_path, address(service), *words, "--concurrency", "1,3")
    assert [one["load"]["concurrency"] for one in found["loads"]] == [1, 3]
    for one in found["loads"]:
        assert one["requests"] == {
            "succeeded": 40, "failed": 0, "not_sent": 0, "unfinished": 0, "items_each": 4,
        }  # fmt: skip
        assert one["latency_ms"]["count"] == 40
        assert one["generator"]["connections"] <= one["load"]["concurrency"]
        assert one["response_bytes"] > 40 * 4 * 3 * 4
    assert found["requests"] == "model net: generated x float32 4×3, z float32 4×3"  # noqa: RUF001


@pytest.mark.parametrize("protocol", ["http", "grpc", "brpc"])
def test_failures_in_responses_are_seen(protocol: str, service: RunningServer) -> None:
    words = ("--model", "raiser", "--protocol", protocol, "--text", "x", "-n", "5")
    done = perf(address(service), *words, code=1)
    assert "the first request failed" in done.output
    assert "boom" in done.output


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_streams(protocol: str, service: RunningServer, tmp_path: Path) -> None:
    words = ("--model", "counter", "--protocol", protocol, "--stream", "--text", "go")
    (one,) = measured(tmp_path, address(service), *words)["loads"]
    assert one["stream"]["chunks"] == 200
    assert one["stream"]["first_chunk_ms"]["count"] == 40
    assert one["stream"]["between_chunks_ms"]["count"] == 160


def test_shared_connections_of_grpc(service: RunningServer, tmp_path: Path) -> None:
    words = ("--model", "net", "--protocol", "grpc", "-c", "6", "--connections", "2")
    (one,) = measured(tmp_path, address(service), *words)["loads"]
    assert (one["requests"]["succeeded"], one["generator"]["connections"]) == (40, 2)


def test_open_loops(service: RunningServer, tmp_path: Path) -> None:
    for arrivals in ("poisson", "constant"):
        words = ("--model", "net", "--rate", "150,300", "--arrivals", arrivals, "--threads", "2")
        found = measured(tmp_path, address(service), *words)
        assert [one["load"]["kind"] for one in found["loads"]] == [arrivals, arrivals]
        assert [one["requests"]["succeeded"] for one in found["loads"]] == [40, 40]
    times = tmp_path / "times.txt"
    times.write_text("".join(f"{number * 0.002}\n" for number in range(40)))
    result = ("--json", str(tmp_path / "trace.json"))
    perf(address(service), "--model", "net", "--trace", str(times), *result)
    (one,) = json.loads((tmp_path / "trace.json").read_text())["loads"]
    assert (one["load"]["name"], one["requests"]["succeeded"]) == ("times.txt", 40)


@pytest.mark.parametrize("protocol", ["http", "oip-http", "grpc", "brpc"])
def test_a_file_of_requests(protocol: str, service: RunningServer, tmp_path: Path) -> None:
    oip = [{"name": name, "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]} for name in "xz"]
    tensors = [
        {"name": name, "dtype": "DT_FLOAT32", "shape": [1, 3], "flat_float32": [1, 2, 3]}
        for name in "xz"
    ]
    body = {"inputs": oip} if protocol == "oip-http" else {"gtensors": {"tensors": tensors}}
    file = tmp_path / "requests.jsonl"
    file.write_text(f"{json.dumps(body)}\n\n{json.dumps(body)}\n")
    words = ("--model", "net", "--protocol", protocol, "--input", str(file))
    (one,) = measured(tmp_path, address(service), *words)["loads"]
    assert one["requests"]["succeeded"] == 40


def test_a_url_with_a_path_gets_its_requests_as_they_are(
    service: RunningServer, tmp_path: Path
) -> None:
    url = service.url("/grps/v1/infer/predict?model=net")
    file = tmp_path / "requests.jsonl"
    file.write_text('{"gtensors": {"tensors": []}}\n')
    done = perf(url, "--input", str(file), code=1)
    assert "the first request failed: HTTP 400" in done.output
    live = measured(tmp_path, service.url("/grps/v1/health/live"), "-H", "x-a: b")
    assert live["requests"] == "GET /grps/v1/health/live"


def test_a_page_and_an_slo(service: RunningServer, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    words = (address(service), "--model", "net", "-n", "20", "--warmup", "0", "-c", "1,2")
    done = perf(*words, "--slo", "p99=10s,errors=0%", "--html", str(page))
    assert "most within the SLO" in done.stderr
    assert done.stdout.splitlines()[0].split()[:2] == ["LOAD", "REQ/S"]
    assert ET.fromstring(page.read_text().partition("\n")[2]).tag == "html"
    missed = perf(*words, "--slo", "p50=1us", code=1)
    assert "SLO missed at concurrency 1: p50=1us" in missed.stderr


def test_errors_say_what_to_do(service: RunningServer, tmp_path: Path) -> None:
    where = address(service)
    nobody = f"127.0.0.1:{two_free_ports()[0]}"
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}\n{\n")
    for words, said in (
        (("no_such_service",), "no_such_service"),
        ((nobody,), "no connection"),
        ((nobody, "--model", "net"), "no connection"),
        ((where,), "several models: counter, net, raiser; say which by --model"),
        ((where, "--model", "nothing"), "404"),
        ((where, "--model", "counter"), "does not say which inputs it takes"),
        ((where, "--model", "net", "--shape", "x=1,4"), "has the shape ?,3, not 1,4"),
        ((where, "--model", "net", "x=[[1, 2]]", "z=[[1, 2]]"), "the first request failed"),
        ((where, "--model", "net", "--input", str(broken)), "broken.jsonl:2: is no JSON"),
        ((where, "--model", "net", "--protocol", "brpc", "--stream"), "brpc has no streams"),
    ):
        assert said in perf(*words, "-n", "3", code=1).output
    for flags, said in (
        (("-c", "1", "-r", "1"), "give either --concurrency or --rate"),
        (("-c", "1.5"), "use whole numbers"),
        (("-r", "0"), "use numbers above 0"),
        (("--shape", "x=a"), "use NAME=1,3,224,224"),
        (("--text", "a", "b"), "give either inputs, --text or --input"),
    ):
        assert said in perf(where, "--model", "net", *flags, code=2).output
    assert "the server asks for a key; give it by --key_file" in perf(where, code=1, key="").output
    for protocol in PROTOCOLS:
        done = perf(where, "-m", "net", "--protocol", protocol, "-n", "3", code=1, key="wrong")
        assert "401" in done.output


class Counted(BaseHTTPRequestHandler):
    """Responds to everything, and counts it."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        type(self).count += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_ctrl_c_ends_a_test_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    with ThreadingHTTPServer(("127.0.0.1", 0), Counted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/x"
        flags = ("-d", "600", "-c", "2,3", "--warmup", "0", "--json", str(file))
        process = subprocess.Popen(
            [sys.executable, "-m", "grps.cli.main", "perf", url, *flags],
            cwd=REPOSITORY,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: Counted.count > 50, "some requests")
        process.send_signal(signal.SIGINT)
        assert process.wait(GUARD_S) == 130
        server.shutdown()
    (one,) = json.loads(file.read_text())["loads"]
    assert one["is_stopped"]
    assert one["requests"]["succeeded"] >= 40
