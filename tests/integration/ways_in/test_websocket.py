"""Predict calls over WebSocket, with a client of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

PATH = "/grps/v1/infer/predict/ws"
CODE = '''
import os
import time

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Counter(ModelInferer):
    """Streams as many chunks as str_data says, then what the rest of it asks for."""

    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        count, _, then = inp.str_data.partition(" ")
        try:
            for number in range(int(count)):
                yield GrpsMessage(str_data=str(number))
        except GeneratorExit:
            # The client left before the next chunk was asked for.
            open("disconnected", "w").close()
            raise
        if then == "bytes":
            yield GrpsMessage(bin_data=b"\\xff\\x00")
        if then == "fail":
            raise ValueError("as asked")
        while then == "wait":
            if context.if_disconnected():
                open("disconnected", "w").close()
                break
            time.sleep(0.005)


inferer_register.register("counter", Counter())
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    interface = {
        "host": "127.0.0.1",
        "port": "0,0",
        "cors": {"origins": ["https://app.example"]},
    }
    settings = {"interface": interface, "limits": {"max_request_bytes": 1_000_000}}
    folder = tmp_path_factory.mktemp("websocket")
    with serving(write_user_project(folder, [user_model("counter")], settings, code=CODE)) as made:
        yield made


def opened(server: RunningServer, query: str = "", **options: Any) -> ClientConnection:
    options = {"open_timeout": GUARD_S, "close_timeout": GUARD_S, "max_size": None, **options}
    return connect(f"ws://127.0.0.1:{server.ports[0]}{PATH}{query}", **options)


def replies(socket: ClientConnection) -> list[Any]:
    """The messages up to the final one."""
    received: list[Any] = []
    while True:
        message = socket.recv(timeout=GUARD_S)
        if isinstance(message, bytes):
            received.append(message)
            continue
        received.append(json.loads(message))
        if received[-1].get("final"):
            return received


def ask(text: str, **more: Any) -> str:
    return json.dumps({"str_data": text, **more})


def test_requests_one_after_the_other(server: RunningServer) -> None:
    with opened(server, "?model=counter-1.0.0") as socket:
        for count in (3, 1, 0):
            socket.send(ask(str(count)))
            *chunks, last = replies(socket)
            assert [chunk["str_data"] for chunk in chunks] == [str(n) for n in range(count)]
            assert all(chunk["status"]["code"] == 200 for chunk in chunks)
            assert last == {
                "status": {"code": 200, "msg": "OK", "status": "SUCCESS"},
                "final": True,
            }
        socket.send(ask("1 bytes"))
        assert replies(socket)[1] == b"\xff\x00"


def test_requests_may_be_sent_ahead(server: RunningServer) -> None:
    with opened(server) as socket:
        for count in (2, 1, 3):
            socket.send(ask(str(count)))
        assert [len(replies(socket)) for _ in range(3)] == [3, 2, 4]


def test_failures_are_final_messages(server: RunningServer) -> None:
    with opened(server) as socket:
        for sent, code, chunks in [
            (ask("2 fail"), 500, 2),
            ("{", 400, 0),
            (ask("1", model="none-1"), 404, 0),
            ("", 400, 0),
            (ask("1"), 200, 1),
        ]:
            socket.send(sent)
            received = replies(socket)
            assert (received[-1]["status"]["code"], len(received) - 1) == (code, chunks), sent


def test_a_request_ends_with_its_client(server: RunningServer) -> None:
    with opened(server) as socket:
        socket.send(ask("1 wait"))
        assert json.loads(socket.recv(timeout=GUARD_S))["str_data"] == "0"
    wait_until((server.folder / "disconnected").exists, "the model sees that its client left")


def test_limits_of_messages(server: RunningServer) -> None:
    with opened(server) as socket:
        socket.send(ask("0" * 999_000))
        assert replies(socket)[-1]["status"]["code"] in (200, 500)
        socket.send("x" * 1_000_001)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=GUARD_S)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, "1000000" in caught.value.rcvd.reason) == (1009, True)


def test_pings_are_answered(server: RunningServer) -> None:
    with opened(server) as socket:
        assert socket.ping().wait(GUARD_S)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://app.example", True),
        ("http://127.0.0.1:{port}", True),
        ("https://other.example", False),
        ("null", False),
    ],
)
def test_origins_are_checked(server: RunningServer, origin: Any, allowed: bool) -> None:
    origin = origin and origin.format(port=server.ports[0])
    if allowed:
        with opened(server, origin=origin) as socket:
            socket.send(ask("1"))
            assert len(replies(socket)) == 2
        return
    with pytest.raises(InvalidStatus) as caught:
        opened(server, origin=origin)
    assert caught.value.response.status_code == 403


def test_other_requests_are_told(server: RunningServer) -> None:
    answer = requests.get(server.url(PATH), timeout=20)
    assert (answer.status_code, "ws://" in answer.text) == (400, True)


def test_the_end_closes_connections(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("end")
    project = write_user_project(folder, [user_model("counter")], code=CODE)
    with serving(project) as running, opened(running) as socket:
        socket.send(ask("1"))
        assert len(replies(socket)) == 2
        assert running.stop() == 0
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=GUARD_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
