"""Instances in processes of their own: the answers of threads, and crashes that cost little."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from tests.support import (
    GUARD_S,
    RunningServer,
    launch,
    serving,
    state_of,
    user_model,
    wait_for,
    wait_until,
    write_user_project,
)

CODE = '''
import os
import sys
import time

import numpy as np

from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.inference.monitor import app_monitor
from grps.inference.registry import converter_register, inferer_register
from grps.log import clogger
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Worker(Plain):
    """Does what the text says."""

    def infer(self, inp, context):
        verb, _, rest = inp.str_data.partition(" ")
        return getattr(self, verb)(rest, context)

    def echo(self, text, context):
        return GrpsMessage(str_data=text)

    def pid(self, text, context):
        return GrpsMessage(str_data=str(os.getpid()))

    def sleep(self, text, context):
        time.sleep(float(text))
        return GrpsMessage(str_data="slept")

    def wait(self, text, context):
        open("begun", "a").write(text + "\\n")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if context.if_disconnected():
                open("left", "a").write(text + "\\n")
                return GrpsMessage(str_data="left")
            time.sleep(0.002)

    def exit(self, text, context):
        print("nothing is left to say", file=sys.stderr, flush=True)
        os._exit(int(text))

    def raise_(self, text, context):
        raise ValueError(text)

    def count(self, text, context):
        for number in range(int(text)):
            yield GrpsMessage(str_data=str(number))

    def forever(self, text, context):
        try:
            for number in range(10**9):
                yield GrpsMessage(str_data="x" * 1000)
        finally:
            open("left", "a").write("forever\\n")

    def tell(self, text, context):
        clogger.info("told: %s", text)
        app_monitor.max("of_worker", float(len(text)))
        return GrpsMessage(str_data="told")

    def put(self, text, context):
        context.put_user_data("text", text)
        return GrpsMessage(str_data="get " + text)

    def get(self, text, context):
        return GrpsMessage(str_data=str(context.get_user_data("text")))


class Adder(Plain):
    def infer(self, inp, context):
        return {"sum": inp["x"] + 1}

    def batch_infer(self, inp, contexts):
        inp["x"][:] += 0  # the input may be written
        if (inp["x"] < 0).any():
            raise ValueError("negative")
        with open("batches", "a") as file:
            file.write(f"{len(contexts)}\\n")
        time.sleep(0.01)
        return {"sum": inp["x"] + 1, "text": np.array(["é"] * len(inp["x"]), object)}


class Negative(Adder):
    def infer(self, inp, context):
        if (inp["x"] < 0).any():
            raise ValueError("negative")
        return {"sum": inp["x"] + 1, "text": np.array(["é"] * len(inp["x"]), object)}


class Later(Plain):
    async def infer(self, inp, context):
        return inp


class Page(Plain):
    """Writes the HTTP answer itself."""

    def infer(self, inp, context):
        from flask import Response

        request = context.get_http_request()
        told = f"{request.method} {request.path} {request.args['q']} {len(request.get_data())}"
        response = Response(told, status=201, headers={"X-Own": request.headers["X-Asked"]})
        context.set_http_response(response)


inferer_register.register("page", Page())
inferer_register.register("worker", Worker())
inferer_register.register("adder", Negative())
inferer_register.register("later", Later())
'''


def worker(name: str = "w", **keys: Any) -> dict[str, Any]:
    return user_model(name, inferer_name="worker", isolation="process", **keys)


def text(answer: requests.Response) -> str:
    return str(answer.json().get("str_data") or answer.json()["status"]["msg"])


def ask(server: RunningServer, what: str, model: str = "w") -> requests.Response:
    return server.post({"str_data": what, "model": model})


def instances(server: RunningServer, model: str = "w-1.0.0") -> list[dict[str, Any]]:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    (found,) = (one for one in told if one["model"] == model)
    return list(found["instances"])


def pid_of(server: RunningServer) -> int:
    return int(instances(server)[0]["pid"])


def is_ready(server: RunningServer) -> bool:
    url = server.url("/grps/v1/health/ready")
    return requests.get(url, timeout=GUARD_S).status_code == 200


def test_messages_of_any_size_pass(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker()], code=CODE)
    with serving(tmp_path) as server:
        assert int(text(ask(server, "pid"))) == pid_of(server) != server.process.pid
        for size in (0, 1, 32_000, 32_768, 33_000, 5_000_000):
            assert ask(server, "echo " + "é" * size).json().get("str_data", "") == "é" * size
        failed = ask(server, "raise_ no")
        assert failed.status_code == 500
        assert "ValueError: no" in text(failed)
        wait_until(lambda: "ValueError: no" in server.log(), "the traceback")


def test_tensors_batches_and_one_bad_item(tmp_path: Path) -> None:
    model = user_model(
        "a",
        inferer_name="adder",
        converter_type="numpy",
        isolation="process",
        batching={"type": "dynamic", "max_batch_size": 64},
    )
    write_user_project(tmp_path, [model], code=CODE)

    def add(values: list[list[float]]) -> requests.Response:
        rows = np.array(values, np.float32)
        tensor = {
            "name": "x",
            "dtype": "DT_FLOAT32",
            "shape": list(rows.shape),
            "flat_float32": rows.ravel().tolist(),
        }
        return server.post({"gtensors": {"tensors": [tensor]}})

    with serving(tmp_path) as server, ThreadPoolExecutor(24) as clients:
        wanted = [[[float(n)] * 700] * (1 + n % 3) for n in range(200)]
        wanted[50] = [[-1.0] * 700]
        answers = list(clients.map(add, wanted))
        for number, (rows, answer) in enumerate(zip(wanted, answers, strict=True)):
            if number == 50:
                assert answer.status_code == 500
                assert "ValueError: negative" in text(answer)
                continue
            assert answer.status_code == 200, answer.text
            total, texts = answer.json()["gtensors"]["tensors"]
            assert total["flat_float32"] == [value + 1 for row in rows for value in row]
            assert texts["flat_string"] == ["é"] * len(rows)
        assert max(map(int, server.noted("batches"))) > 1


def test_a_crash_costs_its_requests_only(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker(instances=2)], code=CODE)
    with serving(tmp_path) as server:
        statuses: list[int] = []
        killed = threading.Event()

        def run() -> None:
            while not killed.is_set():
                answer = ask(server, "sleep 0.003")
                statuses.append(answer.status_code)
                if answer.status_code != 200:
                    assert "was killed by signal 9 (SIGKILL" in text(answer)

        def restarts() -> int:
            return sum(one["restarts"] for one in instances(server))

        with ThreadPoolExecutor(6) as clients:
            running = [clients.submit(run) for _ in range(6)]
            try:
                for number in range(3):
                    wait_until(lambda: len(statuses) > 100 * number, "answers")  # noqa: B023
                    alive = [one["pid"] for one in instances(server) if "pid" in one]
                    os.kill(alive[0], signal.SIGKILL)
                    wait_until(lambda: restarts() > number, "it runs again")  # noqa: B023
            finally:
                killed.set()
            for one in running:
                one.result()
        failed = [status for status in statuses if status != 200]
        assert set(failed) <= {500}
        # One instance runs one request at a time: no kill can cost more.
        assert len(failed) <= 3
        assert len(statuses) > 200
        wait_until(lambda: is_ready(server), "ready")
        assert restarts() == 3
        # What tools say of the service is not that it loads.
        state = state_of(tmp_path)
        assert state is not None
        assert state.phase == "ready"


def test_the_cause_of_an_end_is_told(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker()], code=CODE)
    with serving(tmp_path) as server:
        failed = ask(server, "exit 3")
        cause, last_lines = "has ended with exit code 3", "nothing is left to say"
        assert failed.status_code == 500
        assert f"the process of instance w-1.0.0#0 {cause}" in text(failed)
        # What a process says at its end is for operators.
        assert last_lines not in failed.text
        wait_until(lambda: f"; its last lines: {last_lines}" in server.log(), "the log")
        assert cause in server.log()
        assert last_lines in server.stderr()
        wait_until(lambda: is_ready(server), "ready")
        (told,) = instances(server)
        assert (told["state"], told["restarts"], told["reason"]) == ("alive", 1, cause)


def test_an_idle_instance_that_dies_makes_the_service_unready(tmp_path: Path) -> None:
    code = CODE + "\nif os.path.exists('broken'):\n    raise RuntimeError('it broke')\n"
    write_user_project(tmp_path, [worker()], code=code)
    with serving(tmp_path) as server:
        (tmp_path / "broken").touch()
        os.kill(pid_of(server), signal.SIGSEGV)
        url = server.url("/grps/v1/health/ready")
        wait_until(lambda: not is_ready(server), "not ready")
        told = text(requests.get(url, timeout=GUARD_S))
        assert "instance 'w-1.0.0#0' is down: its process was killed by signal 11" in told
        wait_until(lambda: "RuntimeError: it broke" in server.log(), "the cause")
        (tmp_path / "broken").unlink()
        wait_until(lambda: is_ready(server), "ready")
        assert text(ask(server, "echo on")) == "on"


def test_a_request_that_had_not_begun_is_run_again(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker()], code=CODE)
    with serving(tmp_path) as server, ThreadPoolExecutor(1) as clients:
        pid = pid_of(server)
        os.kill(pid, signal.SIGSTOP)
        running = clients.submit(ask, server, "echo again")
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        assert text(running.result()) == "again"


def test_chunks_and_clients_that_leave(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker()], code=CODE)
    with serving(tmp_path) as server:
        body = {"str_data": "count 300"}
        url = server.url() + "?streaming=true"
        with requests.post(url, json=body, stream=True, timeout=GUARD_S) as answer:
            assert answer.text.count('"str_data"') == 300
        with requests.post(
            url, json={"str_data": "forever"}, stream=True, timeout=GUARD_S
        ) as answer:
            next(answer.iter_content(100))
        wait_until(lambda: server.noted("left") == ["forever"], "told that its client has left")
        raw = socket.create_connection(("127.0.0.1", server.ports[0]))
        sent = b'{"str_data": "wait 1"}'
        raw.sendall(
            b"POST /grps/v1/infer/predict HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n"
            + f"Content-Length: {len(sent)}\r\n\r\n".encode()
            + sent
        )
        wait_until(lambda: server.noted("begun") == ["1"], "begun")
        raw.close()
        wait_until(lambda: server.noted("left") == ["forever", "1"], "told as well")
        assert text(ask(server, "echo on")) == "on"


def test_user_code_answers_http_by_itself(tmp_path: Path) -> None:
    page = user_model("page", inferer_name="page", isolation="process")
    own = {"path": "/own", "customized_body": True}
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    settings = {"interface": {**interface, "customized_predict_http": own}}
    write_user_project(tmp_path, [page], settings, code=CODE)
    with serving(tmp_path) as server:
        for size in (0, 10, 100_000):
            answer = requests.post(
                server.url("/own?q=a%20b"),
                data=b"x" * size,
                headers={"X-Asked": "so"},
                timeout=GUARD_S,
            )
            assert (answer.status_code, answer.headers["X-Own"]) == (201, "so")
            assert answer.text == f"POST /own a b {size}"


def test_logs_and_metrics_reach_the_server(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker()], code=CODE)
    with serving(tmp_path) as server:
        assert text(ask(server, "tell four")) == "told"
        log = tmp_path / "logs" / "grps_usr.log"
        wait_until(lambda: "told: four" in log.read_text(), "logged")
        assert "w-1.0.0#0 MainThread customized_inferer.py:" in log.read_text()
        url = server.url("/grps/v1/monitor/series?name=of_worker")
        wait_until(lambda: "4.0" in requests.get(url, timeout=GUARD_S).text, "recorded")


@pytest.mark.parametrize("first", ["thread", "process"])
def test_user_data_of_another_process_is_not_missed_in_silence(tmp_path: Path, first: str) -> None:
    second = "process" if first == "thread" else "thread"
    models = [{**worker("a"), "isolation": first}, {**worker("b"), "isolation": second}]
    write_user_project(tmp_path, models, dag=["a-1.0.0", "b-1.0.0"], code=CODE)
    with serving(tmp_path) as server:
        assert text(server.post({"str_data": "echo echo x"})) == "x"
        assert text(server.post({"str_data": "echo get x"})) == "None"
        told = text(server.post({"str_data": "put x"}))
        assert "user data 'text' is not here" in told


def test_what_does_not_fit_is_refused_at_start(tmp_path: Path) -> None:
    later = user_model("later", isolation="process")
    folder = write_user_project(tmp_path, [later], code=CODE)
    process = launch(folder)
    assert process.wait(GUARD_S) == 1
    error = (folder / "stderr.log").read_text()
    assert "an async infer runs many requests in one process; use isolation: thread" in error


def test_workers_end_with_the_server_and_with_their_model(tmp_path: Path) -> None:
    write_user_project(tmp_path, [worker(instances=2)], code=CODE)
    process = launch(tmp_path)
    wait_for(process, tmp_path, "ready")
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers, GUARD_S)[1] == []
    with serving(tmp_path) as server:
        workers = psutil.Process(server.process.pid).children()
        url = server.url("/grps/v1/admin/models/w/reload")
        assert requests.post(url, timeout=GUARD_S).status_code == 200
        assert psutil.wait_procs(workers, GUARD_S)[1] == []
        url = server.url("/grps/v1/admin/models/w/unload")
        assert requests.post(url, timeout=GUARD_S).status_code == 200
        wait_until(lambda: not psutil.Process(server.process.pid).children(), "ended")
        server.stop()
