"""User code that hangs: what readiness says, what is replaced, and how the process ends."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support import (
    GUARD_S,
    STOP_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    user_model,
    wait_for,
    wait_until,
    write_user_project,
)

CODE = """
import asyncio
import atexit
import ctypes
import os
import threading
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


def note(name):
    open(name, "a").write("x\\n")


def wait_for(name):
    until = time.monotonic() + 20
    while not os.path.exists(name) and time.monotonic() < until:
        time.sleep(0.005)


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Sync(Plain):
    def infer(self, inp, context):
        note("begun")
        if inp.str_data == "hang":
            time.sleep(1000)
        if inp.str_data == "hold":
            ctypes.PyDLL(None).sleep(1000)  # holds the interpreter
        return GrpsMessage(str_data=str(os.getpid()))


class Async(Plain):
    async def infer(self, inp, context):
        note("begun")
        if inp.str_data == "block":
            wait_for("release")
        if inp.str_data == "sleep":
            while not os.path.exists("release_sleeper"):
                await asyncio.sleep(0.005)
        for number in range(3):
            yield GrpsMessage(str_data=str(number))
            await asyncio.sleep(0.01)


class Thread(Plain):
    def load(self):
        threading.Thread(target=time.sleep, args=(1000,)).start()
        atexit.register(note, "at_exit")
        return True

    def infer(self, inp, context):
        return inp


for cls in (Sync, Async, Thread):
    inferer_register.register(cls.__name__.lower(), cls())
"""
HANG_MS = 400
HEALTH = {"health": {"hang_timeout_ms": HANG_MS}}


def ask(server: RunningServer, what: str, query: str = "") -> requests.Response:
    return server.post({"str_data": what}, query)


def ready(server: RunningServer) -> tuple[int, str]:
    answer = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
    return answer.status_code, str(answer.json()["status"]["msg"])


def instances(server: RunningServer) -> list[dict[str, Any]]:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()["models"]
    return list(told[0]["instances"])


def worker_pids(server: RunningServer) -> set[int]:
    return {one["pid"] for one in instances(server) if one["state"] == "alive" and "pid" in one}


def test_only_a_blocked_event_loop_is_not_ready(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("async")], HEALTH, code=CODE)
    with serving(tmp_path) as server, ThreadPoolExecutor(2) as clients:
        assert ask(server, "x", "?streaming=true").text.count("str_data") == 3
        sleeper = clients.submit(ask, server, "sleep", "?streaming=true")
        wait_until(lambda: len(server.noted("begun")) == 2, "begun")
        time.sleep(3 * HANG_MS / 1000)
        # Neither the stream that has ended nor the coroutine that waits is a hang.
        assert ready(server)[0] == 200
        blocked = clients.submit(ask, server, "block", "?streaming=true")
        wait_until(lambda: ready(server)[0] == 503, "not ready")
        assert "'async-1.0.0#0 event loop' hangs" in ready(server)[1]
        server.release()
        assert blocked.result().status_code == 200
        wait_until(lambda: ready(server)[0] == 200, "ready again")
        (tmp_path / "release_sleeper").touch()
        assert sleeper.result().status_code == 200
        time.sleep(2 * HANG_MS / 1000)
        assert ready(server)[0] == 200


def test_a_worker_that_hangs_is_replaced_and_its_sibling_serves(tmp_path: Path) -> None:
    models = [user_model("sync", isolation="process", instances=2)]
    write_user_project(tmp_path, models, HEALTH, code=CODE)
    with serving(tmp_path) as server, ThreadPoolExecutor(1) as clients:
        before = worker_pids(server)
        hanging = clients.submit(ask, server, "hang")
        unready = 0
        while not hanging.done():
            unready += ready(server)[0] != 200
            time.sleep(0.02)
        failed = hanging.result()
        assert failed.status_code == 500
        assert "was killed: it hangs" in failed.text
        assert "health.hang_timeout_ms" in failed.text
        wait_until(lambda: sum(one["restarts"] for one in instances(server)) == 1, "replaced")
        assert unready == 0
        assert ready(server)[0] == 200
        assert len(worker_pids(server) - before) == 1
        assert any("it hangs" in one.get("reason", "") for one in instances(server))


def test_a_worker_that_is_stopped_is_replaced(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("sync", isolation="process")], HEALTH, code=CODE)
    with serving(tmp_path) as server:
        (pid,) = worker_pids(server)
        # One that goes on in time is left alone.
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        assert ask(server, "x").json()["str_data"] == str(pid)
        # One that is stopped while it waits for requests.
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: worker_pids(server) - {pid} != set(), "replaced")
        (reason,) = (one["reason"] for one in instances(server))
        assert reason == "was killed: a signal has stopped it for 0.4 s"
        (pid,) = worker_pids(server)
        # One that gets a request: it has not begun, so it is run again.
        os.kill(pid, signal.SIGSTOP)
        answer = ask(server, "x")
        assert answer.status_code == 200
        assert answer.json()["str_data"] != str(pid)
        assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_thread_that_holds_the_interpreter_does_not_delay_the_end(
    tmp_path: Path, isolation: str
) -> None:
    settings = {"limits": {"drain_timeout_ms": 200}}
    write_user_project(tmp_path, [user_model("sync", isolation=isolation)], settings, code=CODE)
    process = launch(tmp_path)
    state = wait_for(process, tmp_path, "ready")
    server = RunningServer(process, tmp_path, state.ports)
    workers = psutil.Process(process.pid).children()
    with ThreadPoolExecutor(1) as clients:
        held = clients.submit(ask, server, "hold")
        wait_until(lambda: server.noted("begun") == ["x"], "begun")
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)
        held.exception()
    assert psutil.wait_procs(workers, GUARD_S)[1] == []
    if isolation == "thread":
        assert process.returncode == 1
        assert "a thread of user code holds the interpreter" in server.log()
    else:
        assert process.returncode == 0


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_threads_of_user_code_end_with_the_service(tmp_path: Path, isolation: str) -> None:
    write_user_project(tmp_path, [user_model("thread", isolation=isolation)], code=CODE)
    with serving(tmp_path) as server:
        workers = psutil.Process(server.process.pid).children()
        assert ask(server, "x").status_code == 200
        assert server.stop() == 0
        assert psutil.wait_procs(workers, GUARD_S)[1] == []
        assert server.noted("at_exit") == ["x"]
        assert "killed" not in server.log()


def test_a_failed_start_ends_despite_a_thread_of_user_code(tmp_path: Path) -> None:
    code = (
        CODE + "\nthreading.Thread(target=time.sleep, args=(1000,)).start()\nraise ValueError(1)\n"
    )
    process = launch(write_user_project(tmp_path, [user_model("thread")], code=code))
    assert process.wait(STOP_TIMEOUT_S) == 1
