"""Batches as an instance gets them: the test itself is the instance of a native server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import requests

from grps.backends.backend import Signature, TensorSpec
from grps.server.native import (
    Batch,
    Channel,
    Model,
    NativeBatching,
    NativeModel,
    NativePadding,
    Server,
)
from tests.unit.server.models.test_instances import SETTINGS as SMALL

SETTINGS = replace(SMALL, max_concurrency=64, max_queue=64, max_inflight_bytes=1 << 24)
SIGNATURE = Signature(
    inputs=(TensorSpec("x", "float32", (None, None)),), outputs=(), strict_names=True
)


class Service:
    """A model whose instance is the test, and clients that call it."""

    def __init__(self, model: Model, channel: Channel, port: int) -> None:
        self.model = model
        self.channel = channel
        self._url = f"http://127.0.0.1:{port}/grps/v1/infer/predict"
        self._clients = ThreadPoolExecutor(max_workers=32)

    def post(
        self, rows: list[list[float]], headers: dict[str, str] | None = None, timeout_s: float = 60
    ) -> requests.Response:
        body = {"gtensors": {"tensors": [tensor(rows)]}}
        return requests.post(self._url, json=body, headers=headers, timeout=timeout_s)

    def start(
        self, rows: list[list[float]], headers: dict[str, str] | None = None
    ) -> Future[requests.Response]:
        """Send a request."""
        return self._clients.submit(self.post, rows, headers)

    def send(
        self, rows: list[list[float]], headers: dict[str, str] | None = None
    ) -> Future[requests.Response]:
        """Send a request and wait until it is in the model's queue."""
        before = self.model.queue_length()
        answer = self.start(rows, headers)
        wait_for(lambda: self.model.queue_length() == before + 1 or answer.done())
        return answer

    def take(self) -> Batch:
        batch = self.channel.next()
        assert batch is not None
        return batch

    def series(self, name: str) -> list[float]:
        """The points of a series, none while it is unknown."""
        url = self._url.replace("infer/predict", "monitor/series")
        found = requests.get(url, {"name": name}, timeout=60)
        known = found.headers["Content-Type"].startswith("application/json")
        points: list[list[float]] = found.json()["data"] if known else []
        return [value for _, value in points]

    def close(self) -> None:
        self._clients.shutdown(wait=True)


def tensor(rows: list[list[float]]) -> dict[str, Any]:
    array = np.array(rows, np.float32)
    return {
        "name": "x",
        "dtype": "DT_FLOAT32",
        "shape": list(array.shape),
        "flat_float32": array.ravel().tolist(),
    }


def wait_for(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.001)


@contextmanager
def service(batching: NativeBatching, queue_timeout_ms: int | None = None) -> Iterator[Service]:
    server = Server(SETTINGS)
    (port,) = server.start([("127.0.0.1", 0)])
    spec = NativeModel("m", "1", True, SIGNATURE, "", batching, queue_timeout_ms)
    model = Model(spec)
    server.put_model(model)
    server.set_default(["m-1"])
    channel = model.attach("m-1#0")
    server.set_loaded()
    running = Service(model, channel, port)
    try:
        yield running
    finally:
        running.close()
        server.stop()
        server.wait()


def values(answer: Future[requests.Response]) -> list[float]:
    found = answer.result()
    assert found.status_code == 200, found.text
    output: list[float] = found.json()["gtensors"]["tensors"][0]["flat_float32"]
    return output


def double(batch: Batch) -> tuple[int, ...]:
    """Answer a batch as a model that doubles its input, and return the shape it saw."""
    ((_, array),) = batch.tensors()
    batch.reply_tensors([("y", array * 2)])
    return tuple(array.shape)


def test_waiting_requests_share_one_buffer() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        answers = [running.send([[1, 2]]), running.send([[3, 4], [5, 6]]), running.send([[7, 8]])]
        batch = running.take()
        assert (len(batch), batch.rows) == (3, 4)
        assert double(batch) == (4, 2)
        assert [values(answer) for answer in answers] == [[2, 4], [6, 8, 10, 12], [14, 16]]
        count, rows, small = running.model.batch_counts()
        assert (count, rows, small["idle_instance"]) == (1, 4, 1)


def test_rows_never_exceed_the_limit() -> None:
    with service(NativeBatching(max_rows=3)) as running:
        answers = [running.send([[float(n)] * 2] * rows) for n, rows in enumerate((2, 2, 1, 3), 1)]
        assert [double(running.take())[0] for _ in range(3)] == [2, 3, 3]
        assert [values(answer)[0] for answer in answers] == [2, 4, 6, 8]
        refused = running.send([[0, 0]] * 4).result()
        assert refused.status_code == 400
        assert (
            "the input has 4 rows, at most 3 are taken at once" in refused.json()["status"]["msg"]
        )
        assert running.model.batch_counts()[2]["size"] == 1


def test_other_shapes_wait_for_their_own_batch() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        answers = [running.send([row]) for row in ([1.0, 2], [3.0, 4, 5], [6.0, 7])]
        assert double(running.take()) == (2, 2)
        assert double(running.take()) == (1, 3)
        assert [values(answer) for answer in answers] == [[2, 4], [6, 8, 10], [12, 14]]
        assert running.model.batch_counts()[2]["shape"] == 1


def test_urgent_requests_are_taken_first() -> None:
    with service(NativeBatching(max_rows=2, priority_levels=3)) as running:
        levels = (None, "1", "0", "200")
        answers = [
            running.send([[n, n]], {"X-Grps-Priority": level} if level else None)
            for n, level in enumerate(levels)
        ]
        taken = []
        for _ in range(2):
            batch = running.take()
            ((_, array),) = batch.tensors()
            taken.append(array[:, 0].tolist())
            batch.reply_tensors([("y", array)])
        assert taken == [[2, 1], [0, 3]]
        assert [values(answer)[0] for answer in answers] == [0, 1, 2, 3]
        refused = running.send([[0, 0]], {"X-Grps-Priority": "256"}).result()
        assert refused.status_code == 400
        assert "X-Grps-Priority must be a whole number from 0" in refused.json()["status"]["msg"]


def test_requests_with_different_keys_do_not_meet() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        keys = ("a", "b", "a")
        answers = [running.send([[n, n]], {"X-Grps-Batch-Key": key}) for n, key in enumerate(keys)]
        assert double(running.take()) == (2, 2)
        assert double(running.take()) == (1, 2)
        assert [values(answer)[0] for answer in answers] == [0, 2, 4]
        assert running.model.batch_counts()[2]["key"] == 1


def test_batches_are_filled_up_to_the_sizes_that_the_model_takes() -> None:
    with service(NativeBatching(max_rows=8, allowed_sizes=(4, 8))) as running:
        alone = running.send([[1, 2]])
        assert double(running.take()) == (4, 2)
        assert values(alone) == [2, 4]
        answers = [running.send([[n, n]]) for n in range(5)]
        batch = running.take()
        ((_, array),) = batch.tensors()
        assert array[:, 0].tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
        batch.reply_tensors([("y", array * 2)])
        assert [values(answer)[0] for answer in answers] == [0, 2, 4, 6, 8]


def test_inputs_of_differing_sizes_meet_in_a_bucket() -> None:
    padding = NativePadding(axes=(), sizes=(4, 8), max_waste=0.5, cut_outputs=True)
    with service(NativeBatching(max_rows=8, padding=padding)) as running:
        answers = [running.send([row]) for row in ([1.0, 2], [3.0, 4, 5], [6.0])]
        batch = running.take()
        ((_, array),) = batch.tensors()
        assert array.tolist() == [[1, 2, 0, 0], [3, 4, 5, 0]]
        batch.reply_tensors([("y", array * 2), ("sum", array.sum(axis=1, keepdims=True))])
        # A single number would be padding by three quarters: it stays as it is.
        assert double(running.take()) == (1, 1)
        assert [values(answer) for answer in answers] == [[2, 4], [6, 8, 10], [12]]
        sums = answers[1].result().json()["gtensors"]["tensors"][1]
        assert (sums["name"], sums["flat_float32"]) == ("sum", [12])


def test_an_instance_waits_for_company_only_when_told_to() -> None:
    always = NativeBatching(max_rows=2, waits_always=True, window_us=60_000_000)
    with service(always) as running:
        taken: list[Batch] = []
        instance = threading.Thread(target=lambda: taken.append(running.take()))
        instance.start()
        first = running.send([[1, 2]])
        assert instance.is_alive()
        second = running.start([[3, 4]])
        instance.join()
        assert double(taken[0]) == (2, 2)
        assert [values(first), values(second)] == [[2, 4], [6, 8]]


def test_a_request_that_waits_too_long_gets_429() -> None:
    with service(NativeBatching(max_length=1), queue_timeout_ms=50) as running:
        late = running.send([[1, 2]]).result()
        assert late.status_code == 429
        assert "no instance was free within 50 ms" in late.json()["status"]["msg"]
        assert running.model.queue_length() == 0


def test_one_more_than_may_wait_gets_429() -> None:
    with service(NativeBatching(max_length=1)) as running:
        waiting = running.send([[1, 2]])
        refused = running.send([[3, 4]]).result()
        assert refused.status_code == 429
        assert "1 requests wait already (queue.max_length)" in refused.json()["status"]["msg"]
        double(running.take())
        assert values(waiting) == [2, 4]


def test_singles_give_each_request_its_own_tensors() -> None:
    with service(NativeBatching(max_rows=8, allowed_sizes=(2, 8))) as running:
        answers = [running.send([[n, n]]) for n in range(3)]
        batch = running.take()
        assert batch.tensors()[0][1].shape == (8, 2)
        batch.entries()[1].fail("not this one")
        singles = batch.singles()
        assert [double(single) for single in singles] == [(2, 2), (2, 2)]
        assert values(answers[0]) == [0, 0]
        assert answers[1].result().status_code == 500
        assert values(answers[2]) == [4, 4]


def test_outputs_of_too_few_rows_are_refused() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        answers = [running.send([[1, 2]]), running.send([[3, 4]])]
        batch = running.take()
        batch.tensors()
        with pytest.raises(ValueError, match=r"output 'y' has shape \[1, 2\], not 2 rows"):
            batch.reply_tensors([("y", np.zeros((1, 2), np.float32))])
        batch.reply_tensors([("s", np.array([["a"], ["b"]], object))])
        texts = [answer.result().json()["gtensors"]["tensors"][0] for answer in answers]
        assert [text["flat_string"] for text in texts] == [["a"], ["b"]]


def test_a_client_that_leaves_frees_its_place() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        with pytest.raises(requests.Timeout):
            running.post([[1, 2]], timeout_s=0.3)
        wait_for(lambda: running.model.queue_length() == 0)
        stays = running.send([[3, 4]])
        assert double(running.take()) == (1, 2)
        assert values(stays) == [6, 8]


def test_clients_can_see_why_batches_are_small() -> None:
    with service(NativeBatching(max_rows=8)) as running:
        answer = running.send([[1]])
        double(running.take())
        assert values(answer) == [2]
        name = "*small_batches(m-1,idle_instance)"
        wait_for(lambda: max(running.series(name), default=0) > 0)
        assert max(running.series("*batches(m-1)")) > 0
        assert max(running.series("*small_batches(m-1,timeout)")) == 0
