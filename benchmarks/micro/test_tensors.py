"""What it costs to carry a tensor of 588 KiB between Python's forms and between processes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from grps.protocol.arrays import to_arrays, to_message
from grps.server.worker.packets import Blobs, Pipe, TensorMeta

IMAGE = np.random.default_rng(0).random((1, 3, 224, 224), np.float32)


class Carried(msgspec.Struct, array_like=True):
    """What is told of the one tensor that a packet carries."""

    tensor: TensorMeta


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    """Both ends of the channel to a worker."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        yield Pipe(near), Pipe(far)


def test_array_to_message(benchmark: BenchmarkFixture) -> None:
    """A protobuf message of an array, for user code that works on messages."""
    message = benchmark(to_message, [("x", IMAGE)])
    assert list(message.gtensors.tensors[0].shape) == list(IMAGE.shape)


def test_message_to_array(benchmark: BenchmarkFixture) -> None:
    """An array of a protobuf message."""
    ((_, array),) = benchmark(to_arrays, to_message([("x", IMAGE)]))
    assert np.array_equal(array, IMAGE)


def test_tensor_to_another_process(benchmark: BenchmarkFixture, pipes: tuple[Pipe, Pipe]) -> None:
    """Send a tensor through shared memory and map it on the other side."""
    near, far = pipes

    def carry() -> np.ndarray:
        blobs = Blobs()
        near.send(1, blobs.add_tensors([("x", IMAGE)]), blobs)
        received = far.receive()
        assert received is not None
        return received.array(received.meta(Carried).tensor)

    assert np.array_equal(benchmark(carry), IMAGE)
