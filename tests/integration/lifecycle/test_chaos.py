"""Clients that leave at any moment, bad bodies, kills and reloads at once; nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import psutil
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

SECONDS = 6.0
CLIENTS = 12
PLACES = 6

CODE = '''
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Slow(Plain):
    """Answers with its input after up to 20 ms; streams it five times."""

    def infer(self, inp, context):
        if context.if_streaming():
            return self.stream(inp)
        time.sleep(len(inp.str_data) % 20 / 1000)
        if inp.str_data.startswith("bad"):
            raise ValueError("bad input")
        return inp

    def batch_infer(self, inps, contexts):
        time.sleep(0.01)
        if any(inp.str_data.startswith("bad") for inp in inps):
            raise ValueError("bad input")
        return inps

    def stream(self, inp):
        for _ in range(5):
            time.sleep(0.002)
            yield inp


class Gate(Plain):
    def infer(self, inp, context):
        open("gate", "a").write("x\\n")
        while not __import__("os").path.exists("release"):
            time.sleep(0.005)
        return inp


inferer_register.register("slow", Slow())
inferer_register.register("gate", Gate())
'''
MODELS = ("thread", "process", "batched")


class Client:
    """One client that does random things and checks every answer it waits for."""

    def __init__(self, server: RunningServer, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{server.ports[1]}", [("grpc.use_local_subchannel_pool", 1)]
        )
        self._stub = GrpsServiceStub(self._channel)
        self.seen: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        acts: list[Callable[[], None]] = [
            self._ask,
            self._ask_bad,
            self._stream,
            self._leave,
            self._leave_in_the_middle,
            self._deadline,
            self._grpc,
            self._grpc_cancel,
            self._garbage,
        ]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._random.choice(acts)()
        self._channel.close()
        return self.seen

    def _text(self, start: str = "") -> str:
        return start + "y" * self._random.choice((0, 3, 17, 900, 70_000))

    def _model(self) -> str:
        return self._random.choice(MODELS)

    def _post(self, text: str, model: str, **options: Any) -> requests.Response:
        body = {"str_data": text, "model": model}
        return self._server.post(body, **options)

    def _ask(self) -> None:
        model, text = self._model(), self._text("x")
        answer = self._post(text, model)
        if answer.status_code == 200:
            assert answer.json()["str_data"] == text
            self.seen["answered"] += 1
        else:
            self._check_killed(model, answer.json()["status"]["msg"])

    def _ask_bad(self) -> None:
        model = self._model()
        answer = self._post(self._text("bad"), model)
        assert answer.status_code == 500
        cause = answer.json()["status"]["msg"]
        if "bad input" in cause:
            self.seen["refused"] += 1
        else:
            self._check_killed(model, cause)

    def _check_killed(self, model: str, cause: str) -> None:
        assert model == "process", cause
        assert "signal 9" in cause, cause
        self.seen["killed"] += 1

    def _stream(self) -> None:
        text = self._text("x")
        answer = self._post(text, "thread", query="?streaming=true")
        assert answer.text.count(text) == 5
        self.seen["streamed"] += 1

    def _send(self, body: bytes, length: int | None = None) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self._server.ports[0]))
        head = (
            "POST /grps/v1/infer/predict HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
        )
        raw.sendall(head.encode() + body)
        return raw

    def _leave(self) -> None:
        body = f'{{"str_data": "{self._text("x")}", "model": "{self._model()}"}}'.encode()
        raw = self._send(body)
        time.sleep(self._random.random() * 0.02)
        raw.close()
        self.seen["left"] += 1

    def _leave_in_the_middle(self) -> None:
        self._send(b'{"str_data": "xx', 500).close()
        self.seen["left"] += 1

    def _garbage(self) -> None:
        junk = self._random.randbytes(self._random.randrange(1, 200))
        raw = self._send(junk) if self._random.random() < 0.5 else None
        if raw is None:
            raw = socket.create_connection(("127.0.0.1", self._server.ports[0]))
            raw.sendall(junk + b"\r\n\r\n")
        raw.settimeout(0.02)
        with suppress(OSError):
            raw.recv(1000)
        raw.close()

    def _deadline(self) -> None:
        model = self._model()
        headers = {"X-Request-Timeout-Ms": str(self._random.randrange(1, 12))}
        answer = self._post(self._text("x"), model, headers=headers)
        if answer.status_code == 500:
            self._check_killed(model, answer.json()["status"]["msg"])
            return
        assert answer.status_code in (200, 429, 504), answer.text
        self.seen["late" if answer.status_code == 504 else "in time"] += 1

    def _grpc(self) -> None:
        text, model = self._text("x"), self._model()
        answer = self._stub.Predict(GrpsMessage(str_data=text, model=model), timeout=GUARD_S)
        if answer.str_data == text:
            self.seen["answered"] += 1
        else:
            self._check_killed(model, answer.status.msg)

    def _grpc_cancel(self) -> None:
        call = self._stub.Predict.future(GrpsMessage(str_data=self._text("x"), model=self._model()))
        time.sleep(self._random.random() * 0.02)
        call.cancel()
        self.seen["cancelled"] += 1


def disturb(server: RunningServer) -> int:
    """Kill workers and reload models; return how many were killed."""
    kills = 0
    url = server.url("/grps/v1/admin/models")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        told = requests.get(url, timeout=GUARD_S).json()["models"]
        pids = [one.get("pid") for model in told for one in model["instances"]]
        for pid in filter(None, pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        time.sleep(0.7)
        for model in ("thread", "batched"):
            assert requests.post(f"{url}/{model}/reload", timeout=GUARD_S).status_code == 200
    return kills


def test_nothing_is_lost_or_kept(tmp_path: Path) -> None:
    slow = {"inferer_name": "slow"}
    models = [
        user_model("thread", **slow),
        user_model("process", **slow, isolation="process", instances=2),
        user_model("batched", **slow, batching={"type": "dynamic", "max_batch_size": 8}),
        user_model("gate"),
    ]
    write_user_project(tmp_path, models, {"max_concurrency": PLACES}, code=CODE)
    with serving(tmp_path) as server:
        process = psutil.Process(server.process.pid)
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            kills = pool.submit(disturb, server)
            clients = [pool.submit(Client(server, seed).run) for seed in range(CLIENTS)]
            seen: Counter[str] = sum((client.result() for client in clients), Counter())
        assert kills.result() >= 2
        for what in ("answered", "refused", "streamed", "left", "late", "cancelled"):
            assert seen[what] > 0, seen
        assert seen["answered"] > seen["killed"]

        url = server.url("/grps/v1/health/ready")
        wait_until(lambda: requests.get(url, timeout=GUARD_S).status_code == 200, "ready again")
        # Every place is free again: as many requests as there are places run at once.
        with ThreadPoolExecutor(PLACES) as pool:
            running = [
                pool.submit(server.post, {"model": "gate", "str_data": "x"}) for _ in range(PLACES)
            ]
            wait_until(lambda: len(server.noted("gate")) == PLACES, "all run at once")
            server.release()
            assert [one.result().status_code for one in running] == [200] * PLACES
        wait_until(lambda: process.num_fds() < 60, "connections are closed")
        began = time.monotonic()
        assert server.stop() == 0
        # Nothing was in flight any more: the drain had nothing to wait for.
        assert time.monotonic() - began < GUARD_S
        assert "panicked" not in server.log() + server.stderr()
