"""A service with one model whose worker the test plays."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from grps.backends.backend import Signature, TensorSpec
from grps.server.native import (
    Channel,
    Link,
    Lost,
    Model,
    NativeModel,
    NativeSteps,
    Server,
    StepChannel,
)
from tests.unit.server.models.test_instances import LONG_S, SETTINGS

SIGNATURE = Signature((TensorSpec("x", "float32", (None,)),), (), strict_names=True)


def ask(port: int) -> requests.Response:
    """Send the model a tensor of two elements."""
    tensor = {"name": "x", "dtype": "DT_FLOAT32", "shape": [2], "flat_float32": [1.0, 2.0]}
    url = f"http://127.0.0.1:{port}/grps/v1/infer/predict"
    return requests.post(url, json={"gtensors": {"tensors": [tensor]}}, timeout=LONG_S)


@contextmanager
def service(
    *, steps: NativeSteps | None = None, hang_timeout_ms: int | None = None
) -> Iterator[tuple[Model, int]]:
    """Serve a model without an instance; yield it and the port."""
    server = Server(SETTINGS)
    (port,) = server.start([("127.0.0.1", 0)])
    spec = NativeModel("m", "1", True, SIGNATURE, "", steps=steps, hang_timeout_ms=hang_timeout_ms)
    model = Model(spec)
    server.put_model(model)
    server.set_default(["m-1"])
    server.set_loaded()
    try:
        yield model, port
    finally:
        server.stop()
        server.wait()


def play_worker(
    channel: Channel | StepChannel,
    stop: Callable[[], None],
    port: int,
    worker: Callable[[socket.socket, int], None],
) -> tuple[requests.Response, Lost | None]:
    """Ask a model once while the test plays its worker.

    Args:
        channel: The instance's end of the model's queue.
        stop: What ends the instance.
        port: Where the model is asked.
        worker: Plays the worker, by its connection and the descriptor of its note.

    Returns:
        The answer, and what was lost with the worker.
    """
    link = Link()
    pipe_end, note = link.worker_descriptors()
    connection = socket.socket(fileno=os.dup(pipe_end))
    link.release_worker_end()
    outcome: list[Any] = [None, None]

    def serve() -> None:
        lost = channel.serve(link)
        outcome[0] = lost
        if lost is not None:
            lost.fail("the worker is gone")
        channel.detach()

    def client() -> None:
        outcome[1] = ask(port)

    threads = [threading.Thread(target=serve), threading.Thread(target=client)]
    for thread in threads:
        thread.start()
    worker(connection, note)
    threads[1].join(LONG_S)
    connection.close()
    stop()
    threads[0].join(LONG_S)
    assert not threads[0].is_alive()
    return outcome[1], outcome[0]
