"""Sequences of a step model that give their slots away, and what ends or replaces the model."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.step_models import (
    ENDLESS,
    ISOLATIONS,
    Client,
    expected,
    numbers,
    series_model,
    write_series_project,
)
from tests.support import GUARD_S, RunningServer, serving, state_of, wait_until
from tests.tensors import arrays_of

URGENT = {"X-Grps-Priority": "0"}
PATIENT = {"X-Grps-Priority": "2"}


def with_preemption(preemption: str, slots: int = 1, instances: int = 1) -> dict[str, Any]:
    """A model with few slots and several priorities."""
    steps = {"preemption": preemption, "max_steps": ENDLESS}
    return series_model(
        preemption if instances == 1 else f"many_{preemption}",
        {"max_batch_size": slots, "steps": steps},
        queue={"priority_levels": 3},
        instances=instances,
    )


MODELS = [
    *map(with_preemption, ("save", "recompute", "never")),
    *(with_preemption(name, 3, 2) for name in ("save", "recompute")),
    series_model(
        "parts",
        {
            "max_batch_size": 1,
            "steps": {"max_chunk": 3, "prefill_input": "x", "preemption": "recompute"},
        },
        queue={"priority_levels": 2},
        inferer_name="positions",
    ),
    series_model(
        "bytes",
        {"max_batch_size": 4, "steps": {"max_state_bytes": 32, "preemption": "recompute"}},
    ),
    series_model("crowded", {"max_batch_size": 1, "steps": {"max_waiting_bytes": 16}}),
]


@pytest.fixture(params=ISOLATIONS)
def client(tmp_path: Path, model: str, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of a service with one of the models."""
    models = [one for one in MODELS if one["name"] == model]
    write_series_project(tmp_path, models, isolation=request.param)
    with serving(tmp_path) as running:
        yield Client(running, model)


@pytest.mark.parametrize("model", ["save", "recompute"])
def test_an_urgent_sequence_takes_the_slot_and_the_other_goes_on(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        patient = threads.submit(client.whole, 5, 40, PATIENT)
        client.sees("rows", 5)
        urgent = threads.submit(client.whole, 6, 10, URGENT)
        client.waits(1)
        client.release()
        assert urgent.result() == expected(6, 10)
        assert patient.result() == expected(5, 40)
    rows = client.noted("rows")
    assert rows.index("6") < len(rows) - 1 - rows[::-1].index("5"), "the other went on behind it"
    assert rows == ["5"] * rows.index("6") + ["6"] * 10 + ["5"] * (40 - rows.index("6"))
    begun = client.noted("again")
    assert begun == [
        "5 0",
        "6 0",
        *([f"5 {rows.index('6')}"] if client.model == "recompute" else []),
    ]
    client.all_ended()


@pytest.mark.parametrize("model", ["save", "recompute"])
def test_a_stream_loses_nothing_when_its_slot_is_taken(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads, client.stream(7, 30, PATIENT) as connection:
        urgent = [threads.submit(client.whole, first, 10, URGENT) for first in (8, 9)]
        client.waits(2)
        client.release()
        assert connection.head().status == 200
        found = [number for chunk in connection.chunks() for number in numbers(chunk)]
        assert [one.result() for one in urgent] == [expected(8, 10), expected(9, 10)]
    assert found == expected(7, 30)
    assert client.gauge("grps_model_queue_length") == 0
    client.all_ended()


@pytest.mark.parametrize("model", ["parts"])
def test_a_sequence_without_outputs_begins_again_with_its_input(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        patient = threads.submit(client.post, 13000, 2, 20, PATIENT)
        wait_until(lambda: client.noted("parts") == ["13000 0 3"], "the first part is read")
        urgent = threads.submit(client.post, 14000, 2, 5, URGENT)
        client.waits(1)
        client.release()
        answers = [urgent.result(), patient.result()]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert client.noted("again") == ["13000 0", "14000 0", "13000 0"]
    parts = [line for line in client.noted("parts") if line.startswith("13000")]
    assert parts[1:3] == ["13000 0 3", "13000 3 6"]
    assert parts[-1] == "13000 18 20"
    found = [arrays_of(answer.json()["gtensors"])["y"].tolist() for answer in answers]
    assert found == [expected(5, 2), expected(20, 2)], "from the number of positions"
    client.all_ended()


@pytest.mark.parametrize("model", ["save", "recompute"])
def test_a_client_that_leaves_while_its_sequence_has_no_slot(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        with client.stream(10, headers=PATIENT):
            urgent = threads.submit(client.whole, 11, 2000, URGENT)
            client.waits(1)
            client.release()
            client.sees("rows", 11)
        assert urgent.result() == expected(11, 2000)
    assert client.whole(12, 2) == expected(12, 2)
    client.all_ended()


@pytest.mark.parametrize("model", ["many_save", "many_recompute"])
def test_a_mix_of_priorities_and_clients_that_leave(client: Client) -> None:

    def ask(first: int) -> None:
        headers = {"X-Grps-Priority": str(first % 3)}
        steps = first * 7 % 40 + 1
        if first % 10 < 3:
            with client.stream(first, headers=headers):
                pass
        else:
            assert client.whole(first, steps, headers) == expected(first, steps)

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(ask, range(2000, 2150)))
    client.all_ended()
    assert {int(first) for first in client.noted("begun")} == set(range(2000, 2150))
    assert (len(client.noted("begun")) > 150) == (client.model == "many_recompute")
    assert client.gauge("grps_model_queue_length") == 0


@pytest.mark.parametrize("model", ["never"])
def test_nothing_takes_a_slot_if_preemption_is_never(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        patient = threads.submit(client.whole, 5, 20, PATIENT)
        client.sees("rows", 5)
        urgent = threads.submit(client.whole, 6, 10, URGENT)
        client.waits(1)
        client.release()
        assert (patient.result(), urgent.result()) == (expected(5, 20), expected(6, 10))
    assert client.noted("rows") == ["5"] * 20 + ["6"] * 10


@pytest.mark.parametrize("model", ["bytes"])
def test_the_bytes_of_states_are_bounded(client: Client) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(client.whole, range(20, 28), [30] * 8))
    assert found == [expected(first, 30) for first in range(20, 28)]
    assert max(len(line.split()) for line in client.noted("rows")) == 2, "16 bytes each"
    client.all_ended()


@pytest.mark.parametrize("model", ["crowded"])
def test_the_bytes_of_inputs_that_wait_are_bounded(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        running = threads.submit(client.whole, 50, 3)
        client.sees("rows", 50)
        waiting = threads.submit(client.whole, 51, 3)
        client.waits(1)
        refused = client.post(52, 3)
        assert refused.status_code == 429
        assert "inputs of 16 bytes wait already (batching.steps.max_waiting_bytes)" in refused.text
        client.release()
        assert (running.result(), waiting.result()) == (expected(50, 3), expected(51, 3))
    too_long = client.post(53, 1, 3)
    assert too_long.status_code == 400
    assert "the input has 24 bytes; 16 may wait" in too_long.text
    client.all_ended()


def is_draining(server: RunningServer) -> bool:
    state = state_of(server.folder)
    return state is not None and state.phase == "draining"


@pytest.mark.parametrize("model", ["never"])
def test_a_drain_finishes_what_runs_and_what_waits(client: Client) -> None:
    client.hold()
    with ThreadPoolExecutor() as threads:
        whole = [threads.submit(client.whole, first, 20) for first in (30, 31)]
        wait_until(lambda: bool(client.noted("rows")), "a sequence runs")
        client.waits(1)
        client.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_draining(client.server), "the drain starts")
        assert client.post(32, 1).status_code == 503
        client.release()
        assert [one.result() for one in whole] == [expected(30, 20), expected(31, 20)]
    assert client.server.process.wait(GUARD_S) == 0
    assert sorted(client.noted("ended")) == ["30", "31"]
    assert client.server.stderr() == ""


@pytest.mark.parametrize("model", ["save"])
def test_a_reload_loses_no_sequence(client: Client) -> None:
    client.hold()
    url = client.server.url("/grps/v1/admin/models/save/reload")
    with ThreadPoolExecutor() as threads:
        before = [threads.submit(client.whole, first, 20) for first in (40, 41)]
        wait_until(lambda: bool(client.noted("rows")), "a sequence runs")
        client.waits(1)
        assert requests.post(url, timeout=GUARD_S).status_code == 200
        after = threads.submit(client.whole, 42, 3)
        client.sees("rows", 42)
        client.release()
        assert [one.result() for one in before] == [expected(40, 20), expected(41, 20)]
        assert after.result() == expected(42, 3)
    client.all_ended()
