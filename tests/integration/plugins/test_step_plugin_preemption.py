"""Step models in C++ whose sequences give their slots away, in both servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.plugins.conftest import STEP_SERVERS, step_plugin
from tests.integration.scheduling.test_step_preemption import (
    MODELS,
    test_a_client_that_leaves_while_its_sequence_has_no_slot,
    test_a_drain_finishes_what_runs_and_what_waits,
    test_a_mix_of_priorities_and_clients_that_leave,
    test_a_reload_loses_no_sequence,
    test_a_sequence_without_outputs_begins_again_with_its_input,
    test_a_stream_loses_nothing_when_its_slot_is_taken,
    test_an_urgent_sequence_takes_the_slot_and_the_other_goes_on,
    test_nothing_takes_a_slot_if_preemption_is_never,
    test_the_bytes_of_inputs_that_wait_are_bounded,
    test_the_bytes_of_states_are_bounded,
)
from tests.step_models import Client
from tests.support import serving, write_project

__all__ = [
    "test_a_client_that_leaves_while_its_sequence_has_no_slot",
    "test_a_drain_finishes_what_runs_and_what_waits",
    "test_a_mix_of_priorities_and_clients_that_leave",
    "test_a_reload_loses_no_sequence",
    "test_a_sequence_without_outputs_begins_again_with_its_input",
    "test_a_stream_loses_nothing_when_its_slot_is_taken",
    "test_an_urgent_sequence_takes_the_slot_and_the_other_goes_on",
    "test_nothing_takes_a_slot_if_preemption_is_never",
    "test_the_bytes_of_inputs_that_wait_are_bounded",
    "test_the_bytes_of_states_are_bounded",
]


@pytest.fixture(params=STEP_SERVERS)
def client(
    request: pytest.FixtureRequest, tmp_path: Path, model: str, steps_library: Path
) -> Iterator[Client]:
    """A client of a service with one of the models."""
    program, isolation = request.param
    models = [step_plugin(one, steps_library, isolation) for one in MODELS if one["name"] == model]
    with serving(write_project(tmp_path, models), program) as running:
        yield Client(running, model)
