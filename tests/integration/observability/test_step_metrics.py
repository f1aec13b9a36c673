"""What a service measures of a step model, against what the model counts by itself."""

from __future__ import annotations

import http.client
import itertools
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.step_models import ISOLATIONS
from tests.support import RunningServer, serving, user_model, wait_until, write_user_project

CODE = """
import json
import time

import numpy as np

from grps import InputError, StepModel, StepResult, inferer_register


def note(**event):
    with open("events", "a") as file:
        file.write(json.dumps(event) + "\\n")


class Countdown(StepModel):
    # Counts down from `ask[0]`, and fails when it comes to `ask[1]`.
    slots = {"left": "int64", "fail_at": "int64"}

    def load(self):
        self.lengths = {}

    def begin(self, requests):
        return [self.begin_one(request) for request in requests]

    def begin_one(self, request):
        steps = 0
        if request.outputs:
            # It lost its state.
            left, fail_at = request.outputs["left"][-1]
            steps = len(request.outputs["left"])
        else:
            left, fail_at = request.inputs["ask"]
            self.lengths[request.id] = request.inputs["prompt"].size
        prefilled = self.lengths[request.id] + steps
        note(begun=request.id, steps=steps, prefilled=prefilled, refused=int(left < 0))
        if left < 0:
            raise InputError("as told")
        return {"left": left, "fail_at": fail_at, "id": request.id}

    def step(self, batch):
        time.sleep(0.002)
        batch["left"] -= 1
        left, fail_at = batch["left"], batch["fail_at"]
        failed = np.flatnonzero(left == fail_at).tolist()
        ids = [state["id"] for state in batch.states]
        note(ids=ids, finished=(left == 0).tolist(), failed=failed)
        errors = {row: ValueError("as told") for row in failed}
        outputs = {"left": np.stack([left, fail_at], axis=1)}
        return StepResult(outputs, left == 0, errors, cache_usage=len(batch) / 8)


inferer_register.register("countdown", Countdown())
"""
SLOTS = 3
MAX_STEPS = 60
NEVER = -1


@dataclass
class Counted:
    """What the model knows of its sequences."""

    begun: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    prefilled: dict[tuple[str, int], int] = field(default_factory=dict)
    steps: list[list[str]] = field(default_factory=list)
    outputs: Counter[str] = field(default_factory=Counter)
    finished: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, server: RunningServer) -> Counted:
        counted = cls()
        for event in map(json.loads, server.noted("events")):
            if "begun" in event:
                counted.add_begun(event)
            else:
                counted.add_step(event)
        return counted

    def add_begun(self, event: dict[str, Any]) -> None:
        one = event["begun"]
        self.begun.add(one)
        # What begins again by itself after another of its batch was refused is prefilled once.
        self.prefilled[one, event["steps"]] = event["prefilled"]
        if event["refused"]:
            self.refused.add(one)

    def add_step(self, event: dict[str, Any]) -> None:
        self.steps.append(event["ids"])
        for row, (one, is_finished) in enumerate(zip(event["ids"], event["finished"], strict=True)):
            if row in event["failed"]:
                self.failed.add(one)
                continue
            self.outputs[one] += 1
            if is_finished:
                self.finished.add(one)

    @property
    def at_limit(self) -> set[str]:
        return {one for one, count in self.outputs.items() if count == MAX_STEPS} - self.finished

    @property
    def preempted(self) -> int:
        """How often a sequence of low priority was in a step, not in the next, and in a later."""
        count = 0
        for one in self.begun:
            if one.startswith("low"):
                places = [number for number, ids in enumerate(self.steps) if one in ids]
                count += sum(after > before + 1 for before, after in itertools.pairwise(places))
        return count


def tensor(name: str, values: list[int]) -> dict[str, Any]:
    return {"name": name, "dtype": "DT_INT64", "shape": [len(values)], "flat_int64": values}


def body(steps: int, fail_at: int = NEVER, prompt: int = 1) -> dict[str, Any]:
    return {
        "gtensors": {"tensors": [tensor("ask", [steps, fail_at]), tensor("prompt", [7] * prompt)]}
    }


def ask(server: RunningServer, name: str, sent: dict[str, Any], query: str = "") -> int:
    priority = "1" if name.startswith("low") else "0"
    headers = {"X-Request-Id": name, "X-Grps-Priority": priority}
    answer = server.post(sent, query, headers=headers)
    return answer.status_code


def leave(server: RunningServer, name: str, outputs: int) -> None:
    """Ask for many steps, and leave after so many."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=60)
    headers = {"X-Request-Id": name, "Content-Type": "application/json"}
    text = json.dumps(body(MAX_STEPS * 2))
    connection.request("POST", "/grps/v1/infer/predict", text, headers)
    wait_until(lambda: Counted.of(server).outputs[name] >= outputs, "stepped")
    connection.close()


def samples(server: RunningServer) -> dict[tuple[str, str], float]:
    """The samples of the metrics of the model, by name and reason."""
    text = requests.get(server.url("/metrics"), timeout=30).text
    return {
        (sample.name.removeprefix("grps_model_"), sample.labels.get("reason", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("model") == "countdown-1.0.0"
    }


def press(server: RunningServer) -> None:
    """Send what ends in all ways: in order, refused, failed, at the limit, and without a client."""
    with ThreadPoolExecutor(24) as pool:
        good = [pool.submit(ask, server, f"high-{n}", body(5 + n, prompt=n + 1)) for n in range(8)]
        bad = [pool.submit(ask, server, f"bad-{n}", body(NEVER)) for n in range(4)]
        streams = [
            pool.submit(ask, server, f"stream-{n}", body(12), "?streaming=true") for n in range(4)
        ]
        # These leave while they wait or soon after.
        hasty = [pool.submit(leave, server, f"hasty-{n}", 0) for n in range(4)]
        for one in hasty:
            one.result()
        assert {one.result() for one in good + streams} == {200}
        assert {one.result() for one in bad} == {400}
        low = [
            pool.submit(ask, server, f"low-{n}", body(MAX_STEPS - 10, prompt=4))
            for n in range(SLOTS)
        ]
        wait_until(lambda: Counted.of(server).outputs["low-0"] > 0, "stepped")
        high = [pool.submit(ask, server, f"urgent-{n}", body(4)) for n in range(4)]
        failing = [pool.submit(ask, server, f"failing-{n}", body(9, 3)) for n in range(3)]
        endless = pool.submit(ask, server, "endless", body(MAX_STEPS * 2))
        gone = [pool.submit(leave, server, f"gone-{n}", 2) for n in range(3)]
        assert {one.result() for one in [*low, *high, endless]} == {200}
        assert {one.result() for one in failing} == {500}
        for one in gone:
            one.result()


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("preemption", ["save", "recompute"])
def test_the_counts_are_those_of_the_model(tmp_path: Path, preemption: str, isolation: str) -> None:
    steps = {"max_steps": MAX_STEPS, "preemption": preemption, "prefill_input": "prompt"}
    batching = {"type": "continuous", "max_batch_size": SLOTS, "steps": steps}
    queue = {"priority_levels": 2}
    model = user_model(
        "countdown", converter_type="numpy", batching=batching, queue=queue, isolation=isolation
    )
    folder = write_user_project(tmp_path, [model], code=CODE)
    with serving(folder) as server:
        assert samples(server)["slots", ""] == SLOTS
        press(server)
        wait_until(lambda: samples(server)["slots_in_use", ""] == 0, "no slot in use")
        told, counted = samples(server), Counted.of(server)
        live = requests.get(server.url("/grps/v1/monitor/live"), timeout=30).json()

    ended = {
        reason: count for (name, reason), count in told.items() if name == "ended_sequences_total"
    }
    failed = counted.failed | counted.refused
    left = counted.begun - counted.finished - counted.at_limit - failed
    assert ended == {
        "finished": len(counted.finished),
        "stop_string": 0,
        "max_steps": len(counted.at_limit),
        "cancelled": len(left),
        "failed": len(failed),
    }
    assert {one for one in left if not one.startswith("hasty")} == {"gone-0", "gone-1", "gone-2"}
    assert counted.at_limit == {"endless"}
    assert (len(counted.refused), len(counted.failed)) == (4, 3)
    reasons = {reason: count for (name, reason), count in told.items() if name == "steps_total"}
    assert sum(reasons.values()) == len(counted.steps)
    assert reasons["full"] > 0 < reasons["nothing_waits"]
    outputs = counted.outputs.total()
    expected = {
        "waiting_sequences": 0,
        "begun_sequences_total": len(counted.begun),
        "preemptions_total": counted.preempted,
        "prefilled_positions_total": sum(counted.prefilled.values()),
        "step_outputs_total": outputs,
        "first_output_seconds_count": len(counted.outputs),
        "between_outputs_seconds_count": outputs - len(counted.outputs),
    }
    assert {name: told[name, ""] for name in expected} == expected
    assert counted.preempted > 0
    # It makes no batches, so it has no metrics of them.
    assert ("batches_total", "") not in told
    shown = live["models"][0]["steps"]
    assert shown["ended"] == ended
    assert (shown["slots"], shown["slots_in_use"], shown["waiting"]) == (SLOTS, 0, 0)
    assert (shown["steps"], shown["outputs"]) == (len(counted.steps), outputs)


def read_stream(server: RunningServer, name: str, steps: int, most: int | None = None) -> int:
    """Read a stream, up to ``most`` outputs; return how many there were."""
    headers = {"X-Request-Id": name}
    found = 0
    url = server.url("/grps/v1/infer/predict?streaming=true")
    with requests.post(url, json=body(steps), headers=headers, stream=True, timeout=60) as answer:
        assert answer.status_code == 200
        for chunk in answer.iter_content(None):
            found += chunk.count(b'"left"')
            if most is not None and found >= most:
                break
    return found


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_the_counts_of_two_instances_are_those_of_the_clients(
    tmp_path: Path, isolation: str
) -> None:
    batching = {"type": "continuous", "max_batch_size": SLOTS, "steps": {"max_steps": 10_000}}
    keys = {"converter_type": "numpy", "batching": batching, "isolation": isolation}
    folder = write_user_project(tmp_path, [user_model("countdown", instances=2, **keys)], code=CODE)

    def client(number: int) -> int:
        # Three of ten leave after their first outputs.
        if number % 10 < 3:
            read_stream(server, f"gone-{number}", 5000, most=1 + number % 4)
            return 0
        steps = 1 + number % 23
        assert read_stream(server, f"stays-{number}", steps) == steps
        return steps

    with serving(folder) as server:
        assert samples(server)["slots", ""] == 2 * SLOTS
        with ThreadPoolExecutor(16) as pool:
            received = sum(pool.map(client, range(100)))
        wait_until(lambda: samples(server)["slots_in_use", ""] == 0, "no slot in use")
        told, counted = samples(server), Counted.of(server)

    ended = {
        reason: count for (name, reason), count in told.items() if name == "ended_sequences_total"
    }
    assert ended == {"finished": 70, "stop_string": 0, "cancelled": 30, "max_steps": 0, "failed": 0}
    assert told["begun_sequences_total", ""] == sum(ended.values()) == len(counted.begun)
    of_gone = sum(count for name, count in counted.outputs.items() if name.startswith("gone"))
    assert told["step_outputs_total", ""] == received + of_gone
    assert told["first_output_seconds_count", ""] == 100
    assert told["between_outputs_seconds_count", ""] == received + of_gone - 100
    steps = sum(count for (name, _), count in told.items() if name == "steps_total")
    assert steps == len(counted.steps)
    assert told["waiting_sequences", ""] == 0
    # The last step of each of two instances says 1 to 3 of 8, and the mean of both is told.
    assert told["cache_usage_ratio", ""] * 16 in range(2, 7)
    assert ("generated_tokens_total", "") not in told


def test_the_waterfall_shows_the_steps(tmp_path: Path) -> None:
    batching = {"type": "continuous", "max_batch_size": SLOTS}
    model = user_model("countdown", converter_type="numpy", batching=batching)
    folder = write_user_project(tmp_path, [model], code=CODE)
    with serving(folder) as server:
        answer = server.post(body(7), headers={"X-Grps-Timing": "true"})
        assert answer.status_code == 200
        assert "steps=7" in answer.headers["X-Grps-Timing"]
        url = server.url("/grps/v1/monitor/requests")
        wait_until(lambda: bool(requests.get(url, timeout=30).json()["slowest"]), "listed")
        request = requests.get(url, timeout=30).json()["slowest"][0]
    bars = {bar["name"].rpartition("/")[2]: bar for bar in request["bars"]}
    assert bars["infer"]["steps"] == 7
    assert "queue" in bars
    prefill = bars["prefill"]
    assert prefill["length_ms"] > 0
    ended = prefill["start_ms"] + prefill["length_ms"]
    assert ended == pytest.approx(bars["infer"]["start_ms"], abs=0.01), "up to rounding"
