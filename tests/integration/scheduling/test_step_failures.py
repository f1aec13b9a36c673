"""What of a step model fails, whom it fails for, and what the client gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.step_models import ISOLATIONS, Client, expected, series_model, write_series_project
from tests.support import (
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    user_model,
    write_user_project,
)

MODELS = [
    series_model("plain", {"max_batch_size": 8}),
    series_model("one", {"max_batch_size": 1}),
    series_model("repeatable", {"max_batch_size": 8}, inferer_name="repeatable"),
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
def client(server: RunningServer) -> Client:
    return Client(server, "plain")


def message_of(client: Client, first: int, status: int) -> str:
    """The text of a failure."""
    answer = client.post(first, 3)
    assert answer.status_code == status, answer.text
    found: str = answer.json()["status"]["msg"]
    return found


def test_a_request_that_begin_refuses_is_the_clients_error(client: Client) -> None:
    assert message_of(client, -5, 400) == "x is negative"
    assert client.whole(1, 3) == expected(1, 3)


def test_what_is_no_tensor_is_the_clients_error(server: RunningServer, client: Client) -> None:
    assert server.post({"str_data": "x"}, "?model=plain").status_code == 400
    assert client.whole(2, 3) == expected(2, 3)


def test_begin_fails_for_one_of_several(client: Client) -> None:
    client.hold()
    try:
        with ThreadPoolExecutor() as threads:
            running = threads.submit(client.whole, 20, 3)
            client.sees("rows", 20)
            good = [threads.submit(client.whole, first, 3) for first in (21, 22)]
            bad = [threads.submit(client.post, first, 3) for first in (13, -1, 106)]
            client.waits(5)
            client.release()
            assert [one.result() for one in (running, *good)] == [
                expected(first, 3) for first in (20, 21, 22)
            ]
            assert [one.result().status_code for one in bad] == [500, 400, 500]
    finally:
        client.release()
    assert client.saw("called", 21, 22, 13, -1, 106)
    client.all_ended()


@pytest.mark.parametrize(
    ("first", "status", "text"),
    [
        (101, 500, "output y of a step has shape [2], not 1 rows"),
        (102, 500, "a step of 1 rows says of 2 whether they have finished"),
        (103, 500, "ValueError: step is broken"),
        (104, 500, "ValueError: row is broken"),
        (105, 409, "row is refused"),
        (106, 500, "begin returned [3] for slot 'value', whose rows are []"),
        (107, 500, "a step of 1 rows has the bytes of 2 states"),
        (108, 500, "a step of 1 rows says that row 1 has failed"),
        (109, 500, "output 'y' of a step holds texts"),
        (110, 500, "SystemExit: 3"),
        (111, 500, "step returned nothing; return a StepResult"),
        (112, 500, "output 'y' of a step is float64 [1, 2], that of the one before was"),
        (126, 500, "Error: "),
        (127, 500, "Error: "),
    ],
)
def test_a_failure_names_its_cause_and_the_service_goes_on(
    client: Client, first: int, status: int, text: str
) -> None:
    assert text in message_of(client, first, status)
    assert client.whole(3, 3) == expected(3, 3)
    client.all_ended()


@pytest.mark.parametrize(("first", "status"), [(104, 500), (105, 409), (106, 500)])
def test_a_row_that_fails_leaves_the_others(client: Client, first: int, status: int) -> None:
    with client.stream(30, 3000) as other:
        assert client.post(first, 3).status_code == status
        assert client.whole(31, 3) == expected(31, 3)
        assert other.head().status == 200
    client.all_ended()


def test_a_step_that_raises_fails_the_sequences_of_the_step_only(client: Client) -> None:
    client.hold()
    try:
        with ThreadPoolExecutor() as threads:
            running = threads.submit(client.post, 40, 3)
            client.sees("rows", 40)
            broken = threads.submit(client.post, 103, 3)
            client.waits(1)
            client.release()
            assert [one.result().status_code for one in (running, broken)] == [500, 500]
    finally:
        client.release()
    assert client.saw("rows", 40, 103)
    assert client.whole(41, 3) == expected(41, 3)
    client.all_ended()


def test_a_repeatable_step_that_raises_fails_those_only_for_which_it_raises_again(
    server: RunningServer,
) -> None:
    client = Client(server, "repeatable")
    client.hold()
    try:
        with ThreadPoolExecutor() as threads:
            running = threads.submit(client.whole, 40, 30)
            client.sees("rows", 40)
            good = threads.submit(client.whole, 41, 5)
            broken = threads.submit(client.post, 120, 3)
            client.waits(2)
            client.release()
            assert running.result() == expected(40, 30)
            assert good.result() == expected(41, 5)
            assert broken.result().status_code == 500
            assert "step is broken" in broken.result().json()["status"]["msg"]
    finally:
        client.release()
    assert "3 sequences raised: ValueError: step is broken" in server.whole_log()
    client.all_ended()


def test_a_stream_that_fails_says_so(client: Client) -> None:
    with client.stream(103, 3) as connection:
        answer = connection.answer()
    assert answer.status == 500
    assert "step is broken" in answer.json()["status"]["msg"]


@pytest.mark.parametrize(
    ("inferer", "keys", "cause"),
    [
        (
            "misdeclared",
            {},
            "slot 'value' is declared as 'float99[2]'; write a type and the dimensions of a row, "
            "such as float32[256] or int64",
        ),
        ("series", {"batching": {"type": "dynamic"}}, "'series' is a StepModel; use batching.type"),
        (
            "plain",
            {"batching": {"type": "continuous", "steps": {"max_chunk": 2}}},
            "batching.steps.max_chunk needs a prefill method, which Plain has not",
        ),
        ("nonesuch", {}, "needs a StepModel, but no inferer is registered as 'nonesuch'"),
    ],
)
def test_a_wrong_model_keeps_the_service_from_starting(
    tmp_path: Path, inferer: str, keys: dict[str, Any], cause: str
) -> None:
    write_series_project(tmp_path, [series_model("m", inferer_name=inferer, **keys)])
    assert launch(tmp_path).wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert cause in (state.error or "")


def test_a_class_that_makes_no_steps_is_no_step_model(tmp_path: Path) -> None:
    model = user_model("echo", converter_type="numpy", batching={"type": "continuous"})
    write_user_project(tmp_path, [model])
    assert launch(tmp_path).wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    assert "needs a StepModel, but Echo is registered as 'echo'" in (state.error or "")
