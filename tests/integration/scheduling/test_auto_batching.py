"""A service that chooses the sizes of its batches: what it learns shows in its metrics."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from onnx import TensorProto

from grps.backends.libraries import native_library
from grps.deploy.native import PROGRAM
from tests.onnx_models import save_node
from tests.support import (
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_project,
    write_user_project,
)

CODE = """
import time

from grps import ModelInferer, inferer_register


class Doubler(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        rows = len(inp["input"])
        time.sleep(0.001 + 0.0005 * rows)
        return {"output": inp["input"] * 2, "rows": inp["input"] * 0 + rows}


inferer_register.register("doubler", Doubler())
"""
MAX_ROWS = 32
CLIENTS = 12


def project(folder: Path, batching: Any, **keys: Any) -> Path:
    model = user_model("doubler", batching=batching, **keys) | {"converter_type": "numpy"}
    return write_user_project(folder, [model], code=CODE)


def metrics(server: RunningServer) -> dict[str, float]:
    """All samples of the metrics of automatic batching, by name and labels."""
    text = requests.get(server.url("/metrics"), timeout=30).text
    lines = re.findall(r"^(grps_batching_auto_\S+) (\S+)$", text, re.MULTILINE)
    return {name.replace('model="doubler-1.0.0"', ""): float(value) for name, value in lines}


def ask(server: RunningServer, number: int) -> int:
    """Send a request; return how many rows ran together."""
    answer = server.post({"ndarray": [[number, number + 1]]})
    assert answer.status_code == 200, answer.text
    output, rows = answer.json()["gtensors"]["tensors"]
    assert output["flat_float32"] == [2 * number, 2 * number + 2]
    return int(rows["flat_float32"][0])


def learned_sizes(server: RunningServer) -> set[int]:
    names = "".join(metrics(server))
    return {int(rows) for rows in re.findall(r'run_seconds{,rows="(\d+)"}', names)}


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_service_learns_what_its_batches_take(tmp_path: Path, isolation: str) -> None:
    batching = {"type": "auto", "max_batch_size": MAX_ROWS, "slo": "p99=30s"}
    # User code that waits would get more threads, each with a batch of its own.
    threads = {"max_threads": 2} if isolation == "thread" else {}
    project(tmp_path, batching, isolation=isolation, instances=2, **threads)
    with serving(tmp_path) as server, ThreadPoolExecutor(CLIENTS) as clients:
        assert metrics(server)["grps_batching_auto_slo_seconds{}"] == 30
        assert "grps_batching_auto_predicted_latency_seconds{}" not in metrics(server)
        assert ask(server, 1) == 1
        # The run counts when its instance looks for the next one.
        wait_until(lambda: learned_sizes(server) == {1}, "one row was learned")

        seen: set[int] = set()

        def has_learned() -> bool:
            seen.update(clients.map(lambda number: ask(server, number), range(3 * CLIENTS)))
            return max(learned_sizes(server), default=0) >= 4

        wait_until(has_learned, "larger batches were learned")
        assert max(seen) >= 3
        found = metrics(server)
        assert 1 <= found["grps_batching_auto_max_rows{}"] <= MAX_ROWS
        assert 1 <= found["grps_batching_auto_concurrency{}"] <= 2
        assert found["grps_batching_auto_wait_seconds{}"] == 0
        assert 0 < found["grps_batching_auto_predicted_latency_seconds{}"] <= 30
        runs = [seconds for name, seconds in found.items() if "run_seconds" in name]
        assert min(runs) >= 0.0015
        (live,) = requests.get(server.url("/grps/v1/monitor/live"), timeout=30).json()["models"]
        assert 1 <= live["auto"]["rows"] <= MAX_ROWS
        assert live["auto"]["slo_s"] == 30


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "grps-server"])
def test_native_instances_learn_too(tmp_path: Path, program: Path | None) -> None:
    pair = [("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 2])]
    save_node(tmp_path / "relu.onnx", "Relu", *pair)
    model = {"name": "doubler", "version": "1.0.0", "inferer_type": "onnxruntime"}
    native = {"inferer_path": "relu.onnx", "inferer_args": {"native": True}}
    write_project(tmp_path, [{**model, **native, "batching": "auto", "instances": 2}])
    library = {"GRPS_ONNXRUNTIME": str(native_library("onnxruntime"))}
    with serving(tmp_path, program, **library) as server:
        (output,) = server.post({"ndarray": [[-1, 2]]}).json()["gtensors"]["tensors"]
        assert output["flat_float32"] == [0, 2]
        wait_until(lambda: learned_sizes(server) == {1}, "one row was learned")
        assert 1 <= metrics(server)["grps_batching_auto_max_rows{}"] <= 16


def test_a_latency_that_only_single_requests_keep_ends_batches(tmp_path: Path) -> None:
    project(tmp_path, {"type": "auto", "slo": "p50=0.01ms"})
    with serving(tmp_path) as server, ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda number: ask(server, number), range(4 * CLIENTS)))
        wait_until(lambda: bool(learned_sizes(server)), "a run was learned")
        assert metrics(server)["grps_batching_auto_max_rows{}"] == 1


def test_a_word_in_place_of_the_section_is_its_type(tmp_path: Path) -> None:
    project(tmp_path, "auto")
    with serving(tmp_path) as server:
        assert ask(server, 3) == 1
        found = metrics(server)
        assert found["grps_batching_auto_max_rows{}"] >= 1
        assert "grps_batching_auto_slo_seconds{}" not in found
