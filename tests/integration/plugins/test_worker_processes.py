"""Worker processes of plugins by both servers: load, crashes, hangs, and the end of the server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import FLAGS, SDK, plugin_model
from tests.support import (
    GUARD_S,
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    wait_until,
    write_project,
)

KILLS = 3
DIES = """
#include <cstdlib>
#include <grps/plugin.hpp>

class Dies : public grps::Inferer {
 public:
  explicit Dies(const grps::Settings &) { std::abort(); }
  void Infer(grps::Batch &) override {}
};

GRPS_PLUGIN("dies", "1.0.0", grps::Class<Dies>("dies"))
"""
HEALTH = {"health": {"hang_timeout_ms": 400}}
BOTH = pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])


def infer(
    server: RunningServer, model: str, number: float, session: requests.Session | None = None
) -> requests.Response:
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [number]}]}
    post = requests.post if session is None else session.post
    return post(server.url(f"/v2/models/{model}/infer"), json=body, timeout=GUARD_S)


def instances(server: RunningServer, model: str) -> list[dict[str, Any]]:
    url = server.url("/grps/v1/admin/models")
    answer = requests.get(url, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    models = answer.json()["models"]
    (found,) = [one["instances"] for one in models if one["model"] == f"{model}-1.0.0"]
    return list(found)


def workers(server: RunningServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def apart(name: str, library: Path, **keys: Any) -> dict[str, Any]:
    return plugin_model(name, library, isolation="process", **keys)


def is_back(server: RunningServer, model: str, restarts: int) -> bool:
    """Return whether the first instance has come back so often."""
    return int(instances(server, model)[0]["restarts"]) == restarts


@BOTH
def test_kills_under_load_cost_requests_of_the_killed_instance_only(
    tmp_path: Path, library: Path, program: Path | None
) -> None:
    models = [
        apart("hit", library, inferer_name="multiply", instances=2),
        apart("other", library, inferer_name="multiply"),
        plugin_model("thread", library, inferer_name="multiply"),
    ]
    with serving(write_project(tmp_path, models), program) as server:
        ended = threading.Event()

        def ask(model: str) -> list[requests.Response]:
            with requests.Session() as session:
                answers = [infer(server, model, 1, session)]
                while not ended.is_set():
                    answers.append(infer(server, model, 1, session))
                return answers

        names = ("hit", "hit", "hit", "other", "thread")
        with ThreadPoolExecutor(len(names)) as pool:
            asking = [pool.submit(ask, name) for name in names]
            try:
                for count in range(1, KILLS + 1):
                    os.kill(instances(server, "hit")[0]["pid"], signal.SIGSEGV)
                    wait_until(partial(is_back, server, "hit", count), "a restart")
            finally:
                ended.set()
            answers = [(name, future.result()) for name, future in zip(names, asking, strict=True)]
        failed = [(n, one) for n, all_of in answers for one in all_of if one.status_code != 200]
        assert {name for name, _ in failed} <= {"hit"}
        cause = "the process of instance hit-1.0.0#0 was killed by signal 11 (SIGSEGV)"
        assert {one.json()["error"].split(" (request id")[0] for _, one in failed} <= {cause}
        # One request at most runs in an instance.
        assert len(failed) <= KILLS
        assert all(
            "restarts" not in one or one["restarts"] == 0 for one in instances(server, "other")
        )
        assert instances(server, "hit")[1]["restarts"] == 0
        assert (
            server.whole_log().count("hit-1.0.0#0 was killed by signal 11 (SIGSEGV); it ") == KILLS
        )
        assert server.log().count("hit-1.0.0#0 runs again") == KILLS
        ready = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
        assert ready.status_code == 200


@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_server(
    tmp_path: Path, library: Path, program: Path | None, number: signal.Signals
) -> None:
    models = [apart("crash", library, instances=2), apart("multiply", library)]
    settings = {"limits": {"drain_timeout_ms": 200}}
    with (
        serving(write_project(tmp_path, models, settings), program) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        started = workers(server)
        assert len(started) == 3
        sleeping = pool.submit(infer, server, "crash", 0)
        wait_until(lambda: "it sleeps" in server.log(), "an instance at work")
        server.stop(number)
        assert psutil.wait_procs(started, GUARD_S)[1] == []
        sleeping.exception()


@BOTH
def test_a_worker_that_hangs_or_is_stopped_is_replaced(
    tmp_path: Path, library: Path, program: Path | None
) -> None:
    models = [apart("crash", library)]
    with serving(write_project(tmp_path, models, HEALTH), program) as server:
        hung = infer(server, "crash", 0)
        assert hung.status_code == 500
        cause = hung.json()["error"]
        assert cause.startswith("the process of instance crash-1.0.0#0 was killed: it hangs: ")
        (tmp_path / "go").touch()
        wait_until(partial(is_back, server, "crash", 1), "a restart")
        os.kill(instances(server, "crash")[0]["pid"], signal.SIGSTOP)
        wait_until(partial(is_back, server, "crash", 2), "another restart")
        reason = "was killed: a signal has stopped it for 0.4 s"
        assert instances(server, "crash")[0]["reason"] == reason
        assert infer(server, "crash", 0).status_code == 200


@BOTH
def test_a_service_whose_only_instance_has_crashed_is_not_ready(
    tmp_path: Path, library: Path, program: Path | None
) -> None:
    models = [apart("throw", library)]
    with serving(write_project(tmp_path, models), program) as server:
        file = library.rename(library.with_suffix(".aside"))
        try:
            (worker,) = workers(server)
            worker.send_signal(signal.SIGKILL)

            def cause() -> str:
                answer = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
                return answer.text if answer.status_code == 503 else ""

            died = "was killed by signal 9 (SIGKILL, perhaps for lack of memory)"
            wait_until(lambda: died in cause(), "the cause")
            wait_until(lambda: "can't start again: " in server.log(), "a try")
            assert f"throw-1.0.0#0 {died}; it starts again in 0.1 s" in server.log()
            retried = r"throw-1.0.0#0 can't start again: .*no such file.*; next try in 0.2 s"
            assert re.search(retried, server.whole_log())
        finally:
            file.rename(library)
        wait_until(lambda: cause() == "", "the instance")
        assert instances(server, "throw")[0]["restarts"] == 1


@BOTH
def test_a_crash_while_a_copy_is_loaded_is_named(tmp_path: Path, program: Path | None) -> None:
    source, library = tmp_path / "dies.cpp", tmp_path / "dies.so"
    source.write_text(DIES)
    include = f"-I{SDK / 'include'}"
    subprocess.run(["g++", *FLAGS, include, "-o", str(library), str(source)], check=True)
    process = launch(write_project(tmp_path, [apart("dies", library)]), program)
    assert process.wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert str(state.error).endswith("its process was killed by signal 6 (SIGABRT)")
    log = (tmp_path / "logs" / "grps_server.log").read_text()
    assert "Dies::Dies(" in log.partition("grps crash: Aborted (signal 6) in ")[2]


@BOTH
def test_levels_and_metrics_reach_and_leave_workers(
    tmp_path: Path, library: Path, program: Path | None
) -> None:
    models = [apart("multiply", library, instances=2)]
    settings = {"log": {"level": "warning"}}
    with serving(write_project(tmp_path, models, settings), program) as server:
        assert infer(server, "multiply", 2).status_code == 200

        def is_counted() -> bool:
            page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
            return 'grps_user_increments_total{name="rows-of-a-plugin"} 1\n' in page

        wait_until(is_counted, "a metric of the plugin")
        assert "created for" not in server.whole_log()
        url = server.url("/grps/v1/admin/log-level")
        changed = requests.post(url, params={"level": "info"}, timeout=GUARD_S)
        assert changed.json() == {"before": "warning", "level": "info"}
        workers(server)[0].kill()
        wait_until(lambda: "created for multiply-1.0.0" in server.log(), "a line of the next one")


def test_a_worker_of_the_server_without_python_has_no_python(tmp_path: Path, library: Path) -> None:
    with serving(write_project(tmp_path, [apart("multiply", library)]), PROGRAM) as server:
        (worker,) = workers(server)
        assert (worker.exe(), worker.name()) == (str(PROGRAM), "grps-worker")
        assert worker.cwd() == str(tmp_path)
        assert not [one.path for one in worker.memory_maps() if "python" in one.path.lower()]
        # Nothing of the service is open in it: it would keep the port.
        assert worker.net_connections("tcp") == []
        # A signal to the whole group is the server's to act on.
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        assert infer(server, "multiply", 2).status_code == 200
        assert [one.pid for one in workers(server)] == [worker.pid]


def test_the_worker_is_started_by_a_server_only() -> None:
    alone = subprocess.run(
        [str(PROGRAM), "worker"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert (alone.returncode, alone.stderr[:7]) == (1, b"error: ")
