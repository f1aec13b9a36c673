"""Sequences of a step model: answers, streams, and who shares a batch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import grpc
import numpy as np
import pytest

from tests.step_models import (
    ENDLESS,
    ISOLATIONS,
    Client,
    expected,
    numbers,
    series_model,
    write_series_project,
)
from tests.support import GUARD_S, RunningServer, serving, wait_until
from tests.tensors import arrays_of_message, to_message

MODELS = [
    series_model("plain", {"max_batch_size": 8, "steps": {"max_steps": ENDLESS}}),
    series_model("small", {"max_batch_size": 1}, queue={"max_length": 2}),
    series_model("hasty", {"max_batch_size": 1}, queue={"timeout_ms": 50}),
    series_model("short", {"steps": {"max_steps": 5}}),
    series_model(
        "costly",
        {"max_batch_size": 4, "steps": {"max_step_cost": 10, "prefill_input": "x"}},
    ),
    series_model(
        "parts",
        {
            "max_batch_size": 4,
            "steps": {"max_step_cost": 8, "max_chunk": 3, "prefill_input": "x"},
        },
        inferer_name="positions",
    ),
    series_model(
        "wide", {"steps": {"max_steps": ENDLESS}}, inferer_args={"notes": "wide", "pad": 4096}
    ),
    series_model("several", {"max_batch_size": 2}, instances=3),
]


@pytest.fixture(scope="module", params=ISOLATIONS)
def server(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("steps")
    write_series_project(folder, MODELS, isolation=request.param)
    with serving(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer, request: pytest.FixtureRequest) -> Client:
    return Client(server, getattr(request, "param", "plain"))


def test_a_whole_answer_joins_the_steps(client: Client) -> None:
    assert client.whole(7, 6) == expected(7, 6)
    client.all_ended()


def test_each_step_is_a_chunk_over_http(client: Client) -> None:
    with client.stream(8, 6) as connection:
        assert connection.head().status == 200
        chunks = [numbers(chunk) for chunk in connection.chunks()]
    assert [chunk for chunk in chunks if chunk] == [[one] for one in expected(8, 6)]


def test_each_step_is_a_message_over_grpc(server: RunningServer) -> None:
    message = to_message({"x": np.array([9, 6])}, "plain")
    with server.stub() as stub:
        found = [
            arrays_of_message(one)["y"].tolist()
            for one in stub.PredictStreaming(message, timeout=GUARD_S)
            if one.HasField("gtensors")
        ]
    assert found == [[one] for one in expected(9, 6)]


def test_a_whole_answer_over_grpc(server: RunningServer) -> None:
    with server.stub() as stub:
        answer = stub.Predict(to_message({"x": np.array([10, 3])}, "plain"), timeout=GUARD_S)
    assert arrays_of_message(answer)["y"].tolist() == expected(10, 3)


def test_sequences_join_and_leave_a_running_batch(client: Client) -> None:
    with client.stream(20):
        with client.stream(21):
            client.sees("rows", 20, 21)
            assert client.whole(22, 30) == expected(22, 30)
            client.sees("rows", 20, 21, 22)
        client.sees("ended", 21)
        before = len(client.noted("rows"))
        wait_until(lambda: len(client.noted("rows")) > before + 2, "it goes on alone")
        assert client.noted("rows")[-1] == "20"
    client.all_ended()


def test_outputs_do_not_depend_on_who_shares_the_batch(client: Client) -> None:
    lengths = [1 + 7 * first % 50 for first in range(200, 240)]
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(client.whole, range(200, 240), lengths))
    assert found == [expected(*one) for one in zip(range(200, 240), lengths, strict=True)]
    assert max(len(line.split()) for line in client.noted("rows")) > 1
    client.all_ended()


def test_a_client_that_leaves_frees_its_slot(server: RunningServer) -> None:
    client = Client(server, "small")
    with client.stream(30, 4000):
        pass
    client.sees("ended", 30)
    assert client.whole(31, 2) == expected(31, 2)
    client.all_ended()


def test_a_passed_deadline_frees_the_slot(server: RunningServer) -> None:
    client = Client(server, "small")
    answer = client.post(32, 4000, headers={"X-Request-Timeout-Ms": "50"})
    assert answer.status_code == 504
    message = to_message({"x": np.array([33, 4000])}, "small")
    with server.stub() as stub, pytest.raises(grpc.RpcError) as raised:
        stub.Predict(message, timeout=0.05)
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert client.whole(34, 2) == expected(34, 2)
    client.all_ended()


def test_end_comes_once_for_each_sequence_though_clients_leave(client: Client) -> None:
    def ask(first: int) -> None:
        if first % 10 < 3:
            with client.stream(first):
                pass
        else:
            assert client.whole(first, first % 17 + 1) == expected(first, first % 17 + 1)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(1000, 1120)))
    client.all_ended()
    assert {str(first) for first in range(1000, 1120)} <= set(client.noted("ended"))


@pytest.mark.parametrize("client", ["wide"], indirect=True)
def test_a_slow_reader_stalls_only_itself(client: Client) -> None:
    with client.stream(40), client.stream(41) as other:
        assert other.head().status == 200
        chunks = other.chunks()
        client.sees("rows", 40, 41)

        def is_stalled() -> bool:
            next(chunks)
            return client.noted("rows")[-1].split() == ["41"]

        wait_until(is_stalled, "the client that reads nothing is left out of the steps")
        assert client.whole(42, 20) == expected(42, 20)
    client.all_ended()


def test_a_full_queue_refuses(server: RunningServer) -> None:
    client = Client(server, "small")
    client.hold()
    try:
        with ThreadPoolExecutor() as threads:
            running = threads.submit(client.whole, 50, 2)
            client.sees("rows", 50)
            waiting = [threads.submit(client.whole, first, 2) for first in (51, 52)]
            client.waits(2)
            refused = client.post(53, 2)
            client.release()
            assert [one.result() for one in (running, *waiting)] == [
                expected(first, 2) for first in (50, 51, 52)
            ]
    finally:
        client.release()
    assert refused.status_code == 429
    assert "2 requests wait already (queue.max_length)" in refused.json()["status"]["msg"]


@pytest.mark.parametrize("client", ["hasty"], indirect=True)
def test_a_long_wait_refuses(client: Client) -> None:
    client.hold()
    try:
        with ThreadPoolExecutor() as threads:
            running = threads.submit(client.whole, 55, 2)
            client.sees("rows", 55)
            refused = client.post(56, 2)
            client.release()
            assert running.result() == expected(55, 2)
    finally:
        client.release()
    assert refused.status_code == 429
    assert not client.saw("called", 56)


@pytest.mark.parametrize("client", ["short"], indirect=True)
def test_a_sequence_ends_after_the_most_steps(client: Client) -> None:
    assert client.whole(60, 100) == expected(60, 5)
    client.all_ended()


@pytest.mark.parametrize("client", ["costly"], indirect=True)
def test_a_prefill_beyond_the_cost_of_a_step_is_refused(client: Client) -> None:
    assert client.post(70, 2, positions=9).status_code == 200
    refused = client.post(71, 2, positions=10)
    assert refused.status_code == 400
    assert (
        "the input has 10 positions, but a step takes 9 at most (batching.steps.max_step_cost)"
        in refused.json()["status"]["msg"]
    )


@pytest.mark.parametrize("client", ["parts"], indirect=True)
def test_a_prefill_is_done_in_parts_beside_the_steps_of_others(client: Client) -> None:
    with client.stream(80):
        answer = client.post(81, 2, positions=20)
        assert answer.status_code == 200
    parts = [line.split() for line in client.noted("parts")]
    bounds = [(int(start), int(stop)) for name, start, stop in parts if name == "81"]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 20
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert all(0 < stop - start <= 3 for start, stop in bounds)
    assert '"y"' in answer.text
    assert answer.json()["gtensors"]["tensors"][0]["flat_int64"][0] in (627, "627")
    client.all_ended()


@pytest.mark.parametrize("client", ["several"], indirect=True)
def test_several_instances_share_what_waits(client: Client) -> None:
    client.hold()
    try:
        with ThreadPoolExecutor(8) as threads:
            whole = [threads.submit(client.whole, first, 9) for first in range(90, 98)]
            wait_until(lambda: len(client.noted("rows")) == 3, "three instances make a step")
            client.release()
            assert [one.result() for one in whole] == [expected(n, 9) for n in range(90, 98)]
    finally:
        client.release()
    assert all(len(line.split()) <= 2 for line in client.noted("rows"))
    client.all_ended()
