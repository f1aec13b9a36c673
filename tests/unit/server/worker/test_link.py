"""What the server does with packets of a worker, good and bad ones."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grps.server.native import Lost, Model
from grps.server.worker import packets
from grps.server.worker.packets import Blobs, Pipe, Received
from tests.unit.server.worker.played import play_worker, service


@dataclass
class Asked:
    """A request in the hands of a worker that the test plays."""

    pipe: Pipe
    connection: socket.socket
    batch: packets.BatchMeta
    packet: Received


def play(
    model: Model, port: int, worker: Callable[[Asked], None]
) -> tuple[requests.Response, Lost | None]:
    """Ask a model once while the test plays its worker; return the answer and what was lost."""
    channel = model.attach("m-1#0")

    def answer(connection: socket.socket, _: int) -> None:
        pipe = Pipe(connection)
        packet = pipe.receive()
        assert packet is not None
        assert packet.kind == packets.BATCH
        worker(Asked(pipe, connection, packet.meta(packets.BatchMeta), packet))

    return play_worker(channel, channel.stop, port, answer)


def answer_with(
    tensors: list[Any], data: bytes = b"", done: bool = True
) -> Callable[[Asked], None]:
    def worker(asked: Asked) -> None:
        blobs = Blobs()
        blobs.add(data)
        asked.pipe.send(packets.OUTPUTS, [asked.batch.number, tensors], blobs)
        if done:
            asked.pipe.send(packets.DONE, [asked.batch.number], Blobs())

    return worker


def test_tensors_go_there_and_back() -> None:
    def worker(asked: Asked) -> None:
        assert asked.batch.tensors is not None
        (tensor,) = asked.batch.tensors
        array = asked.packet.array(tensor)
        np.testing.assert_array_equal(array, np.array([1, 2], np.float32))
        array *= 2
        blobs = Blobs()
        described = blobs.add_tensors([("y", array), ("empty", np.zeros((0, 3), np.int8))])
        asked.pipe.send(packets.OUTPUTS, [asked.batch.number, described], blobs)
        asked.pipe.send(packets.DONE, [asked.batch.number], Blobs())

    with service() as (model, port):
        answer, lost = play(model, port, worker)
        assert lost is None
        first, second = answer.json()["gtensors"]["tensors"]
        assert first["flat_float32"] == [2.0, 4.0]
        assert second["shape"] == [0, 3]


FAR = 1 << 62
BAD_TENSORS = {
    "beyond the data": ["y", "float32", [17], [0, 68], None],
    "far beyond": ["y", "float32", [2], [FAR, 8], None],
    "overflowing": ["y", "float32", [2], [(1 << 64) - 1, 8], None],
    "huge": ["y", "float32", [2], [0, (1 << 64) - 4], None],
    "no whole elements": ["y", "float32", [1], [0, 3], None],
    "wrong shape": ["y", "float32", [3], [0, 4], None],
    "overflowing shape": ["y", "float32", [1 << 40, 1 << 40], [0, 4], None],
    "unknown type": ["y", "complex64", [1], [0, 4], None],
    "missing texts": ["y", "string", [1], [0, 0], None],
}


@pytest.mark.parametrize("tensor", BAD_TENSORS.values(), ids=BAD_TENSORS.keys())
def test_a_bad_tensor_costs_its_request_only(tensor: list[Any]) -> None:
    with service() as (model, port):
        answer, lost = play(model, port, answer_with([tensor], b"1234"))
        assert answer.status_code == 500
        assert "the output can't be used" in answer.json()["status"]["msg"]
        # The worker goes on.
        assert lost is None
        good = ["y", "float32", [1], [0, 4], None]
        answer, _ = play(model, port, answer_with([good], b"\0\0\0\0"))
        assert answer.json()["gtensors"]["tensors"][0]["flat_float32"] == [0.0]


def test_an_undescribed_tensor_ends_the_worker() -> None:
    with service() as (model, port):
        answer, lost = play(model, port, answer_with([["y"]], b"1234"))
        assert answer.status_code == 500
        assert lost is not None
        assert "broke the protocol" in lost.cause


def test_what_is_said_of_an_earlier_batch_is_ignored() -> None:
    def worker(asked: Asked) -> None:
        former = asked.batch.number - 1
        blobs = Blobs()
        content = [packets.MESSAGE, [], blobs.add(b"late")]
        asked.pipe.send(packets.CHUNK, [former, 0, content, False, (0, 0)], blobs)
        asked.pipe.send(packets.REPLY, [former, 0, content, False, (0, 0)], blobs)
        asked.pipe.send(packets.FAILURE, [former, 7, False, "late"], Blobs())
        asked.pipe.send(packets.END_STREAM, [former, 0], Blobs())
        answer_with([["y", "float32", [1], [0, 4], None]], b"\0\0\0\0")(asked)

    with service() as (model, port):
        answer, lost = play(model, port, worker)
        assert answer.status_code == 200
        assert lost is None


def test_a_worker_that_says_nothing_is_lost() -> None:
    with service(hang_timeout_ms=30) as (model, port):
        answer, lost = play(model, port, lambda asked: None)
        assert answer.status_code == 500
        assert lost is not None
        assert lost.cause.startswith("it hangs: it has worked for 0 s without a sign of life")


def test_a_file_that_shrinks_costs_its_request_only() -> None:
    def worker(asked: Asked) -> None:
        descriptor = os.memfd_create("short")
        os.ftruncate(descriptor, 100)
        header = packets.HEADER.pack(packets.OUTPUTS, 1, 1 << 20)
        socket.send_fds(asked.connection, [header], [descriptor])
        os.close(descriptor)

    with service() as (model, port):
        answer, lost = play(model, port, worker)
        assert answer.status_code == 500
        assert lost is not None
        assert "1048576 bytes in 100" in lost.cause


def test_any_bytes_are_survived() -> None:
    kinds = st.integers(0, 9)
    metas = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(0, 1 << 63), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=5),
        max_leaves=12,
    )
    described = st.tuples(kinds, metas.map(msgspec.msgpack.encode), st.binary(max_size=80))

    with service() as (model, port):

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.one_of(st.binary(min_size=1, max_size=60), described))
        def check(sent: bytes | tuple[int, bytes, bytes]) -> None:
            def worker(asked: Asked) -> None:
                if isinstance(sent, bytes):
                    asked.connection.send(sent)
                else:
                    kind, meta, data = sent
                    body = len(meta).to_bytes(4, "little") + meta
                    body += bytes(-len(body) % packets.ALIGNMENT) + data
                    asked.connection.send(packets.HEADER.pack(kind, 0, len(body)) + body)
                asked.connection.close()

            answer, _ = play(model, port, worker)
            assert answer.status_code == 500

        check()
        good = ["y", "float32", [1], [0, 4], None]
        answer, _ = play(model, port, answer_with([good], b"\0\0\0\0"))
        assert answer.status_code == 200
