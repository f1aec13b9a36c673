"""A step model of tests that notes what it sees, and clients of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import requests

from tests.raw_http import Connection, connect, request
from tests.support import GUARD_S, RunningServer, user_model, wait_until, write_user_project
from tests.tensors import arrays_of, gtensors

Headers = Mapping[str, str]
NONE: Headers = {}
ISOLATIONS = ("thread", "process")
ENDLESS = 1_000_000
"""More steps than any test waits for."""

CODE = '''
import ctypes
import os
import time
from pathlib import Path

import numpy as np

from grps import InputError, StepModel, StepResult, inferer_register
from grps.inference.monitor import app_monitor
from grps.log import clogger


class Series(StepModel):
    """Makes numbers, each from the one before, and notes what it is called with.

    The first element of ``x`` is the first number, which also names the sequence; the second is the
    number of steps. Some names from 101 on make it do something wrong.
    """

    slots = {"value": "int64", "left": "int64"}

    def load(self):
        pass

    def note(self, name, line):
        with open(f"{self.args['notes']}-{name}", "a") as file:
            file.write(f"{line}\\n")

    def begin(self, requests):
        firsts = [int(one.inputs["x"][0]) for one in requests]
        self.note("called", " ".join(map(str, firsts)))
        if any(first < 0 for first in firsts):
            raise InputError("x is negative")
        if 13 in firsts:
            raise ValueError("unlucky")
        return [self.state_of(one) for one in requests]

    def state_of(self, request):
        first, steps = map(int, request.inputs["x"][:2])
        self.note("begun", first)
        self.note("pids", f"{first} {os.getpid()}")
        if first == 106:
            return {"value": [1, 2, 3], "name": first}
        made = request.outputs.get("y", np.zeros(0, np.int64))
        self.note("again", f"{first} {len(made)}")
        value = made[-1] if len(made) else first
        return {"value": value, "left": steps - len(made), "name": first, "of": request}

    def wait(self):
        while Path(f"{self.args['notes']}-hold").exists():
            time.sleep(0.002)

    def step(self, batch):
        names = [state["name"] for state in batch.states]
        self.note("rows", " ".join(map(str, names)))
        self.wait()
        time.sleep(0.0005)
        if 120 in names:
            os._exit(7)
        if 121 in names:
            ctypes.string_at(0)
        if 122 in names:
            time.sleep(1000)
        if 123 in names:
            batch.states[names.index(123)]["of"].entry.stream_message(b"")
        if 124 in names:
            while not batch.states[names.index(124)]["of"].is_cancelled():
                time.sleep(0.001)
            self.note("cancelled", 124)
        if 125 in names:
            clogger.info("step of 125")
            app_monitor.max("of_step", 125.0)
            print("printed by 125")
        batch["value"] = (batch["value"] * 31 + 7) % 1000003
        batch["left"] -= 1
        if 103 in names:
            raise ValueError("step is broken")
        if 110 in names:
            raise SystemExit(3)
        outputs = {"y": batch["value"]}
        if "pad" in self.args:
            outputs["pad"] = np.zeros((len(names), self.args["pad"]), np.float32)
        if 101 in names:
            outputs = {"y": np.zeros(len(names) + 1)}
        if 109 in names:
            outputs = {"y": np.array(["a"] * len(names))}
        if 111 in names:
            outputs = None
        if 112 in names:
            outputs = {"y": np.zeros((len(names), 1 + int(batch["left"][0])))}
        finished = batch["left"] <= 0
        if 102 in names:
            finished = [True] * (len(names) + 1)
        failed = {}
        if 104 in names:
            failed = {names.index(104): ValueError("row is broken")}
        if 105 in names:
            failed = {names.index(105): InputError("row is refused", status=409)}
        if 108 in names:
            failed = {len(names): ValueError("nobody")}
        if 126 in names:
            failed = {-1: ValueError("nobody")}
        sizes = [1] * (len(names) + 1) if 107 in names else ()
        if 127 in names:
            sizes = [-1] * len(names)
        return StepResult(outputs, finished, failed, sizes)

    def end(self, states):
        for state in states:
            self.note("ended", state["name"])


inferer_register.register("series", Series())


class Positions(Series):
    """Takes its rows' first value from the positions that are prefilled."""

    def state_of(self, request):
        return {**super().state_of(request), "value": 0}

    def prefill(self, parts):
        for part in parts:
            self.note("parts", f"{part.state['name']} {part.start} {part.stop}")
            self.wait()
            part.rows["value"][...] += part.stop - part.start


inferer_register.register("positions", Positions())


class Plain(Series):
    pass


inferer_register.register("plain", Plain())


class Repeatable(Series):
    repeatable = True

    def step(self, batch):
        if any(state["name"] == 120 for state in batch.states):
            raise ValueError("step is broken")
        return super().step(batch)


inferer_register.register("repeatable", Repeatable())


class Misdeclared(Series):
    slots = {"value": "float99[2]"}


inferer_register.register("misdeclared", Misdeclared())
'''


def series_model(
    name: str, batching: Mapping[str, Any] | None = None, **keys: Any
) -> dict[str, Any]:
    """The configuration of a step model of ``CODE``; its notes begin with its name."""
    return user_model(
        name,
        **{
            "inferer_name": "series",
            "inferer_args": {"notes": name},
            "converter_type": "numpy",
            "batching": {"type": "continuous", **(batching or {})},
            **keys,
        },
    )


def write_series_project(
    folder: Path,
    models: list[dict[str, Any]],
    server: dict[str, Any] | None = None,
    isolation: str = "thread",
) -> Path:
    """Write a project with step models of ``CODE``, whose instances run in threads or processes."""
    models = [{"isolation": isolation, **model} for model in models]
    return write_user_project(folder, models, server, code=CODE)


def expected(first: int, steps: int) -> list[int]:
    """What a sequence of ``CODE`` returns."""
    found = [first]
    for _ in range(steps):
        found.append((found[-1] * 31 + 7) % 1000003)
    return found[1:]


def body(first: int, steps: int, positions: int = 2) -> dict[str, Any]:
    """The request of a sequence, with so many positions to prefill."""
    x = np.zeros(positions, np.int64)
    x[:2] = first, steps
    return {"gtensors": gtensors({"x": x})}


class Client:
    """A client of one step model."""

    def __init__(self, server: RunningServer, model: str) -> None:
        self.server = server
        self.model = model

    def post(
        self, first: int, steps: int, positions: int = 2, headers: Headers = NONE
    ) -> requests.Response:
        """Ask for a whole sequence."""
        query = f"?model={self.model}"
        return self.server.post(body(first, steps, positions), query, headers=headers)

    def whole(self, first: int, steps: int, headers: Headers = NONE) -> list[int]:
        """Return a whole sequence."""
        answer = self.post(first, steps, headers=headers)
        assert answer.status_code == 200, answer.text
        found: list[int] = arrays_of(answer.json()["gtensors"])["y"].tolist()
        return found

    @contextmanager
    def stream(
        self, first: int, steps: int = ENDLESS, headers: Headers = NONE
    ) -> Iterator[Connection]:
        """Ask for a stream, and wait for its first chunk; leave when the block ends."""
        path = f"/grps/v1/infer/predict?streaming=true&model={self.model}"
        data = json.dumps(body(first, steps)).encode()
        with connect(self.server.ports[0]) as connection:
            connection.send(request(data, headers, path))
            self.sees("rows", first)
            yield connection

    def noted(self, name: str) -> list[str]:
        """What the model has noted."""
        return self.server.noted(f"{self.model}-{name}")

    def saw(self, name: str, *firsts: int) -> bool:
        """Whether one line of the model's notes has all of some sequences."""
        wanted = {str(first) for first in firsts}
        return any(wanted <= set(line.split()) for line in self.noted(name))

    def sees(self, name: str, *firsts: int) -> None:
        """Wait for a line of the model's notes with all of some sequences."""
        wait_until(lambda: self.saw(name, *firsts), f"{name} with {firsts}")

    def hold(self) -> None:
        """Let no step end."""
        (self.server.folder / f"{self.model}-hold").touch()

    def release(self) -> None:
        """Let steps end."""
        (self.server.folder / f"{self.model}-hold").unlink(missing_ok=True)

    def waits(self, count: int) -> None:
        """Wait until so many sequences wait for a slot."""
        wait_until(lambda: self.gauge("grps_model_queue_length") == count, f"{count} wait")

    def gauge(self, name: str) -> float:
        """A value of the model's metrics."""
        page = requests.get(self.server.url("/metrics"), timeout=GUARD_S).text
        key = f'{name}{{model="{self.model}-1.0.0"'
        lines = [line for line in page.splitlines() if line.startswith(key)]
        return sum(float(line.rpartition("}")[2].split()[0]) for line in lines)

    def all_ended(self) -> None:
        """Wait until each sequence that begun has ended, and check that it did so once."""

        def counts() -> tuple[list[str], list[str]]:
            return sorted(self.noted("ended")), sorted(self.noted("begun"))

        wait_until(lambda: len(counts()[0]) >= len(counts()[1]), "all sequences end")
        ended, begun = counts()
        assert ended == begun


def numbers(answer: bytes) -> list[int]:
    """The outputs in one chunk of a stream or several joined ones."""
    found: list[int] = []
    decoder, text, at = json.JSONDecoder(), answer.decode(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found += arrays_of(value["gtensors"])["y"].tolist() if "gtensors" in value else []
        while at < len(text) and text[at].isspace():
            at += 1
    return found
