"""What of a step model in C++ fails, whom it fails for, and what the client gets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import STEP_SERVERS, step_plugin
from tests.integration.scheduling.test_step_failures import (
    message_of,
    test_a_row_that_fails_leaves_the_others,
    test_begin_fails_for_one_of_several,
)
from tests.step_models import Client, expected, series_model
from tests.support import (
    GUARD_S,
    START_TIMEOUT_S,
    RunningServer,
    launch,
    serving,
    state_of,
    wait_until,
    write_project,
)

__all__ = [
    "test_a_row_that_fails_leaves_the_others",
    "test_begin_fails_for_one_of_several",
]

PARTS = {"max_batch_size": 4, "steps": {"max_chunk": 2, "prefill_input": "x"}}
MODELS = [
    series_model("plain", {"max_batch_size": 8}),
    series_model("positions", PARTS, inferer_name="positions"),
    series_model("unfinished", inferer_name="unfinished"),
]
PROGRAMS = pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])


@pytest.fixture(scope="module", params=STEP_SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, steps_library: Path
) -> Iterator[RunningServer]:
    program, isolation = request.param
    models = [step_plugin(model, steps_library, isolation) for model in MODELS]
    with serving(write_project(tmp_path_factory.mktemp("steps"), models), program) as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Client:
    return Client(server, "plain")


@pytest.mark.parametrize(
    ("first", "status", "text"),
    [
        (-5, 400, "x is negative"),
        (13, 500, "unlucky"),
        (101, 500, "output 'y' of a step has shape [2], not 1 rows"),
        (102, 500, "there is no sequence 1 in a batch of 1"),
        (103, 500, "step is broken"),
        (104, 500, "row is broken"),
        (105, 409, "row is refused"),
        (106, 500, "it can't begin"),
        (107, 500, "a sequence has no state of this type"),
        (108, 500, "output 'y': no type 14"),
        (109, 500, "output 'y' of a step holds texts"),
        (111, 500, "request_outputs: a step model has outputs of its steps only"),
        (112, 500, "output 'y' of a step is float64 [1, 2], that of the one before was"),
        (113, 500, "output 'z' of a step is float32 [1], that of the one before was 'y'"),
        (114, 500, "an exception that is no std::exception"),
        (116, 500, "output 'y': dimension 0 is -1"),
        (117, 500, "it has begun all the same"),
        (118, 500, "slot 'value' is int64"),
        (119, 500, "there is no slot 'other'"),
        (120, 400, "the model needs 8 inputs"),
        (121, 500, "request_outputs: a step model has outputs of its steps only"),
    ],
)
def test_a_failure_names_its_cause_and_the_service_goes_on(
    client: Client, first: int, status: int, text: str
) -> None:
    assert text in message_of(client, first, status)
    assert client.whole(3, 3) == expected(3, 3)
    client.all_ended()


@pytest.mark.parametrize(
    ("first", "status", "text"),
    [(122, 500, "prefill is broken"), (123, 422, "the part is refused")],
)
def test_a_part_that_fails(server: RunningServer, first: int, status: int, text: str) -> None:
    client = Client(server, "positions")
    answer = client.post(first, 3, positions=6)
    assert (answer.status_code, text in answer.json()["status"]["msg"]) == (status, True)
    assert client.post(5, 2).status_code == 200
    client.all_ended()


def test_a_model_without_begin_says_so(server: RunningServer) -> None:
    text = message_of(Client(server, "unfinished"), 1, 500)
    assert "the model implements neither Begin nor BeginAll" in text


def test_a_broken_copy_is_created_again(client: Client) -> None:
    with client.stream(40, 3000):
        assert "the device is lost" in message_of(client, 110, 500)
    wait_until(
        lambda: client.gauge("grps_model_instance_restarts_total") >= 1, "it is created again"
    )
    assert client.whole(41, 3) == expected(41, 3)
    client.all_ended()


CONTINUOUS = {"type": "continuous"}


@PROGRAMS
@pytest.mark.parametrize(
    ("inferer", "keys", "cause"),
    [
        ("series", {"batching": {"type": "dynamic"}}, "is a step model; use batching.type"),
        ("echo", {}, "needs a step model, but inferer 'echo' is none"),
        (
            "series",
            {"batching": {**CONTINUOUS, "steps": {"max_chunk": 2}}},
            "max_chunk needs a prefill function, which inferer 'series' has not",
        ),
        ("series", {"inferer_args": {"fails": True}}, "'series': the file is missing"),
        ("series", {"inferer_args": {"fault": "throws"}}, "the sizes are unknown"),
        ("series", {"inferer_args": {"fault": "twice"}}, "add_slot: two are called 'value'"),
        ("series", {"inferer_args": {"fault": "type"}}, "add_slot: 'value': no type 14"),
        ("series", {"inferer_args": {"fault": "strings"}}, "'value': rows of strings are not"),
        ("series", {"inferer_args": {"fault": "negative"}}, "'value': dimension 1 is negative"),
        ("series", {"inferer_args": {"fault": "large"}}, "'value': a row has too many elements"),
        ("series", {"inferer_args": {"fault": "memory"}}, "slot 'value': no memory for 16 rows"),
        (
            "series",
            {"isolation": "process", "inferer_args": {"fails": True}},
            "'series': the file is missing",
        ),
    ],
)
def test_a_wrong_model_keeps_the_service_from_starting(
    program: Path | None,
    tmp_path: Path,
    steps_library: Path,
    inferer: str,
    keys: dict[str, Any],
    cause: str,
) -> None:
    model = {**step_plugin(series_model("m", inferer_name=inferer), steps_library), **keys}
    write_project(tmp_path, [model])
    process = launch(tmp_path, program)
    assert process.wait(START_TIMEOUT_S) != 0
    state = state_of(tmp_path)
    said = (tmp_path / "stderr.log").read_text() if state is None else state.error or ""
    assert cause in said


@PROGRAMS
def test_a_step_that_hangs_is_no_longer_ready(
    program: Path | None, tmp_path: Path, steps_library: Path
) -> None:
    models = [step_plugin(series_model("m"), steps_library)]
    write_project(tmp_path, models, server={"health": {"hang_timeout_ms": 200}})
    with serving(tmp_path, program) as server, ThreadPoolExecutor() as threads:
        client = Client(server, "m")
        client.hold()
        running = threads.submit(client.whole, 50, 3)
        try:
            client.sees("rows", 50)
            url = server.url("/grps/v1/health/ready")
            wait_until(lambda: requests.get(url, timeout=GUARD_S).status_code == 503, "it hangs")
            assert "instance 'm-1.0.0#0' hangs" in requests.get(url, timeout=GUARD_S).text
        finally:
            client.release()
        assert running.result() == expected(50, 3)
