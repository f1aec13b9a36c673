"""Loading, unloading and reloading the models of a running service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml
from onnx import TensorProto

from tests.onnx_models import save_node
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_project,
    write_user_project,
)

CODE = """
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage

ANSWER = "one"


class Teller(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)
        self.tells = args["tells"]

    def load(self):
        self.weights = b"w" * (8 << 20)
        return True

    def infer(self, inp, context):
        if inp.str_data == "1.0":
            open("begun", "w").write("x\\n")
        time.sleep(float(inp.str_data or 0))
        return GrpsMessage(str_data=f"{ANSWER} {self.tells}")


inferer_register.register("teller", Teller())
"""


def teller(name: str, version: str = "1.0.0", tells: str = "first") -> dict[str, Any]:
    """A model that tells what it was configured with."""
    model = user_model(name, inferer_name="teller", inferer_args={"tells": tells})
    return {**model, "version": version}


def change(server: RunningServer, action: str, model: str) -> requests.Response:
    url = server.url(f"/grps/v1/admin/models/{model}/{action}")
    return requests.post(url, timeout=GUARD_S)


def states(server: RunningServer) -> dict[str, str]:
    told = requests.get(server.url("/grps/v1/admin/models"), timeout=GUARD_S).json()
    return {model["model"]: model["state"] for model in told["models"]}


def ask(server: RunningServer, model: str = "", wait_s: float = 0) -> str:
    body = {"str_data": str(wait_s), **({"model": model} if model else {})}
    answer = server.post(body)
    return str(answer.json().get("str_data") or answer.json()["status"]["msg"])


def configure(folder: Path, models: list[dict[str, Any]]) -> None:
    """Write inference.yml anew, with the graph it had."""
    file = folder / "conf" / "inference.yml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**config, "models": models}))


def ready(server: RunningServer) -> str:
    answer = requests.get(server.url("/grps/v1/health/ready"), timeout=GUARD_S)
    return "ready" if answer.status_code == 200 else str(answer.json()["status"]["msg"])


@contextmanager
def asking(server: RunningServer, model: str) -> Iterator[list[str]]:
    """Ask a model over several connections all the time; gives all answers."""
    answers: list[str] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            answers.append(ask(server, model, 0.002))

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(run) for _ in range(4)]
        try:
            yield answers
        finally:
            ended.set()
        for one in running:
            one.result()


def test_no_request_is_lost_while_models_are_reloaded(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    with serving(tmp_path) as server:
        with asking(server, "m") as answers:
            for number in range(30):
                configure(tmp_path, [teller("m", tells=f"number {number}")])
                assert change(server, "reload", "m").status_code == 200
                assert ask(server) == f"one number {number}"
        assert all(answer.startswith("one ") for answer in answers)
        assert len(answers) > 30
        assert ready(server) == "ready"


def test_a_running_request_is_answered_by_the_model_it_met(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    with serving(tmp_path) as server, ThreadPoolExecutor(1) as clients:
        running = clients.submit(ask, server, "", 1.0)
        wait_until(lambda: bool(server.noted("begun")), "begun")
        configure(tmp_path, [teller("m", tells="second")])
        assert change(server, "reload", "m-1.0.0").json()["model"] == "m-1.0.0"
        assert ask(server) == "one second"
        assert not running.done()
        assert running.result() == "one first"
        wait_until(lambda: "the former model m-1.0.0 is freed" in server.log(), "freed")


def test_code_is_loaded_anew_and_a_fault_leaves_the_old_model(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    source = tmp_path / "src" / "customized_inferer.py"
    with serving(tmp_path) as server:
        source.write_text(CODE.replace('"one"', '"another one"'))
        assert change(server, "reload", "m").status_code == 200
        assert ask(server) == "another one first"
        source.write_text(CODE + "\nraise RuntimeError('no luck')\n")
        failed = change(server, "reload", "m")
        assert failed.status_code == 500
        assert "RuntimeError: no luck" in failed.json()["status"]["msg"]
        assert ask(server) == "another one first"
        (tmp_path / "conf" / "inference.yml").write_text("models: 1")
        failed = change(server, "reload", "m")
        assert failed.status_code == 500
        assert "models: expected a list" in failed.json()["status"]["msg"]
        assert (ask(server), ready(server)) == ("another one first", "ready")


def test_a_recorded_request_that_fails_keeps_the_old_model(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    recorded = tmp_path / "conf" / "recorded.json"
    with serving(tmp_path) as server:
        warmed = {**teller("m", tells="second"), "warm_up_requests": ["conf/recorded.json"]}
        configure(tmp_path, [warmed])
        recorded.write_text('{"str_data": "no number"}')
        failed = change(server, "reload", "m")
        assert failed.status_code == 500
        assert "warm-up with conf/recorded.json" in failed.json()["status"]["msg"]
        assert ask(server) == "one first"
        recorded.write_text('{"str_data": "0"}')
        assert change(server, "reload", "m").status_code == 200
        assert ask(server) == "one second"


def test_versions_side_by_side(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    with serving(tmp_path) as server:
        both = [teller("m"), teller("m", "2.0.0", "second")]
        configure(tmp_path, both)
        assert states(server) == {"m-1.0.0": "served", "m-2.0.0": "unloaded"}
        assert change(server, "load", "m-2.0.0").status_code == 200
        answers = [ask(server, name) for name in ("m", "m-1.0.0", "m-2.0.0", "")]
        assert answers == ["one second", "one first", "one second", "one first"]
        ambiguous = change(server, "reload", "m")
        assert ambiguous.status_code == 400
        assert "could be any of m-1.0.0, m-2.0.0" in ambiguous.json()["status"]["msg"]
        assert change(server, "load", "m").status_code == 400
        assert change(server, "unload", "m-2.0.0").status_code == 200
        assert ask(server, "m") == "one first"
        assert "Model m-2.0.0 not found" in ask(server, "m-2.0.0")


def test_a_graph_waits_for_a_model_that_is_unloaded(tmp_path: Path) -> None:
    models = [teller("a"), teller("b", tells="last")]
    write_user_project(tmp_path, models, dag=["a-1.0.0", "b-1.0.0"], code=CODE)
    with serving(tmp_path) as server:
        told = change(server, "unload", "a").json()
        assert "the default graph: Model a-1.0.0 not found" in told["trouble"]
        answer = server.post({"str_data": "0"})
        assert answer.status_code == 503
        assert "Model a-1.0.0 not found" in answer.json()["status"]["msg"]
        assert "Model a-1.0.0 not found" in ready(server)
        assert ask(server, "b") == "one last"
        assert change(server, "unload", "a").status_code == 404
        assert change(server, "load", "a").status_code == 200
        assert ready(server) == "ready"


def test_wrong_calls(tmp_path: Path) -> None:
    write_user_project(tmp_path, [teller("m")], code=CODE)
    with serving(tmp_path) as server:
        url = server.url("/grps/v1/admin/models")
        for path in ("/m/list", "/no/load", "/m", "/a%20b/load", "/m/load/x"):
            assert requests.post(url + path, timeout=GUARD_S).status_code == 404
        assert requests.get(url + "/m/unload", timeout=GUARD_S).status_code == 405
        assert requests.post(url, timeout=GUARD_S).status_code == 405
        assert states(server) == {"m-1.0.0": "served"}


def test_memory_is_freed(tmp_path: Path) -> None:
    """A hundred models of 8 MiB come and go; the process may keep a quarter of that."""
    write_user_project(tmp_path, [teller("m")], code=CODE)
    with serving(tmp_path) as server:
        process = psutil.Process(server.process.pid)

        def reload(times: int) -> int:
            for _ in range(times):
                assert change(server, "reload", "m").status_code == 200
            count = "the former model m-1.0.0 is freed"
            wait_until(lambda: server.log().count(count) == total, "freed")
            return process.memory_info().rss

        total = 20
        base = reload(20)
        threads = process.num_threads()
        total = 120
        reload(100)
        wait_until(lambda: process.memory_info().rss < base + (200 << 20), "memory is given back")
        wait_until(lambda: process.num_threads() <= threads, "threads have ended")


def test_a_link_that_is_switched_is_followed_by_a_reload(tmp_path: Path) -> None:
    file = {"name": "m", "version": "1", "inferer_type": "onnxruntime", "inferer_path": "m.onnx"}
    for version, operator in (("v1", "Identity"), ("v2", "Neg")):
        folder = write_project(tmp_path / version, [{**file, "device": "cpu"}])
        tensors = [("x", TensorProto.FLOAT, ["n"])], [("y", TensorProto.FLOAT, ["n"])]
        save_node(folder / "m.onnx", operator, *tensors)
    current = tmp_path / "current"
    current.symlink_to("v1")
    with serving(current) as server:
        assert server.post({"ndarray": [3]}).json()["gtensors"]["tensors"][0]["flat_float32"] == [3]
        current.unlink()
        current.symlink_to("v2")
        assert change(server, "reload", "m").status_code == 200
        answer = server.post({"ndarray": [3]}).json()
        assert answer["gtensors"]["tensors"][0]["flat_float32"] == [-3]
