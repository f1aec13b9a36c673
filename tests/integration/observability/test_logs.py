"""The logs of a running service: requests in them, JSON, levels, and a look from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.onnx_models import save_identity
from tests.support import RunningServer, serving, user_model, wait_until, write_user_project

CODE = """
from grps import ModelInferer, clogger, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Chatty(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        clogger.debug("debugging %s", inp.str_data)
        clogger.info("got %s", inp.str_data)
        if inp.str_data == "fail":
            raise ValueError("as told")
        return inp

    def batch_infer(self, inps, contexts):
        return [self.infer(inp, context) for inp, context in zip(inps, contexts)]


class Patient(Chatty):
    async def infer(self, inp, context):
        clogger.info("awaited %s", inp.str_data)
        return inp


inferer_register.register("chatty", Chatty())
inferer_register.register("patient", Patient())
"""
BATCHED = {"batching": {"type": "dynamic"}}
MODELS = {
    "thread": user_model("chatty"),
    "batch": {**user_model("chatty"), **BATCHED},
    "process": {**user_model("chatty"), "isolation": "process"},
    "coroutine": user_model("patient"),
}


@contextmanager
def chatting(folder: Path, **log: Any) -> Iterator[RunningServer]:
    models = [{**model, "name": name} for name, model in MODELS.items()]
    write_user_project(folder, models, {"log": log}, code=CODE)
    with serving(folder) as running:
        yield running


def ask(server: RunningServer, model: str, text: str, request_id: str) -> requests.Response:
    headers = {"X-Request-Id": request_id}
    return server.post({"str_data": text}, f"?model={model}", headers=headers)


def user_lines(server: RunningServer, text: str) -> list[str]:
    path = server.folder / "logs" / "grps_usr.log"
    return [line for line in path.read_text().splitlines() if text in line]


def test_lines_of_user_code_carry_their_request(tmp_path: Path) -> None:
    with chatting(tmp_path) as server:
        for model in MODELS:
            assert ask(server, model, f"to-{model}", f"id-of-{model}").status_code == 200
        for model in MODELS:
            wait_until(lambda: bool(user_lines(server, f"to-{model}")), "the line")  # noqa: B023
            (line,) = user_lines(server, f"to-{model}")
            assert f"id=id-of-{model} " in line
        assert ask(server, "thread", "fail", "id-that-fails").status_code == 500
        wait_until(lambda: "ValueError: as told" in server.log(), "the traceback")
        failures = [line for line in server.log().splitlines() if "id-that-fails" in line]
        assert len(failures) >= 2


def test_json_lines(tmp_path: Path) -> None:
    with chatting(tmp_path, format="json", access=True) as server:
        ask(server, "thread", 'quoted "text"', "json-1")
        ask(server, "thread", "fail", "json-2")
        wait_until(lambda: "as told" in server.log(), "the traceback")
        wait_until(lambda: server.log().count('"message":"request"') > 1, "the requests")
        (line,) = user_lines(server, "quoted")
        mine = json.loads(line)
        assert mine["message"] == 'got quoted "text"'
        assert (mine["level"], mine["id"]) == ("INFO", "json-1")
        lines = [json.loads(line) for line in server.log().splitlines()]
        assert all({"timestamp", "level", "message", "target"} <= line.keys() for line in lines)
        requests_told = [line for line in lines if line["message"] == "request"]
        assert {"json-1", "json-2"} <= {line.get("id") for line in requests_told}
        failed = next(line for line in lines if "Traceback" in line["message"])
        assert failed["level"] == "ERROR"


def test_the_level_changes_while_the_service_runs(tmp_path: Path) -> None:
    def set_level(server: RunningServer, level: str) -> requests.Response:
        url = server.url("/grps/v1/admin/log-level")
        return requests.post(url, params={"level": level}, timeout=30)

    with chatting(tmp_path) as server:
        for model in ("thread", "process"):
            ask(server, model, f"early-{model}", "1")
        told = set_level(server, "debug").json()
        assert told == {"before": "info", "level": "debug"}
        for model in ("thread", "process"):

            def debugged(model: str = model) -> bool:
                ask(server, model, f"late-{model}", "2")
                return bool(user_lines(server, f"debugging late-{model}"))

            wait_until(debugged, "a line of the lower level")
            assert not user_lines(server, f"debugging early-{model}")
        assert set_level(server, "error").status_code == 200
        ask(server, "thread", "silence", "3")
        assert not user_lines(server, "silence")
        for bad in ("", "loud", "trace"):
            assert set_level(server, bad).status_code == 400


def test_the_end_of_a_log_can_be_asked_for(tmp_path: Path) -> None:
    with chatting(tmp_path) as server:
        url = server.url("/grps/v1/admin/logs")
        ask(server, "thread", "something", "4")
        told = requests.get(url, {"file": "user"}, timeout=30)
        assert "got something" in told.text
        whole = server.log()
        wait_until(lambda: "ready: listening" in server.log(), "the log")
        part = requests.get(url, {"bytes": "200"}, timeout=30).text
        assert 0 < len(part) <= 200
        assert whole.endswith(part) or server.log().endswith(part)
        assert requests.get(url, {"file": "/etc/passwd"}, timeout=30).status_code == 404
        assert requests.get(url, {"bytes": "many"}, timeout=30).status_code == 400


def test_secrets_of_the_configuration_are_not_told(tmp_path: Path) -> None:
    model = {**user_model("chatty"), "inferer_args": {"api_key": "hunter2", "size": 3}}
    write_user_project(tmp_path, [model], code=CODE)
    with serving(tmp_path) as server:
        told = requests.get(server.url("/grps/v1/metadata/server"), timeout=30).text
        assert "hunter2" not in told
        assert "size: 3" in told
        asked = {"str_data": f"{model['name']}-{model['version']}"}
        url = server.url("/grps/v1/metadata/model")
        assert "hunter2" not in requests.post(url, json=asked, timeout=30).text
        assert "hunter2" not in requests.get(server.url("/grps/v1/monitor/models"), timeout=30).text
        assert "hunter2" not in server.log()


FORGED = "\n2030-01-01 00:00:00.000 ERROR forged \x1b[2J\r2030-01-01 00:00:00.000 INFO again"
NAMED = {"dtype": "DT_FLOAT32", "shape": [1], "flat_float32": [1]}


def requests_with(text: str) -> list[tuple[dict[str, Any], str]]:
    """Bodies and queries with a client's text wherever an error or a log line repeats it."""
    return [
        ({"model": text, "str_data": "x"}, ""),
        ({"str_data": text}, "?model=thread"),
        ({"str_data": text}, "?model=echoing"),
        ({"str_data": "x"}, f"?{urlencode({'model': text})}"),
        ({"gtensors": {"tensors": [{**NAMED, "name": text}]}}, "?model=typed"),
        ({"gtensors": {"tensors": [{**NAMED, "name": text, "shape": [2]}]}}, "?model=typed"),
        ({"gmap": {"s_i32": {text: "x"}}}, ""),
        ({text: 1}, ""),
    ]


ECHOING = """
class Echoing(Chatty):
    def infer(self, inp, context):
        clogger.error("user %s", inp.str_data)
        raise ValueError("no " + inp.str_data)


inferer_register.register("echoing", Echoing())
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_clients_can_not_write_log_lines(tmp_path: Path, form: str) -> None:
    model = save_identity(tmp_path / "identity.onnx", "float32")
    typed = {"inferer_type": "onnxruntime", "inferer_path": str(model)}
    models = [
        {**user_model("chatty"), "name": "thread"},
        {**user_model("echoing"), "name": "echoing"},
        {"name": "typed", "version": "1.0.0", **typed},
    ]
    write_user_project(tmp_path, models, {"log": {"format": form}}, code=CODE + ECHOING)
    with serving(tmp_path) as server:
        for text in (FORGED, "A" * 300_000):
            for body, query in requests_with(text):
                if len(query) < 10_000:
                    answer = server.post(body, query)
                    assert answer.ok or len(answer.content) < 20_000
        server.post({"str_data": "x"}, "?model=thread", headers={"X-Grps-Priority": "1" * 5000})
        wait_until(lambda: "1111" in server.log(), "the last line")
    for name in ("grps_server.log", "grps_usr.log"):
        lines = (server.folder / "logs" / name).read_text().split("\n")
        assert not any("\x1b" in line or "\r" in line for line in lines)
        assert not any(line.startswith("2030-01-01") for line in lines)
        assert any("forged" in line for line in lines)
    assert max(map(len, server.log().splitlines())) < 17_000


def test_a_flood_of_failures_is_counted_not_written(tmp_path: Path) -> None:
    with chatting(tmp_path) as server, requests.Session() as session:
        url = server.url("/grps/v1/infer/predict?model=nope")
        for _ in range(600):
            assert session.post(url, json={"str_data": "x"}, timeout=30).status_code == 404
        assert ask(server, "thread", "fail", "id-of-failure").status_code == 500
        wait_until(lambda: "records were left out" in server.log(), "the count")
        wait_until(lambda: "id-of-failure" in server.log(), "the failure of the service")
        lines = server.log().splitlines()
        assert sum("Model nope not found" in line for line in lines) < 600
        left_out = next(line for line in lines if "records were left out" in line)
        assert "predict failed" in left_out
